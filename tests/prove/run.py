"""A proof: feed, inject, repair, wait, count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from cali.simulator import enveloper, load_scenario, simulate
from tests.cloud.aws import BUCKET
from tests.cloud.cloud import Options
from tests.cloud.faults import Put
from tests.cloud.project import TABLE_NAME
from tests.prove.broken import Breakable, Undo
from tests.prove.judge import Injured, Ran, recovered
from tests.prove.ledger import Spool, in_raw
from tests.prove.plan import Injection
from tests.prove.sample import Sampler

SETTLE = 2.0  # seconds to wait for the rest of an event; a busy machine can separate its halves by a second
FEEDS = 10  # lines a second
PATIENCE = 600.0  # maximum seconds until the cloud comes to rest


class Player:
    """A thread that injects and repairs faults at their times."""

    def __init__(self, cloud: Breakable, plan: Sequence[Injection], say: Callable[[str], None]) -> None:
        self.injured: list[Injured] = []
        self.failed: list[BaseException] = []
        self._cloud, self._say = cloud, say
        self._plan = list(plan)
        self._open: list[tuple[Injection, Injured, Undo]] = []
        self._begun = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="break")

    def begin(self) -> None:
        """Inject at once the faults that are due at the beginning."""
        self._begun = time.monotonic()
        while self._plan and self._plan[0].at <= 0:
            self._injure(self._plan.pop(0))
        self._thread.start()

    def end(self) -> None:
        """Wait until everything is repaired. Raise the error of a failed injection."""
        self._thread.join()
        if self.failed:
            raise self.failed[0]

    def _run(self) -> None:
        try:
            while self._plan or self._open:
                now = time.monotonic() - self._begun
                for held in [held for held in self._open if held[0].until <= now]:
                    self._mend(held)
                while self._plan and self._plan[0].at <= now:
                    self._injure(self._plan.pop(0))
                time.sleep(0.1)
        except BaseException as error:  # raised in the waiting thread
            self.failed.append(error)
            for held in list(self._open):
                self._mend(held)

    def _injure(self, injection: Injection) -> None:
        at = time.monotonic() - self._begun
        detail, undo = self._cloud.injure(injection)
        self._say(f"  fault  {injection.kind} {detail}")
        self._open.append((injection, Injured(injection.kind, detail, at, at), undo))

    def _mend(self, held: tuple[Injection, Injured, Undo]) -> None:
        self._open.remove(held)
        injection, injured, undo = held
        undo()
        self._say(f"  mended {injection.kind}")
        self.injured.append(injured._replace(until=time.monotonic() - self._begun))


def prove(
    seconds: float,
    rate: float,
    seed: int,
    plan: Sequence[Injection],
    say: Callable[[str], None],
    pace: float = 1.0,
) -> Ran:
    """Run one proof. `pace` is the number of seconds that Slack requires between two messages. Raise the error that
    prevented the run."""
    options = Options(
        lines=int(seconds * rate), rate=rate, seed=seed, start=time.time(), settle=SETTLE, slack_pace=pace
    )
    with Breakable(options, say, seed) as cloud:
        spool = Spool(cloud.home / "spool")
        sampler, player = Sampler(cloud), Player(cloud, plan, say)
        say(f"{options.lines:,} lines at {rate:g} a second, {len(plan)} faults")
        player.begin()
        sampler.begin()
        begun = time.monotonic()
        for records in _portions(_records(options), max(1, int(rate / FEEDS))):
            put = cloud.fed(records)
            cloud.put_records(put)
            spool.keep(put)
            time.sleep(max(0.0, begun + spool.lines / rate - time.monotonic()))
        took = time.monotonic() - begun
        say(f"all {cloud.put:,} records are put after {took:.1f} s")
        player.end()
        cloud.settle(PATIENCE)
        cloud._explained(PATIENCE)
        for firehose in cloud._firehoses:
            firehose.close()
        sampler.end()
        say("counting")
        summary = cloud.summary()
        raw = in_raw(cloud.account.client("s3"))
        failed = _failed(cloud)
        calls, size = cloud.account.asked(), _item_bytes(cloud)
        say("replaying what was put, undisturbed")
        expected = spool.expected(cloud.home / "levers")
    injured = sorted((recovered(one, sampler.lag) for one in player.injured), key=lambda one: one.at)
    return Ran(
        seed, took, rate, plan, injured, summary, expected, spool.digest, raw, failed, sampler.memory, sampler.lag,
        calls=calls, item_bytes=size, asked=seconds,
    )  # fmt: skip


def _records(options: Options) -> Iterator[Put]:
    scenario, wrap = load_scenario(options.scenario), enveloper("fluentbit")
    written = simulate(
        scenario,
        seed=options.seed,
        lines=options.lines,
        seconds=options.lines / options.rate,
        start=options.start,
    )
    return (Put(f"{line.pod.name}/{line.stream}", wrap(line).encode()) for line in written)


def _portions(records: Iterator[Put], size: int) -> Iterator[list[Put]]:
    while portion := list(islice(records, size)):
        yield portion


def _item_bytes(cloud: Breakable) -> float:
    """Return the mean size of an incident in the table."""
    pages = cloud.account.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE_NAME)
    items = [item for page in pages for item in page["Items"] if item["pk"]["S"].startswith("incident#")]
    return sum(_size(item) for item in items) / max(1, len(items))


def _size(item: dict[str, dict[str, Any]]) -> int:
    """Return the size as DynamoDB counts it: names and values."""
    values = [value for held in item.values() for value in held.values()]
    return sum(map(len, item)) + sum(
        len(value if isinstance(value, bytes) else str(value)) for value in values
    )


def _failed(cloud: Breakable) -> int:
    """Return the records in S3 that Firehose could not deliver to OpenSearch."""
    s3 = cloud.account.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="firehose-failed/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return sum(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().count(b"\n") for key in keys)
