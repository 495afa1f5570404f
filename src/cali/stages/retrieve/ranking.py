"""Which of several entries comes first when the signatures of all of them hold in a text.

The examples of the entries decide, so nobody has to keep a list of ranks:

1. An entry whose signature holds in the examples of another is the broader of the two, and comes after it: "timed out"
   is in many examples of errors that have a name of their own.
2. Then the entry of whose best example the text holds the most. A word counts as much as it is rare in all examples.
3. Then the one with the more literal characters in its patterns, and its id.

Measured in docs/adr/0005-retrieval.md.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cali.core.models import KnowledgeEntry

HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
WORD = re.compile(r"[a-z]{2,}|\d{3,5}")


class Ranking(NamedTuple):
    """What the examples of all entries say. `counts` are examples per word, `total` examples in all; `claims[a][b]` is
    the share of the examples of b in which the signature of a holds."""

    counts: Mapping[str, int]
    total: int
    claims: Mapping[str, Mapping[str, float]]


NO_RANKING = Ranking({}, 0, {})


def learn(entries: Iterable[KnowledgeEntry], matching: Callable[[str], Sequence[str]]) -> Ranking:
    """The ranking that the examples of the entries imply; `matching` gives the ids whose signature holds in a text."""
    counts: Counter[str] = Counter()
    claims: dict[str, dict[str, float]] = {}
    total = 0
    for entry in entries:
        for symptom in entry.symptoms:
            total += 1
            counts.update(words(symptom))
            for other in matching(symptom):
                if other != entry.id:
                    claimed = claims.setdefault(other, {})
                    claimed[entry.id] = claimed.get(entry.id, 0.0) + 1 / len(entry.symptoms)
    return Ranking(dict(sorted(counts.items())), total, claims)


def broader(ids: Sequence[str], ranking: Ranking) -> dict[str, int]:
    """For each id how many of the others are more special than it."""
    claims = ranking.claims
    none: Mapping[str, float] = {}
    return {
        one: sum(
            claims.get(one, none).get(other, 0.0) > claims.get(other, none).get(one, 0.0) for other in ids
        )
        for one in ids
    }


def likeness(text: frozenset[str], entry: KnowledgeEntry, ranking: Ranking) -> float:
    """How much of its best example the words of a text hold: what they share, times the share of it."""
    return max(_shared(text, words(symptom), ranking) for symptom in entry.symptoms)


def words(text: str) -> frozenset[str]:
    """The words of a text and the short numbers that may be codes, in lower case, `CamelCase` as two."""
    return frozenset(WORD.findall(HUMP.sub(" ", text).lower()))


def _shared(text: frozenset[str], example: frozenset[str], ranking: Ranking) -> float:
    whole = sum(_worth(word, ranking) for word in example)
    shared = sum(_worth(word, ranking) for word in example & text)
    return shared * shared / whole if whole else 0.0


def _worth(word: str, ranking: Ranking) -> float:
    return log(1 + ranking.total / (1 + ranking.counts.get(word, 0)))
