"""Titles of incidents: the known failure, the exception with its place, else the line; never the same title twice."""

from __future__ import annotations

from cali.core.models import (
    Event,
    Incident,
    IncidentGroup,
    KnowledgeEntry,
    Member,
    Role,
    Scope,
    Severity,
    Template,
)
from cali.stages.reason.titles import titled

FULL = KnowledgeEntry("pg-full", "PostgreSQL has no free slot", "db", (), (), "", (), Severity.ERROR)
TRACE = """charge failed
Traceback (most recent call last):
  File "/app/shop/pay.py", line 42, in charge
    return rates[currency]
KeyError: 'EUR'"""


def group(message: str, workload: str = "", line: int = 1) -> IncidentGroup:
    template = Template(str(line), message)
    scope = Scope("", "", workload, "")
    event = Event((line,), message, None, Severity.ERROR, scope, template)
    root = Incident(
        str(line),
        scope,
        template,
        message.splitlines()[0],
        Severity.ERROR,
        1,
        line,
        line,
        None,
        None,
        (event,),
    )
    return IncidentGroup(root.id, root.title, root.severity, 1, None, None, (Member(root, Role.ROOT),))


def titles(*groups: IncidentGroup, entry: KnowledgeEntry | None = None) -> list[str]:
    return [one.title for one in titled(groups, lambda _: entry)]


def test_a_known_failure_has_the_title_of_its_entry() -> None:
    assert titles(group("FATAL: too many clients"), entry=FULL) == ["PostgreSQL has no free slot"]


def test_an_exception_is_named_with_its_place() -> None:
    assert titles(group(TRACE)) == ["KeyError at /app/shop/pay.py:42: 'EUR'"]


def test_anything_else_keeps_its_line() -> None:
    assert titles(group("flux drifted")) == ["flux drifted"]


def test_the_same_failure_of_two_workloads_names_them() -> None:
    found = titles(group("a", "orders", 1), group("b", "carts", 2), entry=FULL)
    assert found == ["PostgreSQL has no free slot: orders", "PostgreSQL has no free slot: carts"]


def test_without_workloads_the_line_and_then_its_number_tell_them_apart() -> None:
    assert titles(group("reserved", line=1), group("too many", line=2), entry=FULL) == [
        f"{FULL.title}: reserved",
        f"{FULL.title}: too many",
    ]
    assert titles(group("a", line=1), group("a", line=2)) == ["a: line 1", "a: line 2"]
