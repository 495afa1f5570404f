"""Small logs to replay: CRI lines with a time, and a knowledge base of a few entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import Knowledge, knowledge_of

BEGIN = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def line(minutes: float, text: str) -> bytes:
    """Return a line that an application wrote a number of minutes after BEGIN."""
    at = BEGIN + timedelta(minutes=minutes)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z {text}".encode()


def numbered(lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
    return list(enumerate(lines, 1))


def at(minutes: float) -> float:
    return (BEGIN + timedelta(minutes=minutes)).timestamp()


def entry(
    name: str, pattern: str, cause: str = "The disk is full.", severity: Severity = Severity.ERROR
) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=name,
        title=f"About {name}",
        area="storage",
        symptoms=(f"ERROR {pattern}",),
        match=((pattern,),),
        cause=cause,
        fix=("Free some space.",),
        severity=severity,
    )  # fmt: skip


def knowing(*entries: KnowledgeEntry) -> Knowledge:
    """Return a knowledge base of these entries, and one that matches nothing: a knowledge base is never empty."""
    return knowledge_of((*entries, entry("other-thing", "a thing that is in no log")), "2026-11-20")
