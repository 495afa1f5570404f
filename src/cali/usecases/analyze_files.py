"""The use case of `cali analyze`: find and explain the incidents in finite logs.

numbered lines -> Pipeline -> Detector -> Reasoner -> groups -> Analysis
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cali.core.models import Evidence, Incident, IncidentGroup, Severity
from cali.usecases.pipeline import Pipeline, explained

if TYPE_CHECKING:
    from cali.stages.detect import Detector
    from cali.stages.reason import Reasoner, Spend
    from cali.stages.retrieve.knowledge import Knowledge


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of one run over logs.

    `quarantine` holds the number and the reason of the first unreadable lines, never their text. `healthy` counts, by
    severity, the events that belong to no incident.
    """

    lines: int
    events: int
    templates: int
    quarantined: int = 0
    quarantine: tuple[Evidence, ...] = ()
    seconds: float | None = None
    sources: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    spend: Spend | None = None
    healthy: Mapping[Severity, int] = field(default_factory=dict)
    began: float | None = None  # earliest time in the log, in seconds since the epoch
    ended: float | None = None  # latest time in the log

    @property
    def lines_per_second(self) -> float | None:
        return self.lines / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Summary, and incidents in the order to show. `context` maps a finding id to the lines around its evidence."""

    summary: Summary
    incidents: tuple[IncidentGroup, ...] = ()
    context: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Incident, ...]:
        """Return the findings of all incidents in display order."""
        return tuple([member.finding for group in self.incidents for member in group.members])


def analyze_files(
    sources: Sequence[str],
    lines: Iterable[tuple[int, bytes]],
    pipeline: Pipeline,
    detector: Detector,
    knowledge: Knowledge,
    reasoner: Reasoner,
    versions: Mapping[str, str],
    clock: Callable[[], float] = time.perf_counter,
) -> Analysis:
    """Return the incidents in the lines, with their diagnoses and the counts that a report shows."""
    begun = clock()
    templates: set[str] = set()
    healthy = dict.fromkeys(Severity, 0)
    first, last = float("inf"), float("-inf")
    for event in pipeline.events(lines):
        detector.observe(event)
        templates.add(event.template.id)
        healthy[event.severity] += 1
        if event.time is not None:
            first, last = min(first, event.time), max(last, event.time)
    incidents = explained(detector.incidents(), knowledge, reasoner, detector.moments())
    findings = [member.finding for group in incidents for member in group.members]
    for finding in findings:
        healthy[finding.severity] -= finding.count
    tally = pipeline.tally
    summary = Summary(
        lines=tally.lines,
        events=tally.events,
        templates=len(templates),
        quarantined=tally.quarantined,
        quarantine=tuple([Evidence(line.line, line.reason) for line in tally.reasons]),
        seconds=clock() - begun,
        sources=tuple(sources),
        versions={**versions, "knowledge": knowledge.version},
        spend=reasoner.spend,
        healthy={severity: count for severity, count in sorted(healthy.items()) if count > 0},
        began=first if last >= first else None,
        ended=last if last >= first else None,
    )
    return Analysis(summary, incidents)
