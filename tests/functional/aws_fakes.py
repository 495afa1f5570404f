"""Fakes for tests of the functions: ports in memory, records as Lambda delivers them, and parts that fail."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.memory.objects import MemoryObjects
from cali.core.errors import Conflict, Retryable
from cali.core.life import Change
from cali.core.models import Diagnosis, Incident, Status
from cali.core.ports import StreamEntry
from cali.stages.decode import Decoder
from cali.stages.reason.spend import Spend
from cali.stages.refine.refiner import Refiner
from cali.testing.clock import NOON, FakeClock
from cali.usecases.analyze_batch import Analyze, BatchReport, SettleRules
from cali.usecases.publish_changes import ChangePublisher, DiagnosisRequest, loads
from cali.usecases.quarantine import Quarantine

FIRST = 49_640_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
SHARD = "cali-logs-stream/shardId-000000000000"
REFINER = Refiner()


class MemoryNotes:
    """Notes in memory with the contract of the table."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}

    def read(self, name: str) -> tuple[bytes, int]:
        return self.kept.get(name, (b"", 0))

    def write(self, name: str, body: bytes, version: int) -> None:
        if self.read(name)[1] != version:
            raise Conflict(f"note {name}")
        self.kept[name] = (body, version + 1)


class Bucket(MemoryObjects):
    """A bucket of JSON lines."""

    def rows(self, prefix: str) -> list[dict[str, Any]]:
        bodies = [self.get(key) or b"" for key in self.keys(prefix)]
        return [orjson.loads(line) for body in bodies for line in body.splitlines()]


class MemoryStream:
    """A stream that keeps its entries."""

    def __init__(self) -> None:
        self.entries: list[StreamEntry] = []

    def put(self, entries: Iterable[StreamEntry]) -> None:
        self.entries += list(entries)

    def messages(self) -> list[Change | DiagnosisRequest]:
        return [loads(entry.data) for entry in self.entries]


class MemoryChat:
    """A chat that fails as scripted, and then accepts all messages."""

    def __init__(self, *script: Exception) -> None:
        self.posts: list[Mapping[str, Any]] = []
        self.script = list(script)

    def post(self, message: Mapping[str, Any]) -> None:
        if self.script:
            raise self.script.pop(0)
        self.posts.append(message)


class MemoryShard:
    """A shard with these records. Records after the clock's time have not arrived yet."""

    def __init__(self, items: Sequence[dict[str, Any]], clock: FakeClock) -> None:
        self._items = items
        self._clock = clock

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        for item in self._items:
            arrived = float(item["kinesis"]["approximateArrivalTimestamp"])
            if int(item["kinesis"]["sequenceNumber"]) > int(sequence) and arrived <= self._clock.time:
                return arrived
        return None


class Failing:
    """Any port, of which the calls numbered in `turns` (from 1) fail: `before` their effect, or after it."""

    def __init__(self, inner: Any, turns: Iterable[int], *, before: bool, only: str = "") -> None:
        self._inner = inner
        self._turns = set(turns)
        self._before = before
        self._only = only
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        if self._only and name != self._only:
            return call

        def tried(*given: Any, **named: Any) -> Any:
            self.calls += 1
            fails = self.calls in self._turns
            if fails and self._before:
                raise Retryable("killed before the effect")
            result = call(*given, **named)
            if fails:
                raise Retryable("killed after the effect")
            return result

        return tried


class Explains:
    """A reasoner that returns the scripted diagnosis for every incident, and counts the calls."""

    def __init__(self, say: Callable[[Incident], Diagnosis]) -> None:
        self.asked: list[str] = []
        self.say = say
        self.knowledge = "1"
        self.knows: Callable[[Incident], Diagnosis | None] = lambda _: None
        self.looked: list[str] = []
        self.spend = Spend()

    def known(self, incident: Incident) -> Diagnosis | None:
        self.looked.append(incident.id)
        return self.knows(incident)

    def diagnose(self, incident: Incident) -> Diagnosis:
        self.asked.append(incident.id)
        return self.say(incident)


def fluent(message: str, pod: str = "orders-6d4cf56db6-abcde", time: float = NOON) -> bytes:
    """Return a line as Fluent Bit sends it."""
    return orjson.dumps(
        {
            "stream": "stdout",
            "log": message,
            "kubernetes": {"namespace_name": "shop", "pod_name": pod, "container_name": "app"},
            "@timestamp": time,
        }
    )


def delivered(
    payloads: Sequence[bytes], first: int = 0, arrived: float = NOON - 1.0, step: float = 0.0
) -> list[dict[str, Any]]:
    """Return records of a shard as Lambda delivers them. The n-th has the sequence number FIRST + first + n, times 3."""
    return [
        {
            "kinesis": {
                "data": b64encode(payload).decode(),
                "sequenceNumber": str(FIRST + 3 * (first + place)),
                "partitionKey": "p",
                "approximateArrivalTimestamp": arrived + step * place,
            },
            "eventID": f"shardId-000000000000:{FIRST + 3 * (first + place)}",
            "eventSourceARN": "arn:aws:kinesis:ap-northeast-2:1:stream/cali-logs-stream",
            "eventSource": "aws:kinesis",
        }
        for place, payload in enumerate(payloads)
    ]


class World:
    """All dependencies of analyze. A new `analyze` over the same world is a new container after a crash."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.store: Any = MemoryIncidents()
        self.notes: Any = MemoryNotes()
        self.stream: Any = MemoryStream()
        self.objects: Any = Bucket()

    def analyze(self, **parts: Any) -> Analyze:
        """Return an analyze in which some parts are replaced."""
        lives = ChangePublisher(
            parts.get("store", self.store), parts.get("stream", self.stream), self.clock.sleep
        )
        return Analyze(
            Decoder("prod"),
            parts.get("refiner", REFINER),
            parts.get("raises", lambda _: None),
            lives,
            parts.get("notes", self.notes),
            Quarantine(parts.get("objects", self.objects), REFINER.redactor.text),
            self.clock.now,
            SettleRules(batch=parts.get("batch", 1000)),
            log_stream=parts.get("behind"),
        )

    def batch(self, items: Sequence[dict[str, Any]], **parts: Any) -> BatchReport:
        return self.analyze(**parts).batch(SHARD, items)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the counts in the store by workload and template."""
        found = self.store.find(list(Status), 10_000)
        return {
            (one.incident.scope.workload, one.incident.template.text): one.incident.count for one in found
        }

    def published(self) -> set[tuple[str, int, str]]:
        """Return the published changes, each once."""
        return {
            (message.incident, message.number, message.kind.value)
            for message in self.stream.messages()
            if isinstance(message, Change)
        }
