"""What a step made, kept with a digest of what it was made from."""

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
        """The moment at which the day ends, UTC."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC).timestamp() + 86_400.0

    def at(self) -> str:
        """Now, for people to read."""
        return datetime.fromtimestamp(self.parts.now(), UTC).isoformat(timespec="seconds")

    def key(self, name: str, job: str = "", day: str = "") -> str:
        return f"{HOME}{job or self.job}/dt={day or self.dt}/{name}"

    def made(self, step: str, job: str = "", day: str = "") -> dict[str, Any] | None:
        """What a step made; None if it did not run. A damaged document counts as none: it is made again."""
        body = self.parts.objects.get(self.key(f"{step}.json", job, day))
        try:
            document = orjson.loads(body) if body is not None else None
        except ValueError:
            return None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            return None
        return document if document.keys() >= _FIELDS else None

    def before(self, step: str) -> Any:
        """What the step before this one made. Misconfigured if it did not run."""
        document = self.made(step)
        if document is None:
            raise Misconfigured(f"{self.job} {self.dt}: step {step} has not run; it comes first")
        return document["result"]

    def digest_of(self, step: str) -> str:
        """Of what the step before made."""
        return digest(self.before(step))

    def days_back(self, count: int) -> Iterator[str]:
        """This day and those before it, newest first."""
        for back in range(count):
            yield (self.day - timedelta(days=back)).isoformat()


class Made(NamedTuple):
    """What a step hands on, and what it says of it. Both are plain data. What is not `whole` is made again by the next run."""

    result: Any
    summary: Mapping[str, object]
    whole: bool = True


class JobStep(NamedTuple):
    """`source` is a digest of what decides the result; with the same the step is not made again. An empty one: always made."""

    source: Callable[[StepRun], str]
    make: Callable[[StepRun], Made]


def ran(work: StepRun, name: str, step: JobStep) -> Mapping[str, object]:
    """Makes a step unless it was made from the same; `again` in the summary says which."""
    source = step.source(work)
    kept = work.made(name)
    if kept is not None and source and kept["source"] == source:
        return {**kept["summary"], "again": True}
    made = step.make(work)
    if kept is not None and not source and digest(kept["result"]) == digest(made.result):
        return {**kept["summary"], "again": True}
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
    """Of plain data, whatever the order of its keys."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str), digest_size=12).hexdigest()
