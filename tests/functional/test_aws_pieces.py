"""A line whose pieces are in different batches: the checkpoint passes its beginning on."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from cali.core.models import Event, Severity
from cali.stages.decode import Decoder
from cali.stages.refine.refiner import Refiner
from cali.usecases.checkpoint import PendingBlock
from cali.usecases.shard_batch import ShardBatch


def item(number: int, part: str, said: str) -> dict[str, Any]:
    raw = f"2026-11-20T10:00:00.5Z stdout {part} {said}".encode()
    return {
        "kinesis": {
            "sequenceNumber": str(number),
            "data": b64encode(raw).decode(),
            "approximateArrivalTimestamp": float(number),
        }
    }


def test_a_line_that_batches_cut_is_read_whole_and_ends_where_it_ended():
    # given an object cut by the end of one batch, and a line whose empty end is in yet another
    batches = [
        [item(1, "P", '{"level":"warn",')],
        [item(2, "F", '"msg":"slow disk"}'), item(3, "P", "abc")],
        [item(4, "F", ""), item(5, "F", "next")],
    ]
    decoder, refiner, events = Decoder(), Refiner(), list[Event]()
    held: tuple[PendingBlock, ...] = ()
    # when they come one after the other
    for batch in batches:
        delivery = ShardBatch(batch, held, decoder, refiner, events.append)
        delivery.read()
        last = batch is batches[-1]
        held = delivery.settle((lambda _: True) if last else (lambda _: False))
    # then each line is one event
    assert [(event.message, event.severity) for event in events] == [
        ("slow disk", Severity.WARNING),
        ("abc", Severity.INFO),
        ("next", Severity.INFO),
    ]


def test_a_batch_that_is_read_again_holds_nothing_of_the_first_reading():
    decoder, events = Decoder(), list[Event]()
    for _ in range(2):
        delivery = ShardBatch([item(1, "P", "abc")], (), decoder, Refiner(), events.append)
        delivery.read()
        delivery.settle(lambda _: True)
    assert [event.message for event in events] == ["abc", "abc"]
