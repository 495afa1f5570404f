"""The times of the faults: a pure function of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from cali.core.errors import Misconfigured

LONG = 300.0  # minimum duration of a run in seconds for faults of full length
FROM, UNTIL = 0.03, 0.93  # share of a run in which faults begin; the rest shows the recovery
TRIES = 400


class Kind(NamedTuple):
    """A fault. Two faults of one `part` never overlap. `least` and `most` are the limits of its duration in seconds."""

    part: str
    least: float
    most: float
    what: str


KINDS = {
    "shuffle": Kind("deliveries", 10, 25, "batches of a shard overtake each other, no event cut by them"),
    "redeliver": Kind("deliveries", 10, 30, "every batch is delivered twice"),
    "poison": Kind("stream", 10, 30, "one record in twenty cannot be read"),
    "kill-analyze": Kind("analyze", 4, 10, "kill -9 of analyze in the middle of a batch, three times"),
    "kill-diagnose": Kind("diagnose", 4, 10, "kill -9 of diagnose, three times"),
    "kill-alert": Kind("alert", 4, 10, "kill -9 of alert, three times"),
    "kill-sweep": Kind("sweep", 4, 10, "kill -9 of sweep, three times"),
    "kill-enrich": Kind("enrich", 4, 10, "kill -9 of enrich, three times"),
    "dynamodb-throttle": Kind("dynamodb", 10, 30, "one call in five to DynamoDB is throttled"),
    "s3-busy": Kind("s3", 10, 25, "S3 answers half of what functions ask with SlowDown"),
    "kinesis-throttle": Kind("kinesis", 10, 25, "Kinesis refuses a third of what functions ask"),
    "secrets-gone": Kind("secrets", 5, 15, "Secrets Manager fails, and alert and diagnose start anew"),
    "milvus-down": Kind("milvus", 10, 40, "Milvus is gone"),
    "index-lost": Kind("milvus", 3, 6, "Milvus is back with an empty volume"),
    "index-damaged": Kind("milvus", 5, 10, "Milvus' files are overwritten in places while it is gone"),
    "model-down": Kind("model", 10, 40, "the model fails"),
    "slack-down": Kind("slack", 10, 30, "Slack is gone"),
    "slack-busy": Kind("slack", 5, 20, "Slack answers 429"),
    "opensearch-down": Kind("search", 5, 20, "OpenSearch is gone"),
    "clock-ahead": Kind("clock", 10, 30, "the clock of one function jumps ahead, by 5 to 120 s"),
    "clock-behind": Kind("clock", 10, 30, "the clock of one function jumps back, by 5 to 120 s"),
    "disk-full": Kind("disk", 10, 30, "no function can write a byte to its disk"),
    "release-damaged": Kind("release", 10, 30, "the release of knowledge in force is damaged, and readers start anew"),
    "book-damaged": Kind("release", 10, 30, "the template book in force is damaged, and readers start anew"),
    "pointer-damaged": Kind("release", 10, 30, "the pointer to the releases is no JSON, and readers start anew"),
    "release-good": Kind("release", 5, 10, "another release of knowledge and a book come into force"),
    "two-versions": Kind("code", 20, 40, "another build is deployed, and both run side by side"),
}  # fmt: skip


class Injection(NamedTuple):
    """A fault with its time, in seconds from the first record."""

    kind: str
    at: float
    until: float

    @property
    def part(self) -> str:
        return KINDS[self.kind].part


def planned(seed: int, seconds: float, count: int, only: Sequence[str] = ()) -> list[Injection]:
    """Return a number of faults in order of time. Each kind occurs once before any occurs twice."""
    unknown = [name for name in only if name not in KINDS]
    if unknown:
        raise Misconfigured(f"unknown fault {', '.join(unknown)}; there are {', '.join(KINDS)}")
    random = Random(seed)
    found: list[Injection] = []
    names: list[str] = []
    for _ in range(TRIES):
        if len(found) == count:
            break
        if not names:
            names = list(only or KINDS)
            random.shuffle(names)
        placed = _placed(names.pop(), seconds, found, random)
        if placed:
            found.append(placed)
    return sorted(found, key=lambda injection: injection.at)


def _placed(name: str, seconds: float, found: Sequence[Injection], random: Random) -> Injection | None:
    kind = KINDS[name]
    lasts = max(1.0, random.uniform(kind.least, kind.most) * min(1.0, seconds / LONG))
    for _ in range(TRIES):
        # Shuffled batches must start where no event is split, so that fault starts before the first record.
        at = 0.0 if name == "shuffle" else random.uniform(seconds * FROM, seconds * UNTIL - lasts)
        new = Injection(name, at, at + lasts)
        if not any(_clash(new, other) for other in found):
            return new
        if name == "shuffle":
            break
    return None


def _clash(one: Injection, other: Injection) -> bool:
    return one.part == other.part and one.at < other.until + 0.5 and other.at < one.until + 0.5
