"""One thing that was looked at, and how all are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from cali.core.errors import CaliError, Retryable
from cali.doctor.world import World

CHARACTERS = 300  # of a detail


class State(StrEnum):
    """How bad it is. Only `fail` gives exit code 1: something does not work, or works as nobody declared it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """`what` was looked at, what was seen, and what to do `then`; nothing is to be done about `ok`."""

    state: State
    what: str
    detail: str
    then: str = ""


Check = Callable[[World], Iterable[Finding]]


def ok(what: str, detail: str) -> Finding:
    return Finding(State.OK, what, detail)


def warn(what: str, detail: str, then: str) -> Finding:
    return Finding(State.WARN, what, detail, then)


def fail(what: str, detail: str, then: str) -> Finding:
    return Finding(State.FAIL, what, detail, then)


def examine(checks: Iterable[Check], world: World) -> Iterator[Finding]:
    """The findings of all checks, in their order, without secrets. What a check raises is a finding."""
    for check in checks:
        try:
            for finding in check(world):
                yield _clean(finding, world)
        except Exception as error:  # one that crashes must not cost the others
            yield _clean(_crashed(check, error), world)


def _crashed(check: Check, error: Exception) -> Finding:
    name = check.__name__.replace("_", " ")
    if isinstance(error, Retryable):
        return fail(name, str(error), "see that it is up and can be reached from here, and run this again")
    if isinstance(error, CaliError):
        return fail(name, str(error), "correct what the line names")
    kind = type(error).__name__
    return fail(
        name, f"the check itself failed: {kind}: {error}", "report this line; it is a defect of cali doctor"
    )


def _clean(finding: Finding, world: World) -> Finding:
    detail = " ".join(world.hide(finding.detail).split())
    return finding._replace(detail=detail[:CHARACTERS] if len(detail) > CHARACTERS else detail)
