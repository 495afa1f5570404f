"""Each incident is diagnosed once, again if its cause was learnt in the meantime, and repaired after a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from cali.core.errors import Retryable
from cali.core.life import Change, ChangeKind
from cali.core.models import Diagnosis, Incident, Origin, Status
from cali.stages.detect import resolve
from cali.testing.clock import NOON
from cali.usecases.diagnose import DiagnoseResult
from cali.usecases.publish_changes import DiagnosisRequest
from tests.functional.aws_fakes import Failing, delivered, fluent
from tests.functional.aws_scene import SAID, Scene, known, scene_sweep, silent


def test_an_opened_incident_is_diagnosed_once_however_often_it_is_said() -> None:
    scene = Scene()
    assert scene.diagnose(scene.opened) is DiagnoseResult.KNOWN
    for _ in range(3):
        scene.diagnose(scene.opened)
        scene.diagnose(DiagnosisRequest(scene.opened.incident))
    assert len(scene.reasoner.asked) == 1
    assert len(scene.changes(ChangeKind.DIAGNOSED)) == 1
    assert scene.incident().diagnosis == known(scene.incident())
    assert scene.objects.kept == {}


def test_what_is_not_known_is_kept_for_learning_under_one_name() -> None:
    scene = Scene(silent("shares too little with its lines"))
    assert scene.diagnose(scene.opened) is DiagnoseResult.SILENT
    scene.diagnose(scene.opened)
    ((key, (body, _)),) = scene.objects.kept.items()
    assert key == f"new_errors/dt=2026-11-20/{scene.opened.incident}.json"
    held = json.loads(body)
    assert held["samples"][0]["message"] == scene.incident().samples[0].message
    assert held["template"] == scene.incident().template.text


@pytest.mark.parametrize(
    "gate",
    [
        "the model is unavailable: it failed several times, and calls are paused",
        "the model is unavailable: m: no answer in 20 s",
        "another process is asking the model for this error",
    ],
)
def test_a_model_that_is_away_is_asked_again_later(gate: str) -> None:
    scene = Scene(silent(gate))
    assert scene.diagnose(scene.opened) is DiagnoseResult.LATER
    assert scene.incident().diagnosis is None
    assert scene.objects.kept == {}
    scene.reasoner.say = known
    scene.clock.sleep(60.0)
    assert scene_sweep(scene).asked == 1
    (asked,) = [m for m in scene.stream.messages() if isinstance(m, DiagnosisRequest)]
    assert scene.diagnose(asked) is DiagnoseResult.KNOWN


@pytest.mark.parametrize("part", ["store", "stream", "objects"])
@pytest.mark.parametrize("before", [True, False])
def test_a_diagnosis_survives_a_crash_at_any_call(part: str, before: bool) -> None:
    scene = Scene(silent("no cause"))
    for turn in range(1, 12):
        try:
            scene.diagnose(scene.opened, **{part: Failing(getattr(scene, part), [turn], before=before)})
        except Retryable:
            continue
        break
    scene.diagnose(scene.opened)
    assert {(c.incident, c.number) for c in scene.changes(ChangeKind.DIAGNOSED)} == {
        (scene.opened.incident, 2)
    }
    assert len(scene.objects.kept) == 1
    assert scene.incident().status is Status.DIAGNOSED


def test_of_two_diagnoses_at_the_same_time_the_first_stays() -> None:
    scene = Scene()

    def late(incident: Incident) -> Diagnosis:
        scene.reasoner.say = known
        scene.diagnose(scene.opened)
        return replace(known(incident), cause="another cause")

    scene.reasoner.say = late
    scene.diagnose(scene.opened)
    assert len(scene.changes(ChangeKind.DIAGNOSED)) == 1
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert diagnosis.cause == "inventory is down"


class Returned(Scene):
    """A scene whose incident was diagnosed under knowledge 1, and recurred after silence, or after a person resolved
    it."""

    def __init__(self, kind: ChangeKind = ChangeKind.RECURRED) -> None:
        super().__init__(under("1", "a guess"))
        self.diagnose(self.opened)
        if kind is ChangeKind.RECURRED:
            self.clock.sleep(1801.0)
            scene_sweep(self)
        else:
            self.lives().apply(self.opened.incident, lambda known: resolve(known, NOON) if known else None)
            self.clock.sleep(600.0)
        late = self.clock.time
        self.batch(delivered([fluent(SAID, time=late)], first=50, arrived=late - 1))
        (self.back,) = self.changes(kind)
        self.objects.kept.clear()


def under(version: str, cause: str, origin: Origin = Origin.MODEL) -> Any:
    return lambda incident: replace(
        known(incident), origin=origin, cause=cause, versions={"knowledge": version}
    )


@pytest.mark.parametrize("kind", [ChangeKind.RECURRED, ChangeKind.REGRESSED])
def test_what_comes_back_gets_what_was_learnt_since_once(kind: ChangeKind) -> None:
    scene = Returned(kind)
    scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
    assert scene.diagnose(scene.back) is DiagnoseResult.KNOWN
    for _ in range(3):
        scene.diagnose(scene.back)
        scene.diagnose(scene.opened)
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert (diagnosis.cause, diagnosis.versions) == ("learnt", {"knowledge": "2"})
    assert [
        len(scene.changes(ChangeKind.DIAGNOSED)),
        len(scene.reasoner.asked),
        len(scene.reasoner.looked),
    ] == [
        2,
        1,
        1,
    ]
    assert scene.objects.kept == {}
    wanted = Status.DIAGNOSED if kind is ChangeKind.RECURRED else Status.REGRESSED
    assert scene.incident().status is wanted


def test_what_the_knowledge_still_does_not_know_keeps_its_diagnosis_and_asks_nobody() -> None:
    scene = Returned()
    before = scene.incident()
    assert scene.diagnose(scene.back) is DiagnoseResult.NOTHING
    assert scene.reasoner.looked == []  # the same knowledge gives the same diagnosis
    scene.reasoner.knowledge = "2"
    assert scene.diagnose(scene.back) is DiagnoseResult.NOTHING
    scene.reasoner.knows = under("2", "a guess")  # nothing changed for a person
    assert scene.diagnose(scene.back) is DiagnoseResult.NOTHING
    assert scene.incident() == before
    assert len(scene.reasoner.asked) == 1
    assert scene.objects.kept == {}


def test_what_has_not_come_back_keeps_what_people_have_read() -> None:
    scene = Scene(under("1", "a guess"))
    scene.diagnose(scene.opened)
    scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
    messages: list[Change | DiagnosisRequest] = [
        scene.opened,
        DiagnosisRequest(scene.opened.incident),
        *scene.changes(ChangeKind.DIAGNOSED),
    ]
    for message in messages:
        scene.diagnose(message)
    assert len(scene.changes(ChangeKind.DIAGNOSED)) == 1


@pytest.mark.parametrize("part", ["store", "stream"])
@pytest.mark.parametrize("before", [True, False])
def test_a_new_diagnosis_survives_a_crash_at_any_call(part: str, before: bool) -> None:
    for turn in range(1, 6):
        scene = Returned()
        scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
        with suppress(Retryable):
            scene.diagnose(scene.back, **{part: Failing(getattr(scene, part), [turn], before=before)})
        scene.diagnose(scene.back)
        again = {(change.incident, change.number) for change in scene.changes(ChangeKind.DIAGNOSED)}
        assert again == {(scene.opened.incident, 2), (scene.opened.incident, scene.back.number + 1)}


def test_of_two_processes_that_both_know_it_now_one_tells() -> None:
    scene = Returned()
    scene.reasoner.knowledge = "2"
    learnt = under("2", "learnt", Origin.KNOWLEDGE)

    def late(incident: Incident) -> Diagnosis:
        scene.reasoner.knows = learnt
        scene.diagnose(scene.back)
        said: Diagnosis = learnt(incident)
        return replace(said, cause="another cause")

    scene.reasoner.knows = late
    scene.diagnose(scene.back)
    assert len(scene.changes(ChangeKind.DIAGNOSED)) == 2
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert diagnosis.cause == "learnt"
