"""The replay gate on given drafts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve import knowledge
from cali.usecases.learn.draft_gate import Confirmed, GateSamples, judged
from cali.usecases.learn.drafts import MODEL, PEOPLE, Draft
from tests.contracts.entries import ENTRIES, HOST
from tests.unit.learning.week import SHARD, SHARD_CAUSE, incident, told

SHIPPED = knowledge.knowledge_of(ENTRIES, "2026-01-01")
ENTRY = KnowledgeEntry(
    id="learnt-shard",
    title="A ledger shard is behind",
    area="learnt",
    symptoms=(SHARD,),
    match=((r"ledger\s+shard", r"epochs\s+behind\s+its\s+coordinator"),),
    cause=SHARD_CAUSE,
    fix=("Wait.",),
    severity=Severity.ERROR,
    tags=("learnt",),
)


def draft(entry: KnowledgeEntry = ENTRY, by: str = MODEL) -> Draft:
    return Draft(entry, by, "f", 0.6, ("i",))


def line(level: str, text: str) -> bytes:
    return f'level={level} msg="{text}"'.encode()


def why(entry: KnowledgeEntry, by: str = MODEL, **ground: object) -> str:
    return judged([draft(entry, by)], GateSamples(SHIPPED, **ground)).stopped.get(entry.id, "")  # type: ignore[arg-type]


def test_a_good_draft_passes_and_says_what_it_would_have_answered():
    lines = [(1, line("error", SHARD)), (2, line("info", "settled 12 batches"))]
    recent = [incident(SHARD), incident("something else entirely went wrong here")]
    verdict = judged([draft()], GateSamples(SHIPPED, ["settled 12 batches"], lines=lines, recent=recent))
    assert [one.entry for one in verdict.passed] == [ENTRY]
    assert verdict.answers == {ENTRY.id: 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Not A Name"}, "its form is invalid"),
        ({"fix": ()}, "its form is invalid"),
        ({"match": (("(",),)}, "does not compile"),
        ({"match": ((r"(\w+\s*)+coordinator",),)}, "repeats"),
        ({"symptoms": ("another text",)}, "does not match its symptom"),
        ({"id": "host"}, "a shipped entry has the same id"),
        ({"match": (("no such host",), (r"epochs\s+behind",))}, "matches an example of host"),
    ],
)
def test_a_bad_draft_is_stopped(change, said):
    assert said in why(replace(ENTRY, **change))


def test_a_healthy_line_stops_it():
    assert "matches a healthy line: 'ledger shard 3" in why(
        ENTRY, healthy=["ledger shard 3 is epochs behind its coordinator, catching up"]
    )


def test_a_line_that_was_no_incident_must_not_become_one():
    lines = [(1, line("warning", SHARD))]
    assert "raises a new incident" in why(ENTRY, lines=lines)


def test_what_another_entry_answers_is_not_taken():
    both = f"{HOST.symptoms[0]} while {SHARD}"
    entry = replace(ENTRY, symptoms=(SHARD, both))
    said = why(entry, lines=[(1, line("error", both))])
    assert "replaces the answer of host" in said


def test_a_person_may_take_what_people_called_wrong():
    both = f"{HOST.symptoms[0]} while {SHARD}"
    entry = replace(ENTRY, symptoms=(SHARD, both))
    lines = [(1, line("error", both))]
    assert why(entry, PEOPLE, lines=lines, wrong=frozenset({"host"})) == ""
    assert why(entry, MODEL, lines=lines, wrong=frozenset({"host"}))


def test_what_people_confirmed_stays():
    held = Confirmed("i-1", (SHARD,), "", "Something else.")
    assert (
        why(ENTRY, confirmed=[held]) == "it would change the cause of incident i-1, which people called right"
    )
    assert why(ENTRY, confirmed=[held._replace(cause=SHARD_CAUSE)]) == ""
    assert why(ENTRY, confirmed=[held._replace(entry=ENTRY.id)]) == ""


def test_of_two_drafts_for_the_same_lines_the_first_passes():
    twin = replace(ENTRY, id="learnt-twin", cause="Another cause.")
    verdict = judged([draft(), draft(twin)], GateSamples(SHIPPED))
    assert [one.entry.id for one in verdict.passed] == [ENTRY.id]
    assert "matches the same lines" in verdict.stopped[twin.id]


def test_it_does_not_mind_the_diagnosis_of_recent_incidents():
    verdict = judged([draft()], GateSamples(SHIPPED, recent=[incident(SHARD, diagnosis=told("x"))]))
    assert verdict.answers == {ENTRY.id: 1}
