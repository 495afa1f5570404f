"""The faults of the local cloud, by name."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Collection, Iterator
from random import Random
from typing import NamedTuple, Protocol

from cali.core.errors import Misconfigured
from tests.cloud import whole
from tests.cloud.poller import Deliveries

FAULTS = {
    "redeliver": "every batch is delivered twice",
    "shuffle": "batches of a shard overtake each other, no event cut by them",
    "kill-analyze": "the analyzing process is killed (kill -9) in the middle of ten batches",
    "poison": "one record in a hundred cannot be read",
    "dynamodb-throttle": "one call in five to DynamoDB is throttled",
    "milvus-down": "Milvus is gone while the logs come, then it is back",
    "model-down": "the model fails while the logs come, then it is back",
    "slack-down": "Slack is gone in the middle third of the logs, then it is back",
}
KILLS = 10
THROTTLED = 0.2
POISON_SHARE = 0.01


class Put(NamedTuple):
    """A record to put into the stream."""

    key: str
    data: bytes


class Breakable(Protocol):
    """The parts of a cloud that faults act on."""

    def throttle_dynamodb(self, share: float) -> None: ...
    def set_milvus(self, up: bool) -> None: ...
    def set_model(self, up: bool) -> None: ...
    def set_slack(self, up: bool) -> None: ...
    def kill_analyze(self) -> bool: ...


def chosen(names: Collection[str]) -> frozenset[str]:
    """Return the names if all are known. Raise Misconfigured with the unknown ones."""
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        raise Misconfigured(f"unknown fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return frozenset(names)


def deliveries(faults: Collection[str], seed: int = 1, logs: bool = True) -> Deliveries:
    """Return the delivery of mappings under these faults. `logs` is true for a mapping of the log stream."""
    if "shuffle" not in faults:
        return Deliveries(twice="redeliver" in faults)
    return Deliveries("redeliver" in faults, Random(seed), whole.sizes if logs else None)


def poisoned(records: Iterator[Put], seed: int = 1, share: float = POISON_SHARE) -> Iterator[Put]:
    """Return the records with poison between them. The others are unchanged."""
    random = Random(seed)
    for number, record in enumerate(records):
        if random.random() < share:
            yield poison(random, number)
        yield record


def poison(random: Random, number: int) -> Put:
    """Return a record that cannot be read, of one of several kinds."""
    noise = random.randbytes(40)
    whole = gzip.compress(noise * 20, 6, mtime=0)
    data = random.choice(
        [
            b"\xff\xfe" + bytes(byte | 0x80 for byte in noise),  # not valid text in any encoding
            b"\x00\x01\x02\x03" * 10,
            whole[: len(whole) // 2],  # truncated compression
            b"\x1f\x8b\x08\x00" + noise,  # compression without a valid header
            b"\xf3\x89\x9a\xc2" + noise,  # a KPL aggregate with a wrong checksum
        ]
    )
    return Put(f"poison-{number}", data)


class Script:
    """A script that breaks parts at given places of a run and repairs them. `tell` it the completed share of the run,
    from 0 to 1."""

    def __init__(
        self, faults: Collection[str], cloud: Breakable, most_kills: int = KILLS, seed: int = 1
    ) -> None:
        self._faults = faults
        self._cloud = cloud
        self._most_kills = most_kills
        self._random = Random(seed)
        self._steps = sorted(self._planned(), key=lambda step: step[0])
        self._killer = threading.Thread(target=self._kill, daemon=True)
        self._over = threading.Event()
        self.kills = 0

    def tell(self, share: float) -> None:
        """Apply the changes that are due. At 1 everything is repaired."""
        while self._steps and self._steps[0][0] <= share:
            self._steps.pop(0)[1]()

    def end(self) -> None:
        """Repair everything."""
        self.tell(1.0)
        self._over.set()
        if self._killer.is_alive():
            self._killer.join()

    def _planned(self) -> Iterator[tuple[float, Callable[[], None]]]:
        cloud = self._cloud
        if "dynamodb-throttle" in self._faults:
            yield 0.0, lambda: cloud.throttle_dynamodb(THROTTLED)
            yield 1.0, lambda: cloud.throttle_dynamodb(0.0)
        if "milvus-down" in self._faults:
            yield 0.0, lambda: cloud.set_milvus(False)
            yield 1.0, lambda: cloud.set_milvus(True)
        if "model-down" in self._faults:
            yield 0.0, lambda: cloud.set_model(False)
            yield 1.0, lambda: cloud.set_model(True)
        if "slack-down" in self._faults:
            yield 1 / 3, lambda: cloud.set_slack(False)
            yield 2 / 3, lambda: cloud.set_slack(True)
        if "kill-analyze" in self._faults:
            yield 0.0, lambda: self._killer.start()

    def _kill(self) -> None:
        """Kill processes at random moments while there is work, a given number of times."""
        while self.kills < self._most_kills and not self._over.is_set():
            self._over.wait(self._random.uniform(0.05, 1.5))
            self.kills += self._cloud.kill_analyze()
