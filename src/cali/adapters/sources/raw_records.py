"""Splitter of concatenated records: bytes in, lines out, in bounded memory.

    chunks -> gunzipped? -> lines, JSON objects that touch, subscriptions of CloudWatch Logs

Firehose puts a newline after each record (terraform/delivery.tf). Other writers use no separator. Some collectors gzip
each record, so an object of Firehose holds gzip members inside gzip (docs/adr/0009-log-collection.md).
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from cali.adapters.sources.files import LONGEST_LINE
from cali.core.errors import Misconfigured, Poison
from cali.stages.decode.kinesis_records import UNPACKED, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK = 256 * 1024
PROBED = 512  # bytes of a gzip member that are checked before it is unpacked
_GZIP, _MEMBER = b"\x1f\x8b", b"\x1f\x8b\x08"


class Damaged(Misconfigured):
    """A gzip file of which only the beginning is readable."""


def readable(body: bytes) -> Iterator[bytes]:
    """Yield the lines of one object. Yield the readable lines of a damaged one."""
    chunks = (body[at : at + CHUNK] for at in range(0, len(body), CHUNK))
    return records(_beginning(unzipped(chunks, "")))


def _beginning(content: Iterator[bytes]) -> Iterator[bytes]:
    with suppress(Damaged):
        yield from content


def unzipped(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """Yield the content of an object. Gzip members are unpacked in order; other content is unchanged."""
    stream = iter(chunks)
    head = b""
    while len(head) < len(_GZIP):
        more = next(stream, b"")
        if not more:
            break
        head += more
    if head[:2] != _GZIP:
        if head:
            yield head
        yield from stream
        return
    engine, data = zlib.decompressobj(31), head
    try:
        while data:
            out = engine.decompress(data, CHUNK)
            if out:
                yield out
            if engine.eof:
                data = (engine.unused_data or next(stream, b"")).lstrip(b"\0")  # some tools pad with zeros
                engine = zlib.decompressobj(31)
                continue
            data = engine.unconsumed_tail or next(stream, b"")
            if not data:
                raise Damaged(f"{where}: truncated gzip file")
    except zlib.error as error:
        raise Damaged(f"{where}: damaged gzip: {error}") from error


def records(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of concatenated records. A line longer than 8 MB is split."""
    stream = iter(chunks)
    rest = b""
    for chunk in stream:
        data = rest + chunk
        begin, at = 0, data.find(_MEMBER)
        while at >= 0:
            if at > begin and data[at - 1 : at] not in (b"\n", b"}"):
                at = data.find(_MEMBER, at + 1)
                continue
            yield from _texts(data[begin:at].split(b"\n"))
            begin = at
            if not _begins(data[at : at + PROBED]):
                at = data.find(_MEMBER, at + 1)
                continue
            text, data = _member(data[at:], stream)
            begin = 0
            if text is None:  # Damaged, or not gzip after all: the decoder decides.
                at = data.find(_MEMBER, 1)
                continue
            yield from split(zlib.compress(text, 0))  # the form in which a stream delivers it
            at = data.find(_MEMBER)
        *lines, rest = data[begin:].split(b"\n")
        yield from _texts(lines)
        if len(rest) > LONGEST_LINE:
            *lines, rest = _objects(rest)  # the last line may continue
            yield from _texts(lines)
            if len(rest) > LONGEST_LINE:
                yield rest
                rest = b""
    yield from _texts([rest])


def _texts(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line[:1] == b"{" and (b"}{" in line or b'"logEvents"' in line):
            yield from _unwrapped(line)
        elif line:
            yield line[:-1] if line[-1:] == b"\r" else line


def _unwrapped(line: bytes) -> Iterator[bytes]:
    for part in _objects(line):
        if b'"messageType"' in part[:4096] and b'"logEvents"' in part:
            try:
                yield from split(zlib.compress(part, 0))
                continue
            except Poison:
                pass
        yield part


def _objects(line: bytes) -> list[bytes]:
    """Return the JSON objects at the start of a line, each separately, and the rest."""
    if line[:1] != b"{":
        return [line]
    try:
        orjson.loads(line)
    except ValueError:
        pass
    else:
        return [line]
    text = line.decode("utf-8", "surrogateescape")
    parse = json.JSONDecoder(strict=False).raw_decode
    found: list[bytes] = []
    at = 0
    while text[at : at + 1] == "{":
        try:
            _, end = parse(text, at)
        except (ValueError, RecursionError):
            break
        found.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = end
    left = text[at:].encode("utf-8", "surrogateescape")
    return [*found, left] if left else found


def _begins(data: bytes) -> bool:
    """Return whether a gzip member may start here. This check avoids a copy of the rest for data that is no gzip."""
    try:
        zlib.decompressobj(31).decompress(data, 1)
    except zlib.error:
        return False
    return True


def _member(data: bytes, stream: Iterator[bytes]) -> tuple[bytes | None, bytes]:
    """Return the text of the gzip member at the start, and the rest. Return None and all data if it cannot be unpacked."""
    engine = zlib.decompressobj(31)
    text, taken = b"", data
    try:
        while len(text) <= UNPACKED and len(taken) <= UNPACKED:  # a header may have no end
            text += engine.decompress(data, UNPACKED - len(text) + 1)
            if engine.eof:
                return text, engine.unused_data
            data = engine.unconsumed_tail
            if not data:
                data = next(stream, b"")
                taken += data
            if not data:
                break
    except zlib.error:
        pass
    return None, taken
