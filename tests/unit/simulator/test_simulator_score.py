from collections.abc import Iterable
from typing import Any

import pytest

from cali.core.errors import Misconfigured
from cali.simulator import Truth
from cali.simulator.score import Score, score


def fault(
    id_: str, *, known: bool = True, cause: Iterable[str] = ("connections",), root: str | None = None
) -> Truth:
    return Truth(id_, "kind", "shop", id_, 0.1, known, tuple(cause), (), root)


TRUTH = [
    fault("db"),
    fault("pool", cause=["pool", "connections"], root="db"),
    fault("bug", known=False, cause=()),
]
LABELS = {10: "db", 11: "db", 20: "pool", 30: "bug"}


def incident(id_: str, lines: list[int], cause: str = "", origin: str = "") -> dict[str, Any]:
    evidence = [{"line": line, "text": "..."} for line in lines]
    origin = origin or ("knowledge" if cause else "none")
    return {"id": id_, "diagnosis": {"origin": origin, "cause": cause, "evidence": evidence}}


PERFECT = [
    incident("i1", [10], "The database is out of Connections"),
    incident("i2", [20], "the pool gets no connection"),
    incident("i3", [30]),
]


def scored(incidents: list[dict[str, Any]]) -> Score:
    return score(TRUTH, LABELS, {"summary": {}, "incidents": incidents})


def test_a_perfect_report():
    result = scored(PERFECT)

    assert result.found == ("db", "pool", "bug")
    assert result.missed == ()
    assert result.cause_right == ("db", "pool", "bug")
    assert result.first_cause_right == ("db",)
    assert result.false_alarms == ()


def test_a_fault_without_an_incident_is_missed_and_neither_right_nor_wrong():
    result = scored(PERFECT[:2])

    assert result.missed == ("bug",)
    assert result.cause_right == ("db", "pool")
    assert result.cause_wrong == ()


def test_an_incident_on_healthy_lines_is_a_false_alarm():
    result = scored([*PERFECT, incident("noise", [1, 2], "something")])

    assert result.false_alarms == ("noise",)


def test_one_line_of_a_fault_among_the_evidence_is_enough():
    assert scored([incident("i1", [1, 2, 11])]).found == ("db",)


def test_a_follower_listed_first_is_a_wrong_first_cause():
    result = scored([PERFECT[1], PERFECT[0], PERFECT[2]])

    assert (result.first_cause_right, result.first_cause_wrong) == ((), ("db",))
    assert result.cause_right == ("db", "pool", "bug")


def test_a_cascade_whose_root_is_missed_is_wrong_and_one_not_seen_at_all_is_neither():
    assert scored([PERFECT[1]]).first_cause_wrong == ("db",)
    assert scored([PERFECT[2]]).first_cause_wrong == ()


def test_a_wrong_cause_and_no_cause_are_both_wrong_for_a_known_fault():
    assert scored([incident("i1", [10], "the disk is full")]).cause_wrong == ("db",)
    assert scored([incident("i1", [10])]).cause_wrong == ("db",)


def test_one_right_incident_of_several_is_enough_for_a_known_fault():
    assert scored([incident("a", [11]), PERFECT[0]]).cause_right == ("db",)


def test_an_unknown_fault_may_be_answered_by_the_model_but_not_from_knowledge():
    assert scored([incident("i", [30], "a bundle ends", "model")]).cause_right == ("bug",)
    assert scored([incident("i", [30]), incident("j", [30], "out of memory", "knowledge")]).cause_wrong == (
        "bug",
    )


@pytest.mark.parametrize("report", [None, [], {}, {"incidents": "many"}, {"incidents": [1]}])
def test_what_is_no_report_is_refused(report):
    with pytest.raises(Misconfigured, match="has no list of incidents"):
        score(TRUTH, LABELS, report)
