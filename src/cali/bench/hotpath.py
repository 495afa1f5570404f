"""Records per second and core on analyze's hot path: from Kinesis events, as Lambda delivers them, to refined events.

    python -m cali.bench.hotpath

The time includes base64, decode with validation, join and refine, with warm caches. It excludes DynamoDB, which healthy
lines use once per batch. The lines are those of the simulated shop, in Fluent Bit's envelope. The result is the minimum
processor time of several runs, because other load makes a run slower but never faster.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from cali.bench.cpu_time import best
from cali.simulator import enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.detect import Detector
from cali.stages.refine.refiner import Refiner
from cali.usecases.shard_batch import ShardBatch

START = 1_795_176_000.0
FIRST = 49_640_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
BATCH = 1_000  # records per event


def events(records: int) -> list[list[dict[str, Any]]]:
    """Return Kinesis events with `records` records in total."""
    envelope = enveloper("fluentbit")
    lines = simulate(load_scenario("shop"), seed=7, lines=records, start=START)
    items = [
        {
            "kinesis": {
                "data": b64encode(envelope(line).encode()).decode(),
                "sequenceNumber": str(FIRST + number),
                "approximateArrivalTimestamp": START,
            },
            "eventID": f"shardId-000000000000:{FIRST + number}",
        }
        for number, line in enumerate(lines)
    ]
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def run(records: int = 50_000, runs: int = 5) -> tuple[float, float]:
    """Return records per second up to refine, and up to detect."""
    batches = events(records)
    decoder, refiner = Decoder("bench"), Refiner()

    def refined() -> None:
        for batch in batches:
            ShardBatch(batch, (), decoder, refiner, lambda _: None).read()

    def detected() -> None:
        for batch in batches:
            ShardBatch(batch, (), decoder, refiner, Detector(lambda _: None).observe).read()

    refined()  # warm the caches
    total = sum(map(len, batches))
    return total / best(refined, runs), total / best(detected, runs)


def main() -> None:
    refined, detected = run()
    print(f"Kinesis event to refined events: {refined:,.0f} records/s on one core")
    print(f"the same with detection:         {detected:,.0f} records/s on one core")


if __name__ == "__main__":
    main()
