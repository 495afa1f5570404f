"""Step results, stored as checkpoints with a digest of their input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from cali.usecases.learn.learn_context import LearnContext

HOME = "learning/"
FORMAT = 1
_FIELDS = {"source", "summary", "result"}


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of one step."""

    job: str
    day: date
    parts: LearnContext

    @property
    def dt(self) -> str:
        return self.day.isoformat()

    @property
    def end(self) -> float:
        """The time at which the day ends (UTC), in seconds since the epoch."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC).timestamp() + 86_400.0

    def at(self) -> str:
        """Return the time now, for people to read."""
        return datetime.fromtimestamp(self.parts.now(), UTC).isoformat(timespec="seconds")

    def key(self, name: str, job: str = "", day: str = "") -> str:
        return f"{HOME}{job or self.job}/dt={day or self.dt}/{name}"

    def made(self, step: str, job: str = "", day: str = "") -> dict[str, Any] | None:
        """Return the checkpoint of a step; None if there is none or it is damaged, so that the step runs again."""
        body = self.parts.objects.get(self.key(f"{step}.json", job, day))
        try:
            document = orjson.loads(body) if body is not None else None
        except ValueError:
            return None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            return None
        return document if document.keys() >= _FIELDS else None

    def before(self, step: str) -> Any:
        """Return the result of an earlier step. Raise Misconfigured if it has not run."""
        document = self.made(step)
        if document is None:
            raise Misconfigured(f"{self.job} {self.dt}: step {step} has not run; run it first")
        return document["result"]

    def digest_of(self, step: str) -> str:
        """Return the digest of the result of an earlier step."""
        return digest(self.before(step))

    def days_back(self, count: int) -> Iterator[str]:
        """Yield this day and the days before it, newest first."""
        for back in range(count):
            yield (self.day - timedelta(days=back)).isoformat()


class StepOutcome(NamedTuple):
    """The result of a step and its summary, both plain data. If it is not `whole`, the next run repeats the step."""

    result: Any
    summary: Mapping[str, object]
    whole: bool = True


class JobStep(NamedTuple):
    """One step of a job. `source` returns the digest of its input.

    The step is skipped while the digest is the same. It always runs if the digest is empty.
    """

    source: Callable[[StepRun], str]
    make: Callable[[StepRun], StepOutcome]


def ran(work: StepRun, name: str, step: JobStep) -> Mapping[str, object]:
    """Run a step unless its input has not changed. Return its summary, with `again` true if it was skipped."""
    source = step.source(work)
    checkpoint = work.made(name)
    if checkpoint is not None and source and checkpoint["source"] == source:
        return {**checkpoint["summary"], "again": True}
    made = step.make(work)
    if checkpoint is not None and not source and digest(checkpoint["result"]) == digest(made.result):
        return {**checkpoint["summary"], "again": True}
    document = {
        "format": FORMAT,
        "job": work.job,
        "step": name,
        "day": work.dt,
        "at": work.at(),
        "source": source if made.whole else "",
        "summary": dict(made.summary),
        "result": made.result,
    }
    work.parts.objects.put(work.key(f"{name}.json"), orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return {**made.summary, "again": False}


def digest(value: Any) -> str:
    """Return the digest of plain data. The order of keys does not matter."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str), digest_size=12).hexdigest()
