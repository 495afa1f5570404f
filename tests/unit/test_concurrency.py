"""Reservations beyond the account's quota are left out, with one line. Lambda would reject them in the middle of a
deployment."""

from __future__ import annotations

from typing import Any

import pytest

from cali_ops.chalice_config import FUNCTIONS, fitted, local, stage

WANTED = sum(function.reserved or 0 for function in FUNCTIONS)


class Lambda:
    """A fake Lambda with an account's quota and the reservations of its functions. It rejects as AWS does."""

    def __init__(self, limit: int, reserved: dict[str, int] | None = None) -> None:
        self.limit = limit
        self.reserved = dict(reserved or {})

    def get_account_settings(self) -> dict[str, Any]:
        free = self.limit - sum(self.reserved.values())
        return {"AccountLimit": {"ConcurrentExecutions": self.limit, "UnreservedConcurrentExecutions": free}}

    def get_function_concurrency(self, **given: Any) -> dict[str, Any]:
        held = self.reserved.get(given["FunctionName"])
        return {} if held is None else {"ReservedConcurrentExecutions": held}

    def put_function_concurrency(self, **given: Any) -> None:
        wanted, mine = given["ReservedConcurrentExecutions"], given["FunctionName"]
        others = sum(number for name, number in self.reserved.items() if name != mine)
        if self.limit - others - wanted < 100:
            raise ValueError(
                "InvalidParameterValueException: decreases UnreservedConcurrentExecution below its minimum value of [100]"
            )
        self.reserved[mine] = wanted


def deployed(account: Lambda) -> tuple[str, Lambda]:
    """Return the output, and the account after the deployment."""
    held = local()
    why = fitted(held, "local", lambda _: account)
    for name, section in stage("local", held)["lambda_functions"].items():
        if "reserved_concurrency" in section:
            account.put_function_concurrency(
                FunctionName=f"cali-local-{name}",
                ReservedConcurrentExecutions=section["reserved_concurrency"],
            )
    return why, account


@pytest.mark.parametrize("limit", [10, 100, 100 + WANTED - 1])
def test_an_account_without_room_gets_no_reservation_and_is_told_what_to_do(limit: int) -> None:
    why, account = deployed(Lambda(limit))
    assert account.reserved == {}
    assert why.count("\n") == 0
    assert f"runs {limit} functions at once" in why
    assert "concurrency_quota" in why


@pytest.mark.parametrize("limit", [100 + WANTED, 1000])
def test_an_account_with_room_keeps_what_is_declared_also_when_it_is_deployed_again(limit: int) -> None:
    why, account = deployed(Lambda(limit))
    assert (why, sum(account.reserved.values())) == ("", WANTED)
    assert deployed(account)[0] == ""


def test_what_others_reserved_counts() -> None:
    why, account = deployed(Lambda(1000, {"theirs": 890}))
    assert account.reserved == {"theirs": 890}
    assert "110 of them unreserved" in why


def test_who_wants_no_reservation_is_told_nothing() -> None:
    held = {**local(), "reserve_concurrency": False}
    assert fitted(held, "local", lambda _: Lambda(10)) == ""
    assert not any("reserved_concurrency" in one for one in stage("local", held)["lambda_functions"].values())
