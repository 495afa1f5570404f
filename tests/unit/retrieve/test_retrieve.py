from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cali.adapters.memory.knowledge_index import LexicalIndex
from cali.core.models import Hit
from cali.stages.retrieve import CALIBRATED, UNKNOWN, decide, retrieve
from cali.stages.retrieve.index_rows import fuse, gist, rows
from cali.stages.retrieve.knowledge import load
from cali.stages.retrieve.signatures import Match, Signatures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import KnowledgeEntry

KNOWLEDGE = load(Path(__file__).parent / "knowledge")
SIGNATURES = Signatures(KNOWLEDGE.entries.values(), KNOWLEDGE.needed)


class CountingIndex(LexicalIndex):
    """The index in memory, with the number of searches."""

    asked = 0

    def search(self, text: str, limit: int) -> list[Hit]:
        self.asked += 1
        return super().search(text, limit)


@pytest.fixture
def index() -> CountingIndex:
    made = CountingIndex()
    made.ensure(KNOWLEDGE.version, list(KNOWLEDGE.entries.values()))
    return made


def test_a_signature_is_enough_and_spares_the_search(index: CountingIndex) -> None:
    found = retrieve("reason: OOMKilled, exit code: 137", SIGNATURES, index)
    assert found.known
    assert found.hits[0].id == "pod-oom-killed"
    assert found.verified == ("pod-oom-killed",)
    assert index.asked == 0


def test_what_no_signature_explains_is_searched_and_stays_unknown(index: CountingIndex) -> None:
    found = retrieve("the flux capacitor drifted out of its memory window", SIGNATURES, index)
    assert not found.known
    assert found.verified == ()
    assert index.asked == 1
    assert found.hits


def test_without_an_index_the_unknown_has_no_hits() -> None:
    assert retrieve("the flux capacitor drifted", SIGNATURES) == UNKNOWN


def test_the_limit_holds(index: CountingIndex) -> None:
    assert len(retrieve("flux capacitor: connection failed", SIGNATURES, index, limit=2).hits) <= 2


def test_a_heavier_signature_is_surer_and_leads() -> None:
    found = decide([Match("special", 40, 0), Match("general", 12, 0)], ())
    assert [hit.id for hit in found.hits] == ["special", "general"]
    assert 1 > found.hits[0].score > found.hits[1].score >= CALIBRATED.verified
    assert found.margin == pytest.approx(found.hits[0].score - found.hits[1].score)


@pytest.mark.parametrize("scores", [(0.99,), (0.95, 0.10), (0.30, 0.29)])
def test_nearness_alone_is_shown_and_never_asserted(scores: Sequence[float]) -> None:
    near = [Hit(f"e{i}", score) for i, score in enumerate(scores)]
    found = decide((), near)
    assert not found.known
    assert found.hits == tuple(near)
    assert found.verified == ()
    assert found.margin == pytest.approx(scores[0] - (scores[1] if scores[1:] else 0))


def test_the_gist_keeps_words_and_drops_values() -> None:
    first = gist("2026-11-20T10:00:01Z worker-3 <ip> failed to open /data/a1b2c3: OOMKilled (pid=991)")
    second = gist("2026-11-21T22:10:55Z worker-8 <ip> failed to open /data/ff00aa: OOMKilled (pid=4)")
    assert first == second
    assert "failed to open" in first
    assert "OOM Killed" in first


def test_the_gist_of_a_trace_has_its_cause() -> None:
    trace = "Request failed\n" + "\n".join(f"\tat com.shop.A.b(A.java:{i})" for i in range(90))
    assert "Caused by java.net.ConnectException" in gist(
        trace + "\nCaused by: java.net.ConnectException: refused"
    )


def test_names_that_hold_digits_are_kept() -> None:
    assert "E11000" in gist("E11000 duplicate key error collection: shop.users")
    assert "ORA-01555" in gist("ORA-01555: snapshot too old")


def test_there_is_a_row_for_each_symptom_and_one_for_the_cause() -> None:
    entries: list[KnowledgeEntry] = list(KNOWLEDGE.entries.values())
    found = rows(entries)
    assert len(found) == sum(1 + len(entry.symptoms) for entry in entries)
    assert rows(entries[::-1]) == found


def test_fusing_takes_the_best_row_of_each_entry() -> None:
    hits = fuse([("a", 0.9), ("a", 0.2), ("b", 0.5)], [("b", -30.0), ("a", -2.0), ("c", -0.5)], limit=9)
    assert [hit.id for hit in hits] == ["b", "a", "c"]
    assert hits == fuse([("b", 0.5), ("a", 0.2), ("a", 0.9)], [("c", 0.5), ("a", 2.0), ("b", 30.0)], limit=9)
    assert all(0 < hit.score < 1 for hit in hits)


def test_fusing_nothing_gives_nothing() -> None:
    assert fuse([], [], 5) == []
    assert fuse([("a", -0.4)], [], 5) == []
