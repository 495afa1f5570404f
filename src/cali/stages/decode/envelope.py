"""Envelopes whose end is a pod's metadata, as Fluent Bit writes them: opened without parsing that end again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.stages.decode.fields import Plan, plan
from cali.stages.decode.jsonlog import load

if TYPE_CHECKING:
    from cali.core.models import Scope
    from cali.stages.decode.scope import Sources

METADATA = b',"kubernetes":{'
"""Where the end of an envelope begins."""

_ENDS = 4_096  # containers; the end of an envelope has some 400 bytes
_HEADS = 16_384
_new = tuple.__new__


class End(NamedTuple):
    """Who wrote a line, as the end of its envelope tells: the streams are those of stdout, of stderr and of neither."""

    scope: Scope
    streams: dict[str, str]


class Opened(NamedTuple):
    """What stands in an envelope: its members before the metadata, where to look in them, the line, and who wrote it."""

    head: dict[str, Any]
    where: Plan
    text: str
    scope: Scope
    stream: str


class Envelopes:
    """Opens envelopes. `ends` are theirs, as they are, with what they tell: None if they have to be read each time."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._heads: dict[tuple[str, ...], Plan] = {}
        self.ends: dict[bytes, End | None] = {}

    def opened(self, raw: bytes, at: int) -> Opened | None:
        """What stands in an envelope whose end, from `at` on, is its pod's metadata; None if it must be read as a
        whole. That end is the same in all lines of a container, so it is parsed and validated once. What stands before it
        is an object of its own, once it is closed, or the line is no JSON."""
        tail = raw[at:]
        end = self.ends[tail] if tail in self.ends else self._end(tail)
        if end is None:
            return None
        try:
            head = orjson.loads(raw[:at] + b"}")
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
        return _new(Opened, (head, where, text, scope, stream or f"{streams['']}/{out}"))

    def _end(self, tail: bytes) -> End | None:
        """What the end of an envelope tells; None if there is more in it, or it names nobody."""
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

    def _head(self, keys: tuple[str, ...]) -> Plan:
        """The plan for an envelope with these keys before its metadata; `bare` only if the line in it is all it tells."""
        where = plan((*keys, "kubernetes"))
        where = where._replace(bare=where.bare and where.raw)
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        self._heads[keys] = where
        return where
