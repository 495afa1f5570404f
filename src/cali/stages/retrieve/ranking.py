"""The ranking of entries whose signatures all match a text.

The ranking is derived from the examples of the entries, so no list of ranks is maintained:

1. An entry whose signature matches the examples of another entry is broader and ranks after it. "timed out" is in many
   examples of more specific errors.
2. Next, the entry with the best coverage of one of its examples by the text. Rare words weigh more.
3. Next, the entry with more literal characters in its patterns, then the id.

docs/adr/0005-retrieval.md has the measurements.
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
    """Statistics of the examples of all entries.

    `counts` is the number of examples per word, `total` the number of all examples. `claims[a][b]` is the share of the
    examples of b that the signature of a matches.
    """

    counts: Mapping[str, int]
    total: int
    claims: Mapping[str, Mapping[str, float]]


NO_RANKING = Ranking({}, 0, {})


def learn(entries: Iterable[KnowledgeEntry], matching: Callable[[str], Sequence[str]]) -> Ranking:
    """Return the ranking derived from the examples. `matching` returns the ids whose signature matches a text."""
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
    """Return for each id the number of other ids that are more specific."""
    claims = ranking.claims
    none: Mapping[str, float] = {}
    return {
        one: sum(
            claims.get(one, none).get(other, 0.0) > claims.get(other, none).get(one, 0.0) for other in ids
        )
        for one in ids
    }


def likeness(text: frozenset[str], entry: KnowledgeEntry, ranking: Ranking) -> float:
    """Return the coverage of the entry's best example by a text: the shared weight times its share of the example."""
    return max(_shared(text, words(symptom), ranking) for symptom in entry.symptoms)


def words(text: str) -> frozenset[str]:
    """Return the lower-case words of a text, and short numbers that may be codes. `CamelCase` gives two words."""
    return frozenset(WORD.findall(HUMP.sub(" ", text).lower()))


def _shared(text: frozenset[str], example: frozenset[str], ranking: Ranking) -> float:
    whole = sum(_worth(word, ranking) for word in example)
    shared = sum(_worth(word, ranking) for word in example & text)
    return shared * shared / whole if whole else 0.0


def _worth(word: str, ranking: Ranking) -> float:
    return log(1 + ranking.total / (1 + ranking.counts.get(word, 0)))
