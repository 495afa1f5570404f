"""Model of cost, lag and model calls for 1 to 1,000 shards, computed from the figures of one shard.

    python -m cali_ops.scale [--inputs]

Two parts are simulated, the rest is arithmetic. The first is the queue of a shard during an hour with a busy quarter.
The second is one incident that all shards write, with conditional writes and retries. docs/scale.md gives the
formulas.
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
HOUR, BUSY = 3_600, 900  # seconds; the busy quarter is the second one
SECONDS = 20.0  # simulated seconds of the hot incident
MONTH = 730 / 24  # days per month


class Inputs:
    """The figures of scale.yaml by group and name."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table

    def of(self, group: str, name: str) -> float:
        return float(self._table[group][name]["value"])

    def text(self, group: str, name: str) -> str:
        return str(self._table[group][name]["value"])

    def lines(self) -> Iterator[str]:
        """Yield one line per figure, with its source."""
        for group, held in self._table.items():
            if isinstance(held, dict):
                for name, item in held.items():
                    yield f"{group}.{name} = {item['value']}   {item['from']}"


class Contention(NamedTuple):
    """The result for one incident that every shard writes. `gave_up` is the share of batches that Lambda retries as a
    whole."""

    writes: float  # successful writes per second
    tries: float  # attempts per successful write
    gave_up: float  # share of the batches


class ScaleRow(NamedTuple):
    """The figures for one number of shards."""

    shards: int
    records: float  # per second, average
    batch_seconds: float  # duration of analyze for the batch of a busy second
    lag: float  # maximum seconds in the busy quarter
    calls: float  # calls of analyze to DynamoDB per second, average
    index_units: float  # write units per second on one partition of the index, in the busy quarter
    hot: Contention
    hot_slow: Contention  # with a batch window of ten seconds
    concurrency: float
    opened: float  # incidents that a regional fault opens
    told: float  # seconds until Slack has received them all, one message each
    questions: float  # questions to the model per day
    wait: float  # minutes to answer the questions of a regional fault
    dollars: Mapping[str, float]  # per day


def load() -> Inputs:
    """Load the figures that ship with CALI."""
    return Inputs(yaml.safe_load(files("cali_ops").joinpath("scale.yaml").read_text("utf-8")))


def batch_seconds(inputs: Inputs, records: float) -> float:
    """Return the duration of a batch in analyze: Lambda's overhead, reading and writing the checkpoint, the lines,
    and the incidents, several of them in parallel."""
    call = inputs.of("aws", "dynamodb_seconds")
    touches = records * inputs.of("measured", "touches_per_1000") / 1_000
    rounds = ceil(touches / inputs.of("aws", "threads"))
    lines = records / inputs.of("measured", "core_records_per_second")
    return inputs.of("aws", "invocation_seconds") + 2 * call + lines + rounds * 2 * call


def lag(inputs: Inputs, seed: int = 1) -> float:
    """Return the maximum wait of a record of one shard, in seconds, during an hour with a busy quarter. Batches
    follow one another, at least one batch window apart. Each takes the records that wait."""
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
    """Simulate one incident that is in every batch of every shard. A writer reads the incident and writes it one call
    later, unless another writer was faster. Then it pauses, longer each time, until it gives up. The next batch of
    its shard waits for it."""
    random, call = Random(seed), inputs.of("aws", "dynamodb_seconds")
    attempts, pause = int(inputs.of("aws", "attempts")), inputs.of("aws", "pause_seconds")
    version = done = tries = lost = 0
    due = [
        (random.uniform(0, window), shard, 0, -1) for shard in range(shards)
    ]  # time, shard, attempts, version read
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
    """Return all figures for a number of shards. `waits` is the lag of one shard."""
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
        touches * 2 * per_write,  # delete and write in the index: `heard_at` is the sort key
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
    """Return the dollars per day by component. Costs that do not depend on the lines (EKS, Milvus, NAT) are in `make
    cost`."""
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
    """Return the rows of the table."""
    waits = lag(inputs)
    return [row(inputs, count, waits) for count in shards]


def table(found: Sequence[ScaleRow]) -> Iterator[str]:
    """Yield the rows as a Markdown table with one column per number of shards."""
    yield "| shards | " + " | ".join(f"{one.shards:,}" for one in found) + " |"
    yield "|---|" + "---:|" * len(found)
    shown: list[tuple[str, list[str]]] = [
        ("records per second, average", [f"{one.records:,.0f}" for one in found]),
        (
            "duration of a busy second's batch in analyze",
            [f"{one.batch_seconds * 1000:.0f} ms" for one in found],
        ),
        ("maximum lag in a busy quarter of an hour", [f"{one.lag:.1f} s" for one in found]),
        ("calls of analyze to DynamoDB per second", [f"{one.calls:,.0f}" for one in found]),
        (
            "write units per second on the busiest index partition (limit 1,000)",
            [f"{one.index_units:,.0f}" for one in found],
        ),
        ("one incident in all shards: writes per second", [f"{one.hot.writes:,.0f}" for one in found]),
        ("... attempts per write", [f"{one.hot.tries:.1f}" for one in found]),
        ("... retried batches", [f"{one.hot.gave_up:.0%}" for one in found]),
        ("... retried batches with a window of 10 s", [f"{one.hot_slow.gave_up:.0%}" for one in found]),
        ("concurrent invocations of Lambda (quota 1,000)", [f"{one.concurrency:,.0f}" for one in found]),
        ("incidents that a regional fault opens", [f"{one.opened:,.0f}" for one in found]),
        ("... time to report them one by one", [f"{one.told:,.0f} s" for one in found]),
        ("... time until the model has answered", [f"{one.wait:.1f} min" for one in found]),
        ("questions to the model per day (limit 200)", [f"{one.questions:,.0f}" for one in found]),
    ]
    shown += [
        (f"{part} per day", [f"${one.dollars[part]:,.2f}" for one in found]) for part in found[0].dollars
    ]
    shown.append(("total per day", [f"${sum(one.dollars.values()):,.0f}" for one in found]))
    per = [sum(one.dollars.values()) / one.shards for one in found]
    shown.append(("total per day and shard", [f"${cost:,.2f}" for cost in per]))
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in shown)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cali_ops.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument(
        "--inputs", action="store_true", help="show the inputs of the table, with their sources"
    )
    given = parser.parse_args(argv)
    inputs = load()
    print("\n".join(inputs.lines() if given.inputs else table(rows(inputs))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
