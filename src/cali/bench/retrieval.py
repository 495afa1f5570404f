"""The quality of retrieval: held-out examples must find their entry."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from cali.bootstrap.local import benchmark_indexes
from cali.stages.retrieve.knowledge import Knowledge, knowledge_of, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cali.core.ports import KnowledgeIndex

DEPTH = 5


@dataclass(frozen=True, slots=True)
class RetrievalScore:
    """The score of an index: shares of the examples, seconds until it is ready, milliseconds per query."""

    name: str
    first: float
    among_five: float
    ready_s: float
    answer_ms: float


def measure(knowledge: Knowledge | None = None, sample: int = 100) -> list[RetrievalScore]:
    """Hold out one example of some entries and search it by signatures, in Milvus Lite, and in an exact index.

    All three use the same entries, without the held-out examples.
    """
    examples, rest = hold_back(knowledge or load(), sample)
    entries = list(rest.entries.values())
    start = perf_counter()
    signatures = rest.signatures()
    scores = [_score("signatures", examples, signatures.matching, perf_counter() - start)]
    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder, benchmark_indexes(folder) as indexes:
        for name, index in indexes.items():
            start = perf_counter()
            index.ensure(rest.version, entries)
            ready = perf_counter() - start
            scores.append(_score(name, examples, partial(_search, index), ready))
    return scores


def _search(index: KnowledgeIndex, text: str) -> list[str]:
    return [hit.id for hit in index.search(text, DEPTH)]


def hold_back(knowledge: Knowledge, sample: int) -> tuple[list[tuple[str, str]], Knowledge]:
    """Return the last example and the id of up to `sample` entries, and the knowledge without these examples."""
    able = [entry for entry in knowledge.entries.values() if len(entry.symptoms) > 2]
    step = max(1, -(-len(able) // sample))
    chosen = {entry.id: entry.symptoms[-1] for entry in able[::step]}
    kept = [
        replace(entry, symptoms=entry.symptoms[:-1]) if entry.id in chosen else entry
        for entry in knowledge.entries.values()
    ]
    return [(text, name) for name, text in chosen.items()], knowledge_of(kept, knowledge.version)


def _score(
    name: str, examples: Sequence[tuple[str, str]], answer: Callable[[str], Sequence[str]], ready: float
) -> RetrievalScore:
    answer(examples[0][0])  # the first query also loads the model
    start = perf_counter()
    found = [answer(text) for text, _ in examples]
    took = perf_counter() - start
    first = sum(list(ids[:1]) == [wanted] for ids, (_, wanted) in zip(found, examples, strict=True))
    among = sum(wanted in ids[:DEPTH] for ids, (_, wanted) in zip(found, examples, strict=True))
    return RetrievalScore(
        name, first / len(examples), among / len(examples), ready, took * 1000 / len(examples)
    )
