"""Envelopes whose end is a pod's metadata, as Fluent Bit writes them: opened without parsing that end again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.models import Scope
from cali.stages.decode.fields import Plan, plan
from cali.stages.decode.jsonlog import load
from cali.stages.decode.scope import Source

if TYPE_CHECKING:
    from cali.stages.decode.scope import Sources

METADATA = b',"kubernetes":{'
"""Where the end of an envelope begins."""

_TAILS = 4_096  # containers; the end of an envelope has some 400 bytes
_HEADS = 16_384
_UNKNOWN = Source(Scope(), "")


class Opened(NamedTuple):
    """What stands in an envelope: its members before the metadata, where to look in them, the line, and who wrote it."""

    head: dict[str, Any]
    where: Plan
    text: str
    scope: Scope
    stream: str


class Envelopes:
    """Opens envelopes. `tails` are the sources that their ends name, under the ends as they are."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._heads: dict[tuple[str, ...], Plan] = {}
        self.tails: dict[bytes, Source] = {}

    def opened(self, raw: bytes, at: int) -> Opened | None:
        """What stands in an envelope whose end, from `at` on, is its pod's metadata; None if it must be read as a
        whole. That end is the same in all lines of a container, so it is parsed and validated once. What stands before it
        is an object of its own, once it is closed, or the line is no JSON."""
        source = self.tails.get(raw[at:]) or self._tail(raw[at:])
        if source is _UNKNOWN:
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
        scope, stream = source
        out = head.get("stream")
        if out.__class__ is str and out:
            stream = f"{stream}/{out}"
        return Opened(head, where, text, scope, stream)

    def _tail(self, tail: bytes) -> Source:
        """The source that the end of an envelope names; `_UNKNOWN` if there is more in it, or it names none."""
        doc = load(b'{"":0' + tail) or {}
        source = _UNKNOWN
        if len(doc) == 2 and doc.get("kubernetes").__class__ is dict:
            found = self._sources.pod(doc["kubernetes"])
            source = found if found.stream and found.scope.workload else source
        if len(self.tails) >= _TAILS:
            self.tails.clear()
        self.tails[tail] = source
        return source

    def _head(self, keys: tuple[str, ...]) -> Plan:
        """The plan for an envelope with these keys before its metadata; `bare` only if the line in it is all it tells."""
        where = plan((*keys, "kubernetes"))
        where = where._replace(bare=where.bare and where.raw)
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        self._heads[keys] = where
        return where
