"""Check of the account's quota of concurrent invocations.

Lambda rejects a reservation that leaves fewer than 100 for all other functions. A new account may have a quota of 10.
Functions then share the quota: they work, but a burst of one function can delay the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cali_ops.calls import Call, ask, perform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cali_ops.calls import Clients

LEFT_FOR_OTHERS = 100  # concurrent invocations that Lambda keeps for functions without a reservation


class Concurrency(NamedTuple):
    """Concurrent invocations of the account: the quota, the unreserved ones, and those that this stage reserves."""

    limit: int
    free: int
    own: int

    def has(self, wanted: int) -> bool:
        """Return whether this stage can reserve that many."""
        return self.free + self.own - wanted >= LEFT_FOR_OTHERS

    def refusal(self, wanted: int) -> str:
        """Return one line that says why the reservation is impossible."""
        return (
            f"the account runs {self.limit} functions at once, {self.free + self.own} of them unreserved: nothing is reserved, where {wanted}"
            f" are wanted and {wanted + LEFT_FOR_OTHERS} needed; ask for more by `concurrency_quota` in terraform.tfvars"
        )


def read(functions: Iterable[str], clients: Clients) -> Concurrency:
    """Read the account's quota, and the reservations of the named functions."""
    limit = perform(Call("lambda", "get_account_settings"), clients)["AccountLimit"]
    own = 0
    for name in functions:
        held = ask(Call("lambda", "get_function_concurrency", {"FunctionName": name}), clients) or {}
        own += int(held.get("ReservedConcurrentExecutions", 0))
    return Concurrency(int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"]), own)
