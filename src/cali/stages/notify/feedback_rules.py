"""Rules for people's feedback: its effect on the ranking of knowledge, and the incidents that it suppresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cali.core.errors import CaliError
from cali.core.life import Feedback, Verdict
from cali.core.ports import FeedbackStore


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """Aggregated feedback.

    `scores` maps each knowledge entry to its right verdicts minus its wrong ones. `causes` holds pairs of a template and a
    cause that a person entered.
    """

    scores: dict[str, int]
    causes: tuple[tuple[str, str], ...]


def summarise(records: Iterable[Feedback]) -> FeedbackSummary:
    """Aggregate records in any order. Only the latest verdict of each person on each incident counts."""
    latest: dict[tuple[str, str], Feedback] = {}
    for record in sorted(records, key=lambda one: (one.at, one.id)):
        latest[record.incident, record.by] = record
    scores: Counter[str] = Counter()
    causes: dict[tuple[str, str], None] = {}
    for record in latest.values():
        if record.entry and record.verdict is not Verdict.NOT_AN_ERROR:
            scores[record.entry] += 1 if record.verdict is Verdict.RIGHT else -1
        if record.verdict is Verdict.WRONG and record.cause:
            causes[record.template, record.cause] = None
    return FeedbackSummary(dict(sorted(scores.items())), tuple(sorted(causes)))


class Suppressions:
    """Ids of incidents that people marked as "not an error", refreshed after `every` seconds.

    If the store cannot be read, `warn` is called and the last ids stay in use. One alert too many is better than none.
    """

    def __init__(
        self,
        store: FeedbackStore,
        now: Callable[[], float],
        warn: Callable[[str], None] = lambda _: None,
        every: float = 60.0,
    ) -> None:
        self._store = store
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
                self._ids = self._store.suppressed()
            except CaliError as error:
                self._warn(f"suppressions: {error}")
        return incident in self._ids
