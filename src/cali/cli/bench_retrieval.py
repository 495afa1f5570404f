"""The benchmark of retrieval: examples that were held back have to find their entry again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from cali.stages.retrieve.knowledge import Knowledge, load, of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEPTH = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one way of retrieval did. Shares of the examples; seconds to get ready; milliseconds for one answer."""

    name: str
    first: float
    among_five: float
    ready_s: float
    answer_ms: float


def bench_retrieval(knowledge: Knowledge | None = None, sample: int = 100) -> list[Outcome]:
    """Holds one example of each of some entries back, and asks signatures, Milvus Lite and, as the peer of both, the
    exact index in memory for its entry. All see the same entries without these examples."""
    from cali.adapters.memory.knowledge_index import HashedEmbedder, ReferenceIndex
    from cali.adapters.milvus.index import MilvusIndex
    from cali.adapters.wordllama.embedder import WordLlamaEmbedder

    asked, rest = hold_back(knowledge or load(), sample)
    entries = list(rest.entries.values())

    start = perf_counter()
    signatures = rest.signatures()
    outcomes = [_run("signatures", asked, signatures.matching, perf_counter() - start)]

    with tempfile.TemporaryDirectory(prefix="cali-bench-") as folder:
        start = perf_counter()
        milvus = MilvusIndex(folder, WordLlamaEmbedder())
        milvus.ensure(rest.version, entries)
        ready = perf_counter() - start
        outcomes.append(
            _run("milvus lite", asked, lambda text: [hit.id for hit in milvus.search(text, DEPTH)], ready)
        )
        milvus.close()

    start = perf_counter()
    exact = ReferenceIndex(HashedEmbedder())
    exact.ensure(rest.version, entries)
    ready = perf_counter() - start
    outcomes.append(
        _run("in memory", asked, lambda text: [hit.id for hit in exact.search(text, DEPTH)], ready)
    )
    return outcomes


def hold_back(knowledge: Knowledge, sample: int) -> tuple[list[tuple[str, str]], Knowledge]:
    """The last example of up to `sample` entries that have others, with their ids, and the knowledge without them."""
    able = [entry for entry in knowledge.entries.values() if len(entry.symptoms) > 2]
    step = max(1, -(-len(able) // sample))
    chosen = {entry.id: entry.symptoms[-1] for entry in able[::step]}
    kept = [
        replace(entry, symptoms=entry.symptoms[:-1]) if entry.id in chosen else entry
        for entry in knowledge.entries.values()
    ]
    return [(text, name) for name, text in chosen.items()], of(kept, knowledge.version)


def _run(
    name: str, asked: Sequence[tuple[str, str]], answer: Callable[[str], Sequence[str]], ready: float
) -> Outcome:
    answer(asked[0][0])  # the first answer also loads what is loaded late
    start = perf_counter()
    found = [answer(text) for text, _ in asked]
    took = perf_counter() - start
    first = sum(list(ids[:1]) == [wanted] for ids, (_, wanted) in zip(found, asked, strict=True))
    among = sum(wanted in ids[:DEPTH] for ids, (_, wanted) in zip(found, asked, strict=True))
    return Outcome(name, first / len(asked), among / len(asked), ready, took * 1000 / len(asked))
