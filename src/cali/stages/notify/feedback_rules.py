"""What feedback teaches, so that a job, a detector and a test read it alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from cali.core.errors import CaliError
from cali.core.life import Feedback, Verdict
from cali.core.models import Incident
from cali.core.ports import FeedbackStore


@dataclass(frozen=True, slots=True)
class Lessons:
    """`raised` counts for each knowledge entry how much oftener people called it right than wrong; `causes` are what
    people said of a template instead, (template, cause), each once."""

    raised: dict[str, int]
    causes: tuple[tuple[str, str], ...]


def lessons(records: Iterable[Feedback]) -> Lessons:
    """What a set of records teaches, in whatever order. Of one person and incident the latest verdict counts."""
    latest: dict[tuple[str, str], Feedback] = {}
    for record in sorted(records, key=lambda one: (one.at, one.id)):
        latest[record.incident, record.by] = record
    raised: Counter[str] = Counter()
    causes: dict[tuple[str, str], None] = {}
    for record in latest.values():
        if record.entry and record.verdict is not Verdict.NOT_AN_ERROR:
            raised[record.entry] += 1 if record.verdict is Verdict.RIGHT else -1
        if record.verdict is Verdict.WRONG and record.cause:
            causes[record.template, record.cause] = None
    return Lessons(dict(sorted(raised.items())), tuple(sorted(causes)))


def unsuppressed(incidents: Iterable[Incident], suppressed: Container[str]) -> list[Incident]:
    """The incidents of which nobody said that they are no error there. To be asked before one is raised."""
    return [incident for incident in incidents if incident.id not in suppressed]


class Suppressions:
    """The ids of the incidents that must not be raised, read again at most once in `every` seconds. When the store does not
    answer, what was read last counts and `warn` is told: to raise too much is better than to raise nothing."""

    def __init__(
        self,
        kept: FeedbackStore,
        now: Callable[[], float],
        warn: Callable[[str], None] = lambda _: None,
        every: float = 60.0,
    ) -> None:
        self._kept = kept
        self._now = now
        self._warn = warn
        self._every = every
        self._ids: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def __contains__(self, incident: object) -> bool:
        now = self._now()
        if now - self._read_at >= self._every:
            self._read_at = now
            try:
                self._ids = self._kept.suppressed()
            except CaliError as error:
                self._warn(f"suppressions: {error}")
        return incident in self._ids
