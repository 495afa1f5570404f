"""The smoke test of a deployment."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cali.core.errors import Retryable
from cali_ops.smoke import SmokeTools, looked
from cali_ops.tell import tell

RECORD = {
    "resources": [
        {"name": "analyze", "resource_type": "lambda_function", "lambda_arn": "arn:analyze"},
        {"name": "sweep", "resource_type": "lambda_function", "lambda_arn": "arn:sweep"},
        {"name": "rest_api", "resource_type": "rest_api", "rest_api_url": "https://api/api/"},
        {"name": "role", "resource_type": "iam_role"},
    ]
}


class Functions:
    """A fake Lambda: the states that a function passes through, and its answers."""

    def __init__(self, states: list[tuple[str, str]], error: str = "") -> None:
        self.states = states
        self.error = error
        self.invoked: list[tuple[str, Any]] = []

    def get_function_configuration(self, FunctionName: str) -> dict[str, str]:  # noqa: N803 - boto3's word
        state, update = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"State": state, "LastUpdateStatus": update}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's words
        self.invoked.append((FunctionName, json.loads(Payload)))
        if self.error:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(self.error.encode())}
        return {"Payload": io.BytesIO(b"{}")}


class Mappings:
    def __init__(self, *differences: str) -> None:
        self.differences = list(differences)

    def verify(self) -> list[str]:
        return self.differences


def seen(functions: Functions, page: Any, *differences: str) -> list[str]:
    waited: list[float] = []
    look = SmokeTools(functions, waited.append, page)
    return [one.line() for one in looked(RECORD, Mappings(*differences), look)]  # type: ignore[arg-type]


def healthy(url: str) -> str:
    assert url == "https://api/api/health"
    return '{"status": "ok", "stage": "dev"}'


def test_what_works_is_said_so_and_nothing_but_empty_batches_was_sent() -> None:
    functions = Functions([("Pending", "InProgress"), ("Active", "Successful")])

    assert seen(functions, healthy) == [
        "ok   function analyze", "ok   function sweep", "ok   health", "ok   event sources"
    ]  # fmt: skip
    assert functions.invoked == [("arn:analyze", {"Records": []})]


def test_a_function_that_never_gets_ready_is_named() -> None:
    assert seen(Functions([("Pending", "InProgress")]), healthy)[0] == (
        "fail function analyze: not ready: Pending and InProgress"
    )
    assert "not ready: Active and Failed" in seen(Functions([("Active", "Failed")]), healthy)[0]


def test_a_function_that_fails_is_quoted() -> None:
    lines = seen(Functions([("Active", "Successful")], "No module named 'x'"), healthy)
    assert lines[0] == "fail function analyze: fails on an empty batch: No module named 'x'"


def test_a_page_that_does_not_answer_and_settings_that_differ_fail() -> None:
    def away(url: str) -> str:
        raise Retryable("health: cannot be reached")

    lines = seen(Functions([("Active", "Successful")]), away, "analyze: batch size 10, declared 1000")
    assert lines[2].startswith("fail health: https://api/api/: health: cannot be reached")
    assert lines[3] == "fail event sources: analyze: batch size 10, declared 1000"


def test_without_an_address_slack_is_not_told_and_nothing_fails() -> None:
    assert tell("functions success", "") == "not told, SLACK_WEBHOOK_URL is not set: functions success"
    assert tell("functions success", "http://127.0.0.1:1/x").startswith("not told: Slack")


@pytest.mark.parametrize("first", [Retryable("reset"), "<html>", "[]", '{"status": "no"}'])
def test_a_page_that_is_well_after_a_moment_is_well_and_one_that_is_not_is_named(first: Any) -> None:
    answers = [first]

    def page(url: str) -> str:
        said = answers.pop() if answers else healthy(url)
        if isinstance(said, Exception):
            raise said
        return str(said)

    ready = [("Active", "Successful")]
    assert seen(Functions(ready), page)[2].startswith("ok")
    answers += [first] * 10
    assert seen(Functions(ready), page)[2].startswith("fail health: https://api/api/: ")
