"""The rubric: a cause must be asserted, specific and complete."""

from __future__ import annotations

import pytest

from cali.bench.judge import Card, asserted, cards_of, is_right, judge
from cali.bench.recording import InjectedFault
from cali.core.errors import Misconfigured


def fault(**changes) -> InjectedFault:
    fields = {
        "name": "full",
        "kind": "memory-limit",
        "target": "redis",
        "what": "maxmemory 2mb",
        "cause": "maxmemory is reached",
        "accept": ("maxmemory",),
        "signal": "OOM command not allowed",
        "affected": ("redis",),
        "injected": 1.0,
    }
    return InjectedFault.model_validate(fields | changes)


def card(cause: str = "", text: str = "OOM command not allowed", **more) -> Card:
    return Card("title", cause, text, **more)


@pytest.mark.parametrize(
    ("cause", "kept"),
    [
        ("maxmemory is reached.", "maxmemory is reached."),
        ("The disk is full or the quota is used up.", "The disk is full or the quota is used up."),
        ("Writes fail: the disk is full, or it is read-only, or the folder is gone.", "Writes fail"),
        (
            "Connection refused. Reasons: it is down, a wrong port, a firewall, a restart.",
            "Connection refused. Reasons",
        ),
        ("Two or more threads wait; none goes on.", "Two or more threads wait; none goes on."),
        ("It is down, or it is slow, or it is gone.", ""),
    ],
)
def test_a_list_of_reasons_is_not_asserted(cause, kept):
    assert asserted(cause) == kept


def test_every_pattern_must_match_what_is_asserted():
    wanted = fault(accept=("maxmemory", "noeviction"))
    assert is_right(card("maxmemory is reached and the policy is noeviction."), wanted)
    assert not is_right(card("maxmemory is reached."), wanted)
    assert not is_right(card("Writes fail: maxmemory with noeviction, or a replica, or a full disk."), wanted)


def test_an_empty_answer_is_silent_and_everything_was_read():
    judged = judge([card(text="unrelated", lines=3)], fault())
    assert (judged.found, judged.verdict, judged.first, judged.lines) == (False, "silent", False, 3)


def test_a_cause_on_the_card_of_the_fault_is_wrong_when_it_is_another_one():
    judged = judge([card("The network is down.")], fault())
    assert (judged.found, judged.verdict) == (True, "wrong")


def test_a_cause_on_another_card_says_nothing_about_the_fault():
    judged = judge([card("The network is down.", text="unrelated"), card()], fault())
    assert (judged.found, judged.verdict) == (True, "silent")


def test_the_card_of_a_second_fault_does_not_spoil_first_place():
    other = fault(name="down", signal="connection refused", accept=("not running",))
    cards = [card("PostgreSQL is not running.", text="connection refused"), card("maxmemory is reached.")]
    assert judge(cards, fault(), [other]).first
    assert not judge(cards, fault()).first


def test_a_report_of_cali_and_of_another_tool_give_the_same_judgement():
    report = {
        "incidents": [
            {
                "title": "OOM command not allowed",
                "severity": "critical",
                "samples": ["OOM command not allowed"],
                "diagnosis": {
                    "origin": "knowledge",
                    "cause": "maxmemory is reached.",
                    "fix": [],
                    "evidence": [],
                },
            }
        ]
    }
    tool = {"cards": [{"title": "OOM command not allowed", "cause": "maxmemory is reached."}]}
    assert judge(cards_of(report, "a"), fault()) == judge(cards_of(tool, "b"), fault())


def test_findings_of_an_incident_belong_to_its_card():
    report = {
        "incidents": [
            {"title": "t", "findings": [{"samples": [{"line": 1, "text": "OOM command not allowed"}]}]}
        ]
    }
    assert judge(cards_of(report, "a"), fault()).found


def test_a_cause_without_origin_is_not_asserted():
    report = {
        "incidents": [{"title": "t", "diagnosis": {"origin": "none", "cause": "maxmemory is reached."}}]
    }
    assert judge(cards_of(report, "a"), fault()).verdict == "silent"


@pytest.mark.parametrize("answer", [{}, {"cards": "none"}, {"cards": [{"cause": "no title"}]}])
def test_an_answer_of_another_form_is_refused(answer):
    with pytest.raises(Misconfigured, match=r"^x\.json: "):
        cards_of(answer, "x.json")
