"""Small logs to replay: lines of CRI's, with a time, and a knowledge base of a few entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import Knowledge, knowledge_of

BEGIN = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def line(minutes: float, text: str) -> bytes:
    """A line that an application wrote so many minutes after BEGIN."""
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
    """Knowledge of these entries, and of one that nothing matches: a base is never empty."""
    return knowledge_of((*entries, entry("other-thing", "a thing that is in no log")), "2026-11-20")
