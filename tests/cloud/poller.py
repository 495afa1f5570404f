"""An event source mapping at work: it delivers batches of one shard to a function until each record is done.
batches.py decides, this module acts."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from random import Random
from typing import Any, Protocol

from tests.cloud.batches import Batch, Dropped, Outcome, Row, Settings, cut, decide, expire, lane
from tests.cloud.payloads import failure_key, failure_record, kinesis_event
from tests.cloud.streams import ShardReader
from tests.cloud.whole import BEHIND, SETTLED

TICK = 0.25  # maximum sleep in seconds of a loop that waits for changes
SHUFFLED = 4  # number of batches that are shuffled together


class Invocable(Protocol):
    """A target of deliveries."""

    def invoke(self, payload: bytes) -> Outcome: ...


@dataclass(slots=True)
class Deliveries:
    """How batches are delivered, to test the consumer."""

    twice: bool = False  # lose the first outcome, so that the batch is repeated
    shuffled: Random | None = None  # deliver batches of a shard out of order
    sizes: Callable[[Sequence[Row], float, int, int], list[int]] | None = (
        None  # where shuffled batches may end; see whole.py
    )


@dataclass(slots=True)
class Progress:
    """The progress of one mapping in one shard."""

    counts: Counter[str] = field(default_factory=Counter)
    oldest: float = 0.0  # the maximum age of a record at its first delivery: Lambda's IteratorAge
    longest: float = 0.0  # the maximum time that one batch was retried


@dataclass(slots=True)
class _Lane:
    """A part of a shard whose records are delivered in order, one batch at a time."""

    waiting: deque[Row] = field(default_factory=deque)
    since: float = 0.0
    ready: deque[Batch] = field(default_factory=deque)  # batches to deliver, new or again
    not_before: float = 0.0
    begun: float = 0.0
    busy: bool = False

    @property
    def empty(self) -> bool:
        return not (self.busy or self.waiting or self.ready)


@dataclass(frozen=True, slots=True)
class Source:
    """Both ends of a mapping. `target` returns the function at each delivery, because a deployment may replace it."""

    mapping: str
    stream_arn: str
    function_arn: str
    role: str
    target: Callable[[], Invocable]
    keep_failure: Callable[[str, str, bytes], None]  # destination ARN, key, body


class ShardPoller:
    """One mapping on one shard. `settings` may be replaced at any time, as an update of the mapping does."""

    def __init__(
        self, source: Source, reader: ShardReader, settings: Settings, deliveries: Deliveries | None = None
    ) -> None:
        self.settings = settings
        self.progress = Progress()
        self._source = source
        self._reader = reader
        self._deliveries = deliveries or Deliveries()
        self._place = reader.end if settings.position == "LATEST" else 0
        self._lanes = [_Lane() for _ in range(settings.factor)]
        self._pool = ThreadPoolExecutor(10, thread_name_prefix="deliver")
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"poll {source.mapping[:8]}")
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Return whether everything in the shard was read and is done."""
        with self._reader.news:
            return (
                self._reader.caught_up
                and self._place == self._reader.end
                and all(lane_.empty for lane_ in self._lanes)
            )

    def close(self) -> None:
        """Stop delivering, and wait for the current deliveries."""
        with self._reader.news:
            self._closing = True
            self._reader.news.notify_all()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        news = self._reader.news
        while True:
            with news:
                if self._closing:
                    return
                settings, now = self.settings, time.time()
                if settings.enabled:
                    self._spread(settings, now)
                    for lane_ in self._lanes:
                        self._start(lane_, settings, now)
                news.wait(self._sleep(now))

    def _spread(self, settings: Settings, now: float) -> None:
        if settings.factor != len(self._lanes):
            if any(lane_.busy or lane_.ready for lane_ in self._lanes):
                return  # finish the old lanes first, so that keys stay in order
            held = sorted(
                (row for lane_ in self._lanes for row in lane_.waiting), key=lambda row: int(row.sequence)
            )
            self._lanes = [_Lane() for _ in range(settings.factor)]
            self._into_lanes(held, now)
        rows = self._reader.rows(self._place)
        self._place += len(rows)
        self._into_lanes(rows, now)

    def _into_lanes(self, rows: list[Row], now: float) -> None:
        for row in rows:
            lane_ = self._lanes[lane(row.key, len(self._lanes))]
            if not lane_.waiting:
                lane_.since = now
            lane_.waiting.append(row)

    def _start(self, lane_: _Lane, settings: Settings, now: float) -> None:
        if lane_.busy or now < lane_.not_before:
            return
        if not lane_.ready:
            self._cut(lane_, settings, now)
        if lane_.ready:
            lane_.busy = True
            lane_.begun = lane_.begun or now
            self._pool.submit(self._deliver, lane_, lane_.ready.popleft(), settings)

    def _cut(self, lane_: _Lane, settings: Settings, now: float) -> None:
        mixed = self._deliveries.shuffled
        for count in self._counts(lane_, settings, now):
            rows = tuple(lane_.waiting.popleft() for _ in range(count))
            lane_.ready.append(Batch(rows))
            lane_.since = now
        if mixed and len(lane_.ready) > 1:
            batches = list(lane_.ready)
            mixed.shuffle(batches)
            lane_.ready = deque(batches)

    def _counts(self, lane_: _Lane, settings: Settings, now: float) -> Iterator[int]:
        """Yield the sizes of the next batches. The caller takes each batch before it requests the next size."""
        chosen = self._deliveries.sizes
        if chosen:
            if lane_.waiting and now - lane_.waiting[0].arrived >= settings.window + SETTLED:
                rows = list(islice(lane_.waiting, SHUFFLED * settings.batch_size + BEHIND))
                all_here = self._place == self._reader.end and len(rows) == len(lane_.waiting)
                known = self._reader.known_until if all_here else 0.0
                yield from chosen(rows, known, SHUFFLED, settings.batch_size)
            return
        for _ in range(SHUFFLED if self._deliveries.shuffled else 1):
            count = cut(list(islice(lane_.waiting, settings.batch_size)), settings, now, lane_.since)
            if not count:
                return
            yield count

    def _deliver(self, lane_: _Lane, batch: Batch, settings: Settings) -> None:
        """Make one delivery and apply its result. Runs in a thread of the pool."""
        now = time.time()
        young = expire(batch, settings, now)
        self._give_up(young.dropped, None, settings)
        after = replace(young, again=(), dropped=())
        if young.again:
            batch = young.again[0]
            if not batch.tries:
                self.progress.oldest = max(self.progress.oldest, now - batch.rows[-1].arrived)
            outcome = self._invoke(batch)
            after = decide(batch, outcome, settings)
            self._give_up(after.dropped, outcome, settings)
        self._count(after.done, bool(after.again))
        with self._reader.news:
            lane_.ready.extendleft(reversed(after.again))
            lane_.not_before = time.time() + (after.again[0].pause if after.again else 0.0)
            if not after.again:
                self.progress.longest = max(self.progress.longest, time.time() - lane_.begun)
                lane_.begun = 0.0
            lane_.busy = False
            self._reader.news.notify_all()

    def _invoke(self, batch: Batch) -> Outcome:
        source = self._source
        payload = kinesis_event(batch.rows, source.stream_arn, self._reader.shard, source.role)
        try:
            if self._deliveries.twice:
                source.target().invoke(payload)
            return source.target().invoke(payload)
        except Exception as error:  # after any error the records must be repeated
            return Outcome(error=f"{type(error).__name__}: {error}")

    def _give_up(self, dropped: tuple[Dropped, ...], outcome: Outcome | None, settings: Settings) -> None:
        source, shard, now = self._source, self._reader.shard, time.time()
        for drop in dropped:
            with self._reader.news:
                self.progress.counts["dropped"] += len(drop.rows)
            if settings.on_failure:
                payload = kinesis_event(drop.rows, source.stream_arn, shard, source.role)
                body = failure_record(
                    drop, outcome, source.function_arn, source.stream_arn, shard, payload, now
                )
                source.keep_failure(settings.on_failure, failure_key(source.mapping, shard, now), body)

    def _count(self, done: tuple[Row, ...], again: bool) -> None:
        with self._reader.news:
            self.progress.counts["done"] += len(done)
            self.progress.counts["deliveries"] += 1
            self.progress.counts["again"] += again

    def _sleep(self, now: float) -> float:
        """Sleep until the end of a window or a pause, which no event announces."""
        due = [TICK]
        if not self.settings.enabled:
            return TICK
        for lane_ in self._lanes:
            if not lane_.busy and lane_.ready:
                due.append(lane_.not_before - now)
            elif not lane_.busy and lane_.waiting:
                due.append(lane_.since + self.settings.window - now)
        return max(min(due), 0.005)


def destination_bucket(arn: str) -> tuple[str, str]:
    """Return the bucket of a failure destination and the prefix within it."""
    bucket, _, prefix = arn.rsplit(":", 1)[-1].partition("/")
    return bucket, f"{prefix.rstrip('/')}/" if prefix else ""


def keep_in_s3(client: Any) -> Callable[[str, str, bytes], None]:
    """Return a function that stores given-up records in the S3 failure destination."""

    def keep(destination: str, key: str, body: bytes) -> None:
        if not destination.startswith("arn:aws:s3:"):
            raise RuntimeError(f"{destination}: only failure destinations on S3 are emulated")
        bucket, prefix = destination_bucket(destination)
        client.put_object(Bucket=bucket, Key=prefix + key, Body=body)

    return keep
