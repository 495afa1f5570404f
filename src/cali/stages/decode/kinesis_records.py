"""Unpacking of Kinesis records into lines.

    base64 -> KPL aggregate? -> gzip or zlib? -> CloudWatch Logs subscription? -> lines

Nearly every record is plain lines. The first byte shows whether a record is packed.
"""

from __future__ import annotations

import zlib
from binascii import Error as NotBase64
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_core import SchemaValidator, core_schema

from cali.core.errors import Poison

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNPACKED = 64 * 1024 * 1024  # maximum unpacked bytes of a record; a subscription of 1 MB holds about 20 MB
_RECORDS, _DATA = 3, 3  # field numbers in AggregatedRecord and Record
_GZIP, _KPL = b"\x1f\x8b", b"\xf3\x89\x9a\xc2"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# No line of text begins with 0x1F or 0xF3. A line may begin with 0x78 (`x`), so zlib's second byte is checked too.
PACKED = frozenset((0x1F, 0xF3, 0x78))
_LOG_GROUPS = ("/aws/lambda/", "/aws/rds/instance/", "/aws/eks/", "/aws/containerinsights/", "/ecs/")

_quick = SchemaValidator(core_schema.bytes_schema(), {"val_json_bytes": "base64"}).validate_strings


def unwrapped(data: str) -> bytes:
    """Decode base64 like `binascii.a2b_base64`, in half its time for Kinesis data. Raise ValueError for bad data."""
    # Pydantic also accepts URL-safe base64 and missing padding, and rejects characters that binascii ignores.
    if data.__class__ is str and "-" not in data and "_" not in data and not len(data) & 3:
        try:
            return _quick(data)  # type: ignore[no-any-return, arg-type]  # text in, bytes out, by its schema
        except ValueError:
            pass
    return a2b_base64(data)


def lines_of(data: str | bytes) -> Sequence[bytes]:
    """Return the lines of one record's base64 `data`, without blank lines. Raise Poison if it cannot be unpacked."""
    try:
        raw = a2b_base64(data, strict_mode=True)
    except (NotBase64, ValueError) as error:
        raise Poison(f"not base64: {error}") from error
    return split(raw)


def split(raw: bytes) -> Sequence[bytes]:
    """Return the lines of one record's bytes."""
    if raw[:1] and raw[0] in PACKED:
        return _unpacked(raw, 0)
    if b"\n" in raw:
        return (
            [line for line in raw.splitlines() if line and not line.isspace()]
            if b"\r" in raw
            else _lines(raw)
        )
    return (raw,) if raw else ()


def _lines(raw: bytes) -> list[bytes]:
    return [line for line in raw.split(b"\n") if line and not line.isspace()]


def _unpacked(raw: bytes, depth: int) -> Sequence[bytes]:
    if raw[:4] == _KPL and depth == 0:
        return [line for part in _parts(raw) for line in _unpacked(part, 1)]
    if raw[:2] == _GZIP:
        text = _inflated(raw, 31)
    elif raw[:2] in _ZLIB:
        text = _inflated(raw, 15)
    else:
        return _lines(raw.replace(b"\r\n", b"\n"))
    if text[:1] == b"{" and b'"messageType"' in text[:4096]:
        document = _object(text)
        if document is not None and "messageType" in document and "logEvents" in document:
            return _subscribed(document)
    return _lines(text.replace(b"\r\n", b"\n"))


def _inflated(raw: bytes, bits: int) -> bytes:
    """Decompress all members of a compressed text: a collector may append one to another."""
    parts: list[bytes] = []
    room = UNPACKED
    while raw:
        engine = zlib.decompressobj(bits)
        try:
            part = engine.decompress(raw, room)
        except zlib.error as error:
            raise Poison(f"damaged compression: {error}") from error
        if engine.unconsumed_tail:
            raise Poison(f"unpacks to more than {UNPACKED} bytes")
        if not engine.eof:
            raise Poison("damaged compression: the data is truncated")
        parts.append(part)
        room = max(1, room - len(part))
        raw = engine.unused_data
        if raw[:2] not in (_GZIP, *_ZLIB):
            break  # zero padding, which some writers append
    return b"".join(parts)


def _parts(raw: bytes) -> list[bytes]:
    """Return the user records of a Kinesis Producer Library aggregate: magic number, protobuf message, MD5.

    The format is small and frozen, so it is parsed here. AWS's own package for it needs its sources at run time.
    """
    from hashlib import md5

    body, digest = raw[4:-16], raw[-16:]
    if md5(body, usedforsecurity=False).digest() != digest:
        raise Poison("damaged KPL aggregate: the MD5 checksum does not match")
    try:
        return [
            data
            for number, record in _fields(body)
            if number == _RECORDS
            for inner, data in _fields(record)
            if inner == _DATA
        ]
    except IndexError as error:
        raise Poison("damaged KPL aggregate: the data is truncated") from error


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of each bytes field of a protobuf message. Numeric fields are skipped."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise IndexError
            yield key >> 3, message[at : at + length]
            at += length
        else:
            raise Poison(f"damaged KPL aggregate: unknown protobuf wire type {kind}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _subscribed(document: dict[str, Any]) -> list[bytes]:
    """Return the events of a CloudWatch Logs subscription. A control message, which tests the destination, has none."""
    if document["messageType"] != "DATA_MESSAGE" or not isinstance(document["logEvents"], list):
        return []
    group, stream = str(document.get("logGroup", "")), str(document.get("logStream", ""))
    lines = []
    for event in document["logEvents"]:
        if not isinstance(event, dict) or not isinstance(event.get("message"), str):
            continue
        message = event["message"].rstrip("\n")
        if not message.strip():
            continue
        if _collected(message):  # Container Insights: Fluent Bit already added the origin
            lines.append(message.encode("utf-8", "replace"))
            continue
        lines.append(
            orjson.dumps(
                {
                    "log": message.encode("utf-8", "replace").decode(),
                    "@timestamp": event.get("timestamp"),
                    "stream": f"{group}:{stream}",
                    "service": _workload(group),
                }
            )
        )
    return lines


def _collected(message: str) -> bool:
    return message[0] == "{" and '"kubernetes"' in message and '"log"' in message


def _workload(group: str) -> str:
    """Return the workload of a log group, from AWS's naming scheme."""
    for start in _LOG_GROUPS:
        if group.startswith(start):
            return group.removeprefix(start).split("/")[0]
    return group.strip("/")
