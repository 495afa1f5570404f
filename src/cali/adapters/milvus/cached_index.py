"""Disk cache of search results, so that a repeated query does not need to open the index.

Importing pymilvus takes over a second, a cached result a millisecond. Results belong to one knowledge version and
embedder. A damaged line is ignored. Without a writable folder, nothing is cached.
"""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from cali.core.models import Hit, KnowledgeEntry
from cali.stages.retrieve.index_rows import gist

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cali.core.ports import KnowledgeIndex

LARGEST = 4_000_000  # maximum bytes of a file; a larger one is started again
DEPTH = 10  # maximum hits cached per query


class RememberedHits:
    """KnowledgeIndex in front of another one, which is opened and searched only on a cache miss.

    `kind` separates the results of different embedders. Queries with the same gist share a result.
    """

    def __init__(self, index: KnowledgeIndex, folder: Path, kind: str) -> None:
        self._index = index
        self._folder = folder
        self._kind = kind
        self._version = ""
        self._entries: Sequence[KnowledgeEntry] = ()
        self._ready = False
        self._known: dict[str, list[Hit]] = {}

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        if version == self._version:
            return
        self._version, self._entries, self._ready = version, entries, False
        self._known = self._read()

    def search(self, text: str, limit: int) -> list[Hit]:
        words = gist(text)
        if not words:
            return []
        key = blake2b(words.encode(), digest_size=12).hexdigest()
        found = self._known.get(key)
        if found is None or (limit > DEPTH and len(found) == DEPTH):
            if not self._ready:
                self._index.ensure(self._version, self._entries)
                self._ready = True
            found = self._index.search(text, max(limit, DEPTH))
            self._known[key] = found[:DEPTH]
            self._write(key, found[:DEPTH])
        return found[:limit]

    def _file(self) -> Path:
        return self._folder / (re.sub(r"\W+", "-", f"hits-{self._version}-{self._kind}") + ".jsonl")

    def _read(self) -> dict[str, list[Hit]]:
        known: dict[str, list[Hit]] = {}
        try:
            lines = self._file().read_bytes().splitlines()
        except OSError:
            return known
        for line in lines:
            with suppress(ValueError, TypeError, KeyError):
                key, hits = orjson.loads(line)
                known[str(key)] = [Hit(str(entry), float(score)) for entry, score in hits]
        return known

    def _write(self, key: str, hits: Sequence[Hit]) -> None:
        line = orjson.dumps([key, hits], default=list) + b"\n"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._file()
            large = file.exists() and file.stat().st_size > LARGEST
            # Each line is one write call, so lines of two processes do not mix.
            with file.open("wb" if large else "ab", buffering=0) as out:
                out.write(b"\n" + line)  # ends an incomplete line of a killed process
