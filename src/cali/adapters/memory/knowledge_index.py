"""Index and embedder in memory: deterministic, without network, model or files.

Each passes the contract suite of its port (`tests/contracts/`). The command line searches the index, and functions on
AWS use the embedder unless CALI_EMBEDDER names another.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from typing import TYPE_CHECKING
from zlib import crc32

from cali.core.models import Hit
from cali.stages.retrieve.index_rows import IndexRow, gist, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import KnowledgeEntry

STEM = 4  # characters of a word that stand for its other forms: refused, refuses, refusing
SATURATION = 1.5  # the usual k1 of BM25
LENGTH_SHARE = 0.75  # the usual b of BM25
HALF = 20.0  # the score that maps to 0.5; words and stems count both


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


class LexicalIndex:
    """KnowledgeIndex in memory: an exact BM25 search over words and their stems, in an inverted index.

    It finds held-out examples as often as Milvus with a dense and a lexical search (docs/adr/0005-retrieval.md), and
    needs no embedder.
    """

    def __init__(self) -> None:
        self._version = ""
        self._rows: list[IndexRow] = []
        self._weights: list[float] = []
        self._postings: dict[str, list[tuple[int, int]]] = {}

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        if version == self._version:
            return
        self._rows = rows(entries)
        self._postings = {}
        lengths = []
        for number, row in enumerate(self._rows):
            counts = Counter(_terms(row.text))
            lengths.append(counts.total())
            for term, count in counts.items():
                self._postings.setdefault(term, []).append((number, count))
        mean = sum(lengths) / max(1, len(lengths))
        self._weights = [SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length / mean) for length in lengths]
        self._version = version

    def search(self, text: str, limit: int) -> list[Hit]:
        scores: dict[int, float] = {}
        for term, wanted in Counter(_terms(gist(text))).items():
            found = self._postings.get(term, ())
            rarity = wanted * log(1 + (len(self._rows) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                share = count * (SATURATION + 1) / (count + self._weights[number])
                scores[number] = scores.get(number, 0.0) + rarity * share
        best: dict[str, float] = {}
        for number, score in scores.items():
            entry = self._rows[number].entry
            best[entry] = max(score, best.get(entry, 0.0))
        hits = (Hit(entry, round(score / (score + HALF), 4)) for entry, score in best.items())
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[: max(0, limit)]


def _terms(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return words + [f"{word[:STEM]}~" for word in words if len(word) > STEM]
