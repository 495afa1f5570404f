from __future__ import annotations

import pytest

from cali.bench.retrieval import hold_back, measure
from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import knowledge_of

KINDS = ("oil", "belt", "lamp", "pump")


def machine(kind: str) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=kind,
        title=f"The {kind} is worn",
        area="test",
        symptoms=(
            f"{kind} sensor says worn",
            f"worn {kind} found by inspection",
            f"replace {kind}: worn out",
        ),
        match=((f"\\b{kind}\\b",),),
        cause=f"The {kind} is old.",
        fix=("Replace it.",),
        severity=Severity.ERROR,
    )


KNOWLEDGE = knowledge_of(map(machine, KINDS), "2026-01-01")


def test_what_is_held_back_is_not_in_the_knowledge_that_is_asked() -> None:
    asked, rest = hold_back(KNOWLEDGE, sample=2)
    assert len(asked) == 2
    for text, name in asked:
        assert text in KNOWLEDGE.entries[name].symptoms
        assert text not in rest.entries[name].symptoms
    assert rest.version != KNOWLEDGE.version


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_way_is_measured_on_the_same_examples() -> None:
    outcomes = measure(KNOWLEDGE, sample=4)
    assert [outcome.name for outcome in outcomes] == ["signatures", "milvus lite", "in memory"]
    for outcome in outcomes:
        assert outcome.first == outcome.among_five == 1.0
        assert outcome.answer_ms > 0
