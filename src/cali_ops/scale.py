"""How cost, lag and model calls grow from 1 to 1,000 shards, from figures of one shard.

    python -m cali_ops.scale [--inputs]

Two parts are simulated, the rest is arithmetic: the queue of a shard through an hour with a busy quarter, and the writers of
one incident that all shards see, who read, write on condition, and try again. docs/scale.md gives the formulas.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import ceil
from random import Random
from typing import Any, NamedTuple

import yaml

from cali.stages.reason import prices as model_prices
from cali_ops.cost import search_tier
from cali_ops.priced import ResourcePrices, Volume, load_prices, load_volume

SHARDS = (1, 10, 100, 1_000)
HOUR, BUSY = 3_600, 900  # seconds; the busy quarter begins after another one
SECONDS = 20.0  # of the hot incident that are simulated
MONTH = 730 / 24  # days


class Inputs:
    """The figures of scale.yaml by group and name."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table

    def of(self, group: str, name: str) -> float:
        return float(self._table[group][name]["value"])

    def text(self, group: str, name: str) -> str:
        return str(self._table[group][name]["value"])

    def lines(self) -> Iterator[str]:
        """Each with where it is from."""
        for group, held in self._table.items():
            if isinstance(held, dict):
                for name, item in held.items():
                    yield f"{group}.{name} = {item['value']}   {item['from']}"


class Contention(NamedTuple):
    """The result for one incident that every shard writes. Lambda retries the `gave_up` batches as a whole."""

    writes: float  # a second, done
    tries: float  # for each write that was done
    gave_up: float  # share of the batches


class ScaleRow(NamedTuple):
    """A number of shards."""

    shards: int
    records: float  # a second, average
    batch_seconds: float  # of a busy second's batch in analyze
    lag: float  # seconds, the most in the busy quarter
    calls: float  # of analyze to DynamoDB, a second on average
    index_units: float  # write units a second on one partition of the index, in the busy quarter
    hot: Contention
    hot_slow: Contention  # with a window of ten seconds
    concurrency: float
    opened: float  # incidents at once in a regional fault
    told: float  # seconds until Slack has received all of them, one by one
    questions: float  # that the model should answer in a day
    wait: float  # minutes for the questions of a regional fault
    dollars: Mapping[str, float]  # a day


def load() -> Inputs:
    """The inputs that ship with CALI."""
    return Inputs(yaml.safe_load(files("cali_ops").joinpath("scale.yaml").read_text("utf-8")))


def batch_seconds(inputs: Inputs, records: float) -> float:
    """How long analyze takes for a batch: what Lambda adds, the ledger read and written, the lines, and the incidents in it,
    some at a time."""
    call = inputs.of("aws", "dynamodb_seconds")
    touches = records * inputs.of("measured", "touches_per_1000") / 1_000
    rounds = ceil(touches / inputs.of("aws", "threads"))
    lines = records / inputs.of("measured", "core_records_per_second")
    return inputs.of("aws", "invocation_seconds") + 2 * call + lines + rounds * 2 * call


def lag(inputs: Inputs, seed: int = 1) -> float:
    """The most seconds that a record of one shard waits in an hour with a busy quarter. Batches are of what is there, one
    after another, and a window apart at least."""
    random, window = Random(seed), inputs.of("aws", "window_seconds")
    average, peak = inputs.of("load", "records_per_second"), inputs.of("load", "peak")
    waiting: list[tuple[float, int]] = []
    now, worst = 0.0, 0.0
    free = 0.0
    while now < HOUR:
        rate = average * peak if BUSY <= now < 2 * BUSY else average
        waiting.append((now, max(0, round(random.gauss(rate, rate**0.5 * 3)))))
        now += 1.0
        while waiting and free <= now and now - waiting[0][0] >= window:
            first, room, taken = waiting[0][0], int(inputs.of("aws", "batch")), 0
            while waiting and room:
                at, count = waiting.pop(0)
                taken += min(count, room)
                if count > room:
                    waiting.insert(0, (at, count - room))
                room -= min(count, room)
            free = max(free, now) + batch_seconds(inputs, taken)
            worst = max(worst, free - first)
    return worst


def hot(inputs: Inputs, shards: int, window: float, seed: int = 1) -> Contention:
    """One incident that is in every batch of every shard. A writer reads, and writes a call later if nobody was faster;
    otherwise it pauses longer each time, and gives up after its last attempt. The next batch of its shard waits for it."""
    random, call = Random(seed), inputs.of("aws", "dynamodb_seconds")
    attempts, pause = int(inputs.of("aws", "attempts")), inputs.of("aws", "pause_seconds")
    version = done = tries = lost = 0
    due = [
        (random.uniform(0, window), shard, 0, -1) for shard in range(shards)
    ]  # when, who, attempts, version read
    heapq.heapify(due)
    while due[0][0] < SECONDS:
        at, shard, tried, read = heapq.heappop(due)
        if read < 0:
            heapq.heappush(due, (at + call, shard, tried, version))
            continue
        tries += 1
        if read == version:
            version, done = version + 1, done + 1
        elif tried + 1 < attempts:
            heapq.heappush(due, (at + pause * (tried + 1) * random.uniform(0.9, 1.1), shard, tried + 1, -1))
            continue
        else:
            lost += 1
        heapq.heappush(due, (at + window * random.uniform(0.95, 1.05), shard, 0, -1))
    return Contention(done / SECONDS, tries / max(1, done), lost / max(1, done + lost))


def row(inputs: Inputs, shards: int, waits: float) -> ScaleRow:
    """All figures for a number of shards; `waits` is the lag of one."""
    average = inputs.of("load", "records_per_second")
    records, busy = shards * average, shards * average * inputs.of("load", "peak")
    per_write = ceil(inputs.of("measured", "incident_kb"))
    touches = busy * inputs.of("measured", "touches_per_1000") / 1_000
    services = inputs.of("growth", "services_at_one") * shards ** inputs.of("growth", "services")
    kinds = inputs.of("measured", "incidents_per_day") * shards ** inputs.of("growth", "templates")
    opened = max(1.0, services * inputs.of("growth", "outage_share"))
    unknown = inputs.of("growth", "unknown")
    calls = inputs.of("measured", "analyze_reads_per_1000") + inputs.of("measured", "analyze_writes_per_1000")
    held = batch_seconds(inputs, min(inputs.of("aws", "batch"), average * inputs.of("load", "peak")))
    window = inputs.of("aws", "window_seconds")
    questions = opened * unknown
    return ScaleRow(
        shards,
        records,
        held,
        waits,
        records * calls / 1_000,
        touches
        * 2
        * per_write,  # the old place in the index goes, the new one comes: the time of hearing is its key
        hot(inputs, shards, window),
        hot(inputs, shards, 10 * window),
        shards * min(1.0, held / window) + inputs.of("model", "lanes"),
        opened,
        opened / inputs.of("chat", "messages_per_second"),
        kinds * unknown,
        questions * inputs.of("model", "seconds") / inputs.of("model", "lanes") / 60,
        dollars(inputs, records, kinds * unknown),
    )


def dollars(inputs: Inputs, records: float, questions: float) -> dict[str, float]:
    """Return the dollars of a day by part. Costs that do not grow with lines (EKS, Milvus, NAT) are in `make cost`."""
    prices, volume = (
        load_prices(),
        load_volume(gb=records * 86_400 * inputs.of("load", "bytes_per_record") / 1e9),
    )
    shards = records / inputs.of("load", "records_per_second")
    writes = volume.lines * inputs.of("measured", "analyze_writes_per_1000") / 1e9
    reads = volume.lines * inputs.of("measured", "analyze_reads_per_1000") / 1e9
    units = ceil(inputs.of("measured", "incident_kb"))
    batches = 86_400 * shards / inputs.of("aws", "window_seconds")
    seconds = batches * batch_seconds(inputs, inputs.of("load", "records_per_second"))
    asked = min(questions, inputs.of("model", "calls_per_day"))
    tokens = int(inputs.of("model", "tokens_in")), int(inputs.of("model", "tokens_out"))
    each = model_prices().dollars(inputs.text("model", "name"), *tokens)
    return {
        "stream": shards * 24 * prices.of("kinesis.shard_hour") + volume.lines / 1e6 * prices.of("kinesis.put_million"),
        "Firehose": 2 * volume.lines * 5e3 / 1e9 * prices.of("firehose.gb"),
        "OpenSearch": _search(volume, prices),
        "analyze": batches / 1e6 * prices.of("lambda.request_million")
        + seconds * inputs.of("aws", "analyze_gb") * prices.of("lambda.gb_second"),
        "DynamoDB": writes * 3 * units * prices.of("dynamodb.write_million") + reads * prices.of("dynamodb.read_million"),
        "model": asked * each,
    }  # fmt: skip


def _search(volume: Volume, prices: ResourcePrices) -> float:
    kind, count = search_tier(volume)
    disk = volume.index_gb * prices.of("opensearch.gp3_gb_month") / MONTH
    return count * 24 * prices.of("opensearch.hour", kind) + disk


def rows(inputs: Inputs, shards: Sequence[int] = SHARDS) -> list[ScaleRow]:
    """The rows of the table."""
    waits = lag(inputs)
    return [row(inputs, count, waits) for count in shards]


def table(found: Sequence[ScaleRow]) -> Iterator[str]:
    """The rows as a table in Markdown, a column for each number of shards."""
    yield "| shards | " + " | ".join(f"{one.shards:,}" for one in found) + " |"
    yield "|---|" + "---:|" * len(found)
    shown: list[tuple[str, list[str]]] = [
        ("records a second, average", [f"{one.records:,.0f}" for one in found]),
        ("busy second's batch in analyze", [f"{one.batch_seconds * 1000:.0f} ms" for one in found]),
        ("lag, the most in a busy quarter of an hour", [f"{one.lag:.1f} s" for one in found]),
        ("analyze's calls to DynamoDB, a second", [f"{one.calls:,.0f}" for one in found]),
        (
            "write units on the busiest index partition, of 1,000",
            [f"{one.index_units:,.0f}" for one in found],
        ),
        ("one incident in all shards: written, a second", [f"{one.hot.writes:,.0f}" for one in found]),
        ("... tries for each write", [f"{one.hot.tries:.1f}" for one in found]),
        ("... batches that come again", [f"{one.hot.gave_up:.0%}" for one in found]),
        ("... the same with a window of 10 s", [f"{one.hot_slow.gave_up:.0%}" for one in found]),
        ("Lambda at once, of 1,000", [f"{one.concurrency:,.0f}" for one in found]),
        ("incidents that a regional fault opens", [f"{one.opened:,.0f}" for one in found]),
        ("... reported one by one in", [f"{one.told:,.0f} s" for one in found]),
        ("... asked of the model in", [f"{one.wait:.1f} min" for one in found]),
        ("questions to the model a day, of 200", [f"{one.questions:,.0f}" for one in found]),
    ]
    shown += [
        (f"{part}, a day", [f"${one.dollars[part]:,.2f}" for one in found]) for part in found[0].dollars
    ]
    shown.append(("these together, a day", [f"${sum(one.dollars.values()):,.0f}" for one in found]))
    per = [sum(one.dollars.values()) / one.shards for one in found]
    shown.append(("for each shard, a day", [f"${cost:,.2f}" for cost in per]))
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in shown)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cali_ops.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--inputs", action="store_true", help="show what the table is worked out from")
    given = parser.parse_args(argv)
    inputs = load()
    print("\n".join(inputs.lines() if given.inputs else table(rows(inputs))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
