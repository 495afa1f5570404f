"""Checks and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from cali.core.errors import CaliError, Retryable
from cali.doctor.context import DoctorContext

CHARACTERS = 300  # maximum length of a detail


class State(StrEnum):
    """Severity of a result. Only `fail` gives exit code 1: a component is broken or differs from its declaration."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class CheckResult(NamedTuple):
    """Result of one check: its subject `what`, the `detail` found, and the fix `then` unless the state is ok."""

    state: State
    what: str
    detail: str
    then: str = ""


Check = Callable[[DoctorContext], Iterable[CheckResult]]


def ok(what: str, detail: str) -> CheckResult:
    return CheckResult(State.OK, what, detail)


def warn(what: str, detail: str, then: str) -> CheckResult:
    return CheckResult(State.WARN, what, detail, then)


def fail(what: str, detail: str, then: str) -> CheckResult:
    return CheckResult(State.FAIL, what, detail, then)


def examine(checks: Iterable[Check], context: DoctorContext) -> Iterator[CheckResult]:
    """Yield the results of all checks in order, without secrets. An exception in a check becomes a failed result."""
    for check in checks:
        try:
            for result in check(context):
                yield _clean(result, context)
        except Exception as error:  # a check that crashes must not stop the others
            yield _clean(_crashed(check, error), context)


def _crashed(check: Check, error: Exception) -> CheckResult:
    name = check.__name__.replace("_", " ")
    if isinstance(error, Retryable):
        return fail(name, str(error), "see that it is up and can be reached from here, and run this again")
    if isinstance(error, CaliError):
        return fail(name, str(error), "correct what the line names")
    kind = type(error).__name__
    return fail(
        name, f"the check itself failed: {kind}: {error}", "report this line; it is a defect of cali doctor"
    )


def _clean(result: CheckResult, context: DoctorContext) -> CheckResult:
    detail = " ".join(context.hide(result.detail).split())
    return result._replace(detail=detail[:CHARACTERS] if len(detail) > CHARACTERS else detail)
