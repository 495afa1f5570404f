"""enrich: documents for OpenSearch from the records of Firehose: redacted, with severity, template and fingerprint.

Each record is a document of its own: Firehose cuts batches anywhere, so lines of different records are not joined here.
A record that cannot be read fails alone; Firehose writes it to its error prefix.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from cali.core.errors import Poison
from cali.core.models import Block, Quarantined, Record, Severity
from cali.stages.decode.kinesis_records import lines_of
from cali.stages.join import Joiner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import Event
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

MOST = 5_900_000  # maximum bytes of a response; Lambda allows 6,291,556
SHORT = 2_000  # characters to which messages are cut if a response is too large
NO_YEAR = 253_402_300_800  # seconds: the year 10000, which neither Python nor OpenSearch supports
AROUND = 120  # bytes of a record's JSON without its id and data


class Result(StrEnum):
    """The result of a record, as Firehose names it."""

    OK = "Ok"
    DROPPED = "Dropped"
    FAILED = "ProcessingFailed"


class Enrich:
    """A converter of records to documents. Each document depends on its record alone."""

    def __init__(self, decoder: Decoder, refiner: Refiner, least: Severity | None = None) -> None:
        """Records below `least` are dropped; None keeps all."""
        self._decoder = decoder
        self._refiner = refiner
        self._least = least

    def records(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers for records, in their order and within the size limit of a response."""
        done = [self._answer(record, None) for record in records]
        if _size(done) > MOST:
            done = [self._answer(record, SHORT) for record in records]
        room = MOST
        for place, answer in enumerate(done):
            room -= _weight(answer)
            if room < 0:  # Firehose keeps failed records itself, so the answer needs no data
                done[place] = {"recordId": answer["recordId"], "result": Result.FAILED.value}
                room += _weight(answer) - _weight(done[place])
        return done

    def _answer(self, record: dict[str, Any], most: int | None) -> dict[str, Any]:
        """Return the answer for one record, with `most` characters of its message."""
        name = record.get("recordId", "")
        try:
            event, stream = self._event(record["data"])
            if event is None or (self._least is not None and event.severity < self._least):
                return {"recordId": name, "result": Result.DROPPED.value}
            arrived = record.get("approximateArrivalTimestamp")
            document = _document(event, stream, arrived, most, self._refiner.masks.version)
        except Exception:  # a defect fails this record alone
            return {"recordId": name, "result": Result.FAILED.value, "data": record.get("data", "")}
        return {"recordId": name, "result": Result.OK.value, "data": b64encode(document).decode()}

    def _event(self, data: str) -> tuple[Event | None, str]:
        """Return the event of one record. If there are several, return the most severe one with the lines of all."""
        joiner, decoder = Joiner(), self._decoder.apart()
        blocks: list[Block] = []
        lines = [decoder.decode(raw, number) for number, raw in enumerate(lines_of(data), 1)]
        for decoded in (*lines, *decoder.rest()):
            if isinstance(decoded, Quarantined):
                raise Poison(decoded.reason)
            if isinstance(decoded, Record):
                blocks += joiner.push(decoded)
        blocks += joiner.flush()
        if not blocks:
            return None, ""
        events = [self._refiner.refine(block) for block in blocks]
        worst = max(events, key=lambda event: event.severity)
        if len(events) > 1:
            worst = worst._replace(message="\n".join(event.message for event in events))
        return worst, blocks[0].records[0].stream


def _document(event: Event, stream: str, arrived: int | None, most: int | None, masks: str) -> bytes:
    """Return one line of JSON, for OpenSearch and S3."""
    reached = (arrived or 0) / 1000
    time = reached if event.time is None or not 0 <= event.time < NO_YEAR else event.time
    message = event.message
    document = {
        "@timestamp": datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds"),
        "message": message if most is None or len(message) <= most else message[: most - 1] + "…",
        "severity": event.severity.label,
        "template": event.template.text if most is None else event.template.text[:most],
        "fingerprint": event.template.id,
        "cluster": event.scope.cluster,
        "namespace": event.scope.namespace,
        "workload": event.scope.workload,
        "container": event.scope.container,
        "stream": stream,
        "masks": masks,
    }
    return orjson.dumps(document) + b"\n"


def _size(answers: list[dict[str, Any]]) -> int:
    return sum(map(_weight, answers))


def _weight(answer: dict[str, Any]) -> int:
    return AROUND + len(answer["recordId"]) + len(answer.get("data", ""))
