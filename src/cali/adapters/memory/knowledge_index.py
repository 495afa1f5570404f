"""Embedder and index in memory, for users and tests: deterministic, without network, model or files.

Each passes the contract suite of its port (`tests/contracts/`), as the real adapters do.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from operator import mul
from typing import TYPE_CHECKING
from zlib import crc32

from cali.stages.retrieve.index_rows import IndexRow, fuse, gist, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import Hit, KnowledgeEntry
    from cali.core.ports import Embedder


class HashedEmbedder:
    """Embedder without a model: it hashes words and their character trigrams into 256 dimensions."""

    name = "hashed-256"
    size = 256

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.size
        for word in re.findall(r"\w+", text.lower()):
            for piece in (word, *(word[i : i + 3] for i in range(len(word) - 2))):
                place = crc32(piece.encode())
                vector[place % self.size] += 1.0 if place & 0x10000 else -1.0
        length = sum(x * x for x in vector) ** 0.5 or 1.0
        return [x / length for x in vector]


class ReferenceIndex:
    """KnowledgeIndex in memory with an exhaustive search. It uses the same rows and fusion as the Milvus index."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._version = ""
        self._rows: list[IndexRow] = []
        self._vectors: list[list[float]] = []
        self._words: list[Counter[str]] = []
        self._spread: Counter[str] = Counter()
        self._mean = 1.0

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        if version == self._version:
            return
        self._rows = rows(entries)
        self._vectors = self._embedder.embed([row.text for row in self._rows])
        self._words = [Counter(_words(row.text)) for row in self._rows]
        self._spread = Counter(word for words in self._words for word in words)
        self._mean = sum(words.total() for words in self._words) / max(1, len(self._rows))
        self._version = version

    def search(self, text: str, limit: int) -> list[Hit]:
        query = gist(text)
        if not query or limit < 1 or not self._rows:
            return []
        asked = self._embedder.embed([query])[0]
        dense = [
            (row.entry, sum(map(mul, asked, vector)))
            for row, vector in zip(self._rows, self._vectors, strict=True)
        ]
        wanted = Counter(_words(query))
        lexical = [
            (row.entry, self._bm25(wanted, words)) for row, words in zip(self._rows, self._words, strict=True)
        ]
        return fuse(
            sorted(dense, key=lambda found: -found[1])[:100],
            sorted((found for found in lexical if found[1] > 0), key=lambda found: -found[1])[:100],
            limit,
        )

    def _bm25(self, wanted: Counter[str], words: Counter[str], k: float = 1.5, b: float = 0.75) -> float:
        length = words.total() / self._mean
        score = 0.0
        for word in wanted.keys() & words.keys():
            rarity = log(1 + (len(self._rows) - self._spread[word] + 0.5) / (self._spread[word] + 0.5))
            score += wanted[word] * rarity * words[word] * (k + 1) / (words[word] + k * (1 - b + b * length))
        return score


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
