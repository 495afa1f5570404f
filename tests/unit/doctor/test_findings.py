"""The results of checks for given facts, without AWS or network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cali.bootstrap.doctor import doctor_context
from cali.core.errors import Misconfigured, Retryable
from cali.core.settings import Settings
from cali.doctor import CheckResult, DoctorContext, State, examine
from cali.doctor.check import ok
from cali.doctor.deployed import deployed_name, differing, functions
from cali.doctor.embedded import CHECKS as EMBEDDED
from cali.doctor.health import Age, aged, concurrency_limit, quotas, shard_limit, used


class Client:
    """A client of AWS with a table of answers. Any other call is rejected."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._answers.get(name, Misconfigured(f"{name}: AccessDenied"))

        def call(**_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def context(tmp_path: Path, **clients: Client) -> DoctorContext:
    settings = Settings(cache_dir=str(tmp_path / "cache"), openai_api_key="very-plain-word")
    return doctor_context(settings, lambda name: clients.get(name, Client()), lambda: 1_795_176_000.0)


def test_a_check_that_crashes_is_a_failure_of_its_own_and_costs_no_other(tmp_path: Path) -> None:
    def first(_: DoctorContext) -> Iterator[CheckResult]:
        yield ok("first", "seen")
        raise KeyError("surprise")

    def second_one(_: DoctorContext) -> Iterator[CheckResult]:
        raise Retryable("server: no answer")

    def third(_: DoctorContext) -> Iterator[CheckResult]:
        yield ok("third", "seen")

    found = list(examine([first, second_one, third], context(tmp_path)))

    assert [(one.state, one.what) for one in found] == [
        (State.OK, "first"), (State.FAIL, "first"), (State.FAIL, "second one"), (State.OK, "third"),
    ]  # fmt: skip
    assert "KeyError: 'surprise'" in found[1].detail
    assert all(one.then for one in found if one.state is State.FAIL)


def test_no_finding_shows_a_secret(tmp_path: Path) -> None:
    def leaks(at: DoctorContext) -> Iterator[CheckResult]:
        at.secrets.add("hunter2-of-milvus")
        yield ok("leak", "very-plain-word and hunter2-of-milvus and AKIAIOSFODNN7EXAMPLE")
        raise Misconfigured("refused: very-plain-word")

    shown = " ".join(one.detail for one in examine([leaks], context(tmp_path)))

    assert "very-plain-word" not in shown
    assert "hunter2" not in shown
    assert "AKIAIOSFODNN7EXAMPLE" not in shown
    assert "refused: <hidden>" in shown


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (Age("analyze", None), State.OK),
        (Age("analyze", 2.0), State.OK),
        (Age("analyze", 30.0), State.WARN),
        (Age("analyze", 60.0), State.FAIL),
        (Age("diagnose", 60.0), State.OK),
        (Age("diagnose", 300.0), State.FAIL),
    ],
)
def test_an_age_is_judged_by_the_limit_of_its_alarm(age: Age, state: State) -> None:
    assert aged(age).state is state


@pytest.mark.parametrize(
    ("count", "limit", "state"),
    [
        (0, 200, State.OK),
        (159, 200, State.OK),
        (160, 200, State.WARN),
        (200, 200, State.FAIL),
        (3, 0, State.OK),
    ],
)
def test_a_limit_warns_when_it_is_near(count: int, limit: int, state: State) -> None:
    assert used("shards", count, limit, "ask for more").state is state


def test_limits_are_read_from_the_account(tmp_path: Path) -> None:
    account = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 100}}
    at = context(
        tmp_path,
        kinesis=Client(describe_limits={"OpenShardCount": 190, "ShardLimit": 200}),
        cloudwatch=Client(get_metric_statistics={"Datapoints": [{"Maximum": 900.0}, {"Maximum": 20.0}]}),
        **{"lambda": Client(get_account_settings=account)},
        **{"service-quotas": Client(get_service_quota={"Quota": {"Value": 10.0}})},
    )

    shards, running, free, low = examine([shard_limit, concurrency_limit, quotas], at)

    assert (shards.state, shards.detail) == (State.WARN, "190 of 200 are in use")
    assert (running.state, running.detail) == (State.WARN, "900 of 1,000 are in use")
    assert (free.state, free.detail) == (
        State.WARN,
        "900 of 1000 are reserved, so 100 are left for all other functions",
    )
    assert (low.state, "as of a new account" in low.detail) == (State.WARN, True)


def test_a_limit_that_may_not_be_read_is_a_warning(tmp_path: Path) -> None:
    found = list(examine([shard_limit, concurrency_limit, quotas], context(tmp_path)))

    assert [one.state for one in found] == [State.WARN] * 3


DECLARED = {
    "environment_variables": {"CALI_STAGE": "dev", "CALI_MODEL": "small"},
    "lambda_functions": {
        "alert": {"lambda_memory_size": 512, "lambda_timeout": 60, "reserved_concurrency": 5}
    },
    "layers": ["arn:aws:lambda:eu-west-1:1:layer:cali:3"],
}
AS_DECLARED = {
    "MemorySize": 512,
    "Timeout": 60,
    "Environment": {"Variables": {"CALI_STAGE": "dev", "CALI_MODEL": "small", "AWS_X": "1"}},
    "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:1:layer:cali:3"}],
    "State": "Active",
}


def differences(reserved: int | None = 5, **changed: Any) -> list[str]:
    section = DECLARED["lambda_functions"]["alert"]  # type: ignore[index]
    return list(differing(DECLARED, section, {**AS_DECLARED, **changed}, reserved))


def test_a_function_as_declared_differs_in_nothing() -> None:
    assert differences() == []


def test_each_setting_that_differs_is_told_and_no_value_of_a_variable() -> None:
    assert differences(MemorySize=128) == ["MemorySize is 128, should be 512"]
    assert differences(Timeout=3) == ["Timeout is 3, should be 60"]
    assert differences(reserved=None) == ["reserved concurrency is None, should be 5"]
    assert differences(Layers=[]) == ["has the layers none, should have cali:3"]
    assert differences(State="Failed") == ["is Failed"]
    variables = {"CALI_STAGE": "dev", "CALI_MODEL": "a-secret", "CALI_OLD": "b-secret"}
    assert differences(Environment={"Variables": variables}) == [
        "differs in CALI_MODEL", "has CALI_OLD, not declared",
    ]  # fmt: skip


def test_the_function_of_the_api_has_the_name_of_the_stage() -> None:
    assert deployed_name("dev", "api_handler") == "cali-dev"
    assert deployed_name("dev", "analyze") == "cali-dev-analyze"


def test_this_machine_alone_is_fine_with_nothing_configured(tmp_path: Path) -> None:
    at = doctor_context(Settings(cache_dir=str(tmp_path)), lambda _: Client(), lambda: 0.0)

    found = list(examine(EMBEDDED, at))

    assert {one.state for one in found} == {State.OK}
    assert [one.what for one in found] == ["settings", "knowledge", "cache"]


def test_a_secret_that_an_error_shows_as_python_does_is_hidden(tmp_path: Path) -> None:
    made = context(tmp_path)
    made.secrets.add("plainsecretword\n")

    assert "plainsecret" not in made.hide("Invalid header value b'plainsecretword\\n'")


def test_a_function_that_may_not_be_read_is_no_defect_of_doctor(tmp_path: Path) -> None:
    refused = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetFunction")
    made = replace(
        context(tmp_path, **{"lambda": Client(get_function_configuration=refused)}),
        stage="dev",
        declared={"lambda_functions": {"analyze": {}}},
    )

    (found,) = examine([functions], made)

    assert (found.state, found.then) == (State.FAIL, "correct what the line names")
    assert found.detail.startswith("function cali-dev-analyze: ")
