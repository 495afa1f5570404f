"""Titles of incidents: what broke, in words, and never the same title twice.

known error          -> the title of its knowledge entry       PostgreSQL has no free connection slot
exception in a trace -> the exception, and its place in the code
anything else        -> the line of the root
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cali.stages.reason.numbered_lines import NumberedLine
from cali.stages.reason.stack_trace import read_trace

if TYPE_CHECKING:
    from cali.core.models import Incident, IncidentGroup, KnowledgeEntry

LONGEST = 160  # maximum characters of a title


def titled(
    groups: Sequence[IncidentGroup], entry_of: Callable[[Incident], KnowledgeEntry | None]
) -> tuple[IncidentGroup, ...]:
    """Return the groups with their titles. Groups of one title also name the workload, or else quote the root's line."""
    titles = [_title(group.root, entry_of(group.root)) for group in groups]
    titles = _told_apart(titles, [group.root.scope.workload for group in groups])
    titles = _told_apart(titles, [group.root.title for group in groups])
    titles = _told_apart(titles, [f"line {group.root.first_line}" for group in groups])
    return tuple(replace(group, title=title) for group, title in zip(groups, titles, strict=True))


def _title(root: Incident, entry: KnowledgeEntry | None) -> str:
    if entry:
        return entry.title
    trace = read_trace(
        [NumberedLine(0, line, own=True, worth=0.0) for line in root.samples[0].message.split("\n")]
    )
    if trace is None:
        return root.title
    name = trace.type.rsplit(".", 1)[-1].rsplit("\\", 1)[-1]
    place = f" at {trace.frame.source}" if trace.frame else ""
    detail = f": {trace.message}" if trace.message else ""
    return f"{name}{place}{detail}"[:LONGEST]


def _told_apart(titles: Sequence[str], details: Sequence[str]) -> list[str]:
    counts = Counter(titles)
    return [
        f"{title}: {detail}"[: 2 * LONGEST] if counts[title] > 1 and detail and detail not in title else title
        for title, detail in zip(titles, details, strict=True)
    ]
