"""Envelopes that end with a pod's metadata, as Fluent Bit writes them.

`Envelopes` parses an envelope but takes its metadata from a cache. `ShapeCache` does not parse at all: it reads a line that
differs from an earlier one only in digits and ids.

    raw -> find the end -> shape -> cut out time and message

The cache key of a shape (line_shape.py) is the beginning of the envelope with its digits as zeros. For lines with ids, the
letters a to f become zeros too. Lines of different shapes can share that key, so the checks of each shape are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.models import Record
from cali.core.normalise import ZEROS
from cali.stages.decode.jsonlog import KeyPlan, load, plan
from cali.stages.decode.line_shape import LineShape, fits, of_object, of_text
from cali.stages.decode.values import from_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.models import Scope
    from cali.stages.decode.layout import Plain
    from cali.stages.decode.scope import OriginResolver
    from cali.stages.decode.values import TimestampParser

_METADATA = b',"kubernetes":{'
_TIME_LAST = b'},"@timestamp":"'

_ENDS = 4_096  # maximum cached ends of envelopes, one per container, of about 400 bytes
_HEADS = 16_384
_new = tuple.__new__
_KEYS = 8_192  # maximum cached keys; a key with its shapes takes 1 to 2 KB
_EACH = 6  # maximum shapes per key, which differ in words, statuses and the first characters of ids
_LONGEST = 2_048  # maximum bytes of an envelope's beginning
_MINUTES = 4_096
_STATUSES = {b"%03d" % code: from_status(f"{code:03}") for code in range(1000)}
_HEX = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_loads = orjson.loads


class End(NamedTuple):
    """The scope and the streams in the end of an envelope, keyed by `stdout`, `stderr`, or `""` for neither."""

    scope: Scope
    streams: dict[str, str]


class OpenedEnvelope(NamedTuple):
    """The parts of an envelope: the members before the metadata, their plan, the inner line, scope and stream."""

    head: dict[str, Any]
    where: KeyPlan
    text: str
    scope: Scope
    stream: str


def split(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return the members of an envelope beside its pod's metadata, left open, and the metadata with the closing brace.

    Fluent Bit writes the time behind the metadata; other collectors write the metadata last. None for other lines.
    """
    if raw.endswith(b"}}"):
        at = raw.rfind(_METADATA)
        return (raw[:at], raw[at:]) if at > 0 else None
    time = raw.rfind(_TIME_LAST)
    if time < 0 or raw.find(b'"', time + len(_TIME_LAST)) != len(raw) - 2 or raw[-1:] != b"}":
        return None
    at = raw.rfind(_METADATA, 0, time)
    return (raw[:at] + raw[time + 1 : -1], raw[at : time + 1] + b"}") if at > 0 else None


class Envelopes:
    """A parser of envelopes. `ends` caches their ends. None marks an end that must be parsed each time."""

    def __init__(self, sources: OriginResolver) -> None:
        self._sources = sources
        self._heads: dict[tuple[str, ...], KeyPlan] = {}
        self.ends: dict[bytes, End | None] = {}

    def opened(self, members: bytes, tail: bytes) -> OpenedEnvelope | None:
        """Return the content of a split envelope; None if it must be read as a whole.

        The metadata is the same in all lines of a container, so it is parsed and validated once.
        """
        end = self.ends[tail] if tail in self.ends else self._end(tail)
        if end is None:
            return None
        try:
            head = orjson.loads(members + b"}")
        except ValueError:
            return None
        where = self._heads.get(tuple(head)) or self._head(tuple(head))
        if not where.bare:
            return None
        text = head[where.message[0]]
        if text.__class__ is not str or not text or text.isspace():
            return None
        scope, streams = end
        out = head.get("stream")
        stream = streams.get(out) if out.__class__ is str else streams[""]
        return _new(OpenedEnvelope, (head, where, text, scope, stream or f"{streams['']}/{out}"))

    def _end(self, tail: bytes) -> End | None:
        """Return the scope and streams in an envelope's end. Return None if it holds other members or no workload."""
        doc = load(b'{"":0' + tail) or {}
        end = None
        if len(doc) == 2 and doc.get("kubernetes").__class__ is dict:
            scope, stream = self._sources.pod(doc["kubernetes"])
            if stream and scope.workload:
                end = End(scope, {"": stream, "stdout": f"{stream}/stdout", "stderr": f"{stream}/stderr"})
        if len(self.ends) >= _ENDS:
            self.ends.clear()
        self.ends[tail] = end
        return end

    def _head(self, keys: tuple[str, ...]) -> KeyPlan:
        """Return the plan for an envelope with these keys before its metadata; `bare` if it holds only a line."""
        where = plan((*keys, "kubernetes"))
        where = where._replace(bare=where.bare and where.raw)
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        self._heads[keys] = where
        return where


class ShapeCache:
    """A bounded cache of line shapes. A hit equals the result of parsing; a miss is None.

    `ends` holds the known ends of envelopes.
    """

    def __init__(self, ends: dict[bytes, End | None], clock: TimestampParser) -> None:
        self._end = ends.get
        self._clock = clock
        self._plain: dict[
            bytes, LineShape
        ] = {}  # shapes without checks, keyed by the envelope with digits as zeros
        self._shapes: dict[bytes, tuple[LineShape, ...]] = {}
        self._once: set[bytes] = set()  # keys of objects seen once; most never repeat
        self._minutes: dict[bytes, float] = {}

    def read(self, raw: bytes, line: int) -> Record | None:
        """Return the record of a line with a known shape in an envelope with a known end; otherwise None."""
        parts = split(raw)
        if parts is None or (known := self._end(parts[1])) is None:
            return None
        head = parts[0]
        blind = head.translate(ZEROS)
        shape = self._plain.get(blind)
        if shape is None:
            for shape in self._shapes.get(head.translate(_HEX), ()):
                if fits(shape, head, blind):
                    break
            else:
                return None
        _, minute, second, zone, start, end, pieces, escaped, more, severity, status, out, normalised = shape
        begun = self._minutes.get(head[minute:second]) or self._minute(head[minute:second])
        if begun is None:
            return None
        body = b" ".join([head[a:b] for a, b in pieces]) if pieces else head[start:end]
        message: str = _loads(b'"%b"' % body) if escaped else body.decode()
        if more:
            message += more
        if status is not None:
            code = head[status[0] : status[1]]
            severity = _STATUSES[code] if code in _STATUSES else from_status(code.decode())
        scope, streams = known
        time = begun + float(head[second:zone])
        return _new(Record, (line, message, time, severity, scope, streams[out], False, normalised))

    def remember(self, head: bytes, where: KeyPlan, text: str, plain: Plain) -> None:
        """Add the shape of a line that was parsed. `head` is its envelope up to the end, `text` the inner line, and `plain`
        the parts of that line's layout."""
        if len(head) <= _LONGEST:
            self._remember(head, head.translate(_HEX), lambda: of_text(head, where, text, plain))

    def remember_object(self, head: bytes, where: KeyPlan, text: str) -> None:
        """Add the shape of a line that is a JSON object, from its second occurrence on."""
        if len(head) > _LONGEST:
            return
        key = head.translate(_HEX)
        if key in self._shapes or key in self._once:
            self._remember(head, key, lambda: of_object(head, where, text))
            return
        if len(self._once) >= _KEYS:
            self._once.clear()
        self._once.add(key)

    def _remember(self, head: bytes, key: bytes, shape: Callable[[], LineShape | None]) -> None:
        shapes = self._shapes.get(key)
        if shapes is not None and not 0 < len(shapes) < _EACH:  # the key has no shape, or too many
            return
        made = shape()
        if made and not made.checks:
            if len(self._plain) >= _KEYS:
                self._plain.clear()
            self._plain[head.translate(ZEROS)] = made
            return
        if shapes is None and len(self._shapes) >= _KEYS:
            self._shapes.clear()
        self._shapes[key] = (*(shapes or ()), made) if made else ()

    def _minute(self, minute: bytes) -> float | None:
        begun = self._clock.value(minute.decode() + "00Z")
        if begun is not None:
            if len(self._minutes) >= _MINUTES:
                self._minutes.clear()
            self._minutes[minute] = begun
        return begun
