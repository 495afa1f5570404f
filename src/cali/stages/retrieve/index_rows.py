"""Index rows of an entry, the query text of an event, and the fusion of dense and lexical scores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Hit, KnowledgeEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LONGEST = 600  # maximum characters of a query; embeddings of longer texts are too unspecific
HEAD_LINES = 3
TELLING = re.compile(
    r"error|exception|caused by|fail|denied|refused|timeout|timed out|fatal|panic|cannot|unable|warn|kill|exceed",
    re.I,
)
DROPPED = re.compile(r"<[a-z*][a-z0-9*_-]*>|\S*\d[\w.:-]*|[^\w\s./'-]+|_{2,}")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
CODE = re.compile(
    r"\b(?:[A-Za-z]{1,8}[-_]?\d{2,5}|[1-5]\d\d)\b"
)  # ORA-01555, E11000, exit 137, status 503: names, not values

LEXICAL_HALF = 12.0  # the BM25 score that maps to 0.5
DENSE_SHARE = 0.4  # shares from 0.3 to 0.7 give the same result within the noise; docs/adr/0005-retrieval.md


class IndexRow(NamedTuple):
    """A searchable text of an entry."""

    entry: str
    text: str


def rows(entries: Sequence[KnowledgeEntry]) -> list[IndexRow]:
    """Return one row per symptom and one row for the subject of the entry, in a fixed order."""
    found = []
    for entry in sorted(entries, key=lambda entry: entry.id):
        found.append(IndexRow(entry.id, gist(f"{entry.title}. {entry.cause}")))
        found += [IndexRow(entry.id, gist(symptom)) for symptom in entry.symptoms]
    return [row for row in found if row.text]


def gist(text: str) -> str:
    """Return the informative lines of an event, without numbers, ids and placeholders."""
    lines = [line for line in text.splitlines() if line.strip()]
    kept = [line for i, line in enumerate(lines) if i < HEAD_LINES or TELLING.search(line)]
    words: list[str] = []
    length = 0
    for line in kept:
        codes = CODE.findall(line)
        plain = DROPPED.sub(" ", line).split()
        for word in (*plain, *codes):
            parts = HUMP.split(word)
            words += [word, *parts] if len(parts) > 1 else [word]
            length += len(word) + 1
        if length > LONGEST:
            break
    return " ".join(words)[:LONGEST].strip()


def fuse(dense: Iterable[tuple[str, float]], lexical: Iterable[tuple[str, float]], limit: int) -> list[Hit]:
    """Merge the rows of two searches (cosines, and BM25 scores of any sign) into one hit per entry.

    The score is a weighted mean of similarities, not of ranks. A rank does not show whether any entry is near, and an
    open-set decision needs that. Ties are ordered by id.
    """
    near, words = _best(dense), _best((entry, abs(score)) for entry, score in lexical)
    scored = (
        Hit(entry, round(_score(near.get(entry, 0.0), words.get(entry, 0.0)), 4)) for entry in {*near, *words}
    )
    return sorted((hit for hit in scored if hit.score > 0), key=lambda hit: (-hit.score, hit.id))[:limit]


def _score(cosine: float, bm25: float) -> float:
    return DENSE_SHARE * min(1.0, max(0.0, cosine)) + (1 - DENSE_SHARE) * bm25 / (bm25 + LEXICAL_HALF)


def _best(found: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    best: dict[str, float] = {}
    for entry, score in found:
        best[entry] = max(score, best.get(entry, score))
    return best
