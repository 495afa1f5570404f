"""diagnose, alert and sweep: each incident diagnosed once, told once, and repaired after a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from cali.adapters.slack_webhook import SlackLetters
from cali.errors import Misconfigured, Poison, Retryable
from cali.functions.diagnose import Diagnose, Done
from cali.functions.lives import Asked, Lives, dumps, loads
from cali.functions.sweep import Sweep
from cali.life import Change, Kind
from cali.models import Diagnosis, Evidence, Hit, Incident, Origin, Severity, Status
from cali.stages.detect import Outcome, mute, resolve
from cali.stages.notify.alerts import Alerts, Heard, Parts
from cali.stages.notify.rules import Route, Rules, Send, When
from cali.stages.notify.words import words
from cali.testing_alerts import MemoryAlerts
from tests.functional.aws_fakes import (
    NOON,
    SHARD,
    Clock,
    Explains,
    Failing,
    MemoryChat,
    World,
    delivered,
    fluent,
)

SAID = "ERROR could not reach <!channel> inventory: connection refused"


def known(incident: Incident) -> Diagnosis:
    return Diagnosis(
        Origin.KNOWLEDGE,
        (Evidence(incident.first_line, incident.samples[0].message),),
        "inventory is down",
        ("start inventory",),
        0.9,
        (Hit("connection-refused", 0.9),),
        {"knowledge": "1"},
    )


def silent(gate: str) -> Any:
    return lambda incident: Diagnosis(
        Origin.NONE, (Evidence(incident.first_line, incident.title),), versions={"gate": gate}
    )


class Scene(World):
    """A world with one opened incident, and what works on it."""

    def __init__(self, say: Any = known) -> None:
        super().__init__()
        self.reasoner = Explains(say)
        self.chat: Any = MemoryChat()
        self.told: Any = MemoryAlerts()
        self.batch(delivered([fluent(SAID)]))
        (self.opened,) = [m for m in self.stream.messages() if isinstance(m, Change)]

    def lives(self, **parts: Any) -> Lives:
        return Lives(parts.get("store", self.store), parts.get("stream", self.stream), self.clock.sleep)

    def diagnose(self, message: Change | Asked, **parts: Any) -> Done:
        store, objects = parts.get("store", self.store), parts.get("objects", self.objects)
        made = Diagnose(store, self.lives(**parts), self.reasoner, objects, self.clock.now)
        return made.message(message)

    def alerts(self, **parts: Any) -> Alerts:
        """A process that tells what changes by a webhook."""
        sleep = parts.get("sleep", self.clock.sleep)
        letters = SlackLetters(parts.get("chat", self.chat), self.clock.now, sleep)
        rules = Rules(
            (Route("everything", When(), (Send("slack"),)),), links=(("CALI", "https://cali/{id}"),)
        )
        made = Parts(
            self.store, self.told, rules, lambda _: letters, words("en"), self.clock.now, sleep, wait=1.5
        )
        return Alerts(made)

    def alert(self, message: Change, **parts: Any) -> Heard:
        return self.alerts(**parts).hear(message)

    def changes(self, kind: Kind) -> list[Change]:
        return [m for m in self.stream.messages() if isinstance(m, Change) and m.kind is kind]

    def incident(self) -> Incident:
        stored = self.store.get(self.opened.incident)
        assert stored is not None
        held: Incident = stored.incident
        return held


def test_an_opened_incident_is_diagnosed_once_however_often_it_is_said() -> None:
    scene = Scene()
    assert scene.diagnose(scene.opened) is Done.KNOWN
    for _ in range(3):
        scene.diagnose(scene.opened)
        scene.diagnose(Asked(scene.opened.incident))
    assert len(scene.reasoner.asked) == 1
    assert len(scene.changes(Kind.DIAGNOSED)) == 1
    assert scene.incident().diagnosis == known(scene.incident())
    assert scene.objects.kept == {}


def test_what_is_not_known_is_kept_for_learning_under_one_name() -> None:
    scene = Scene(silent("shares too little with its lines"))
    assert scene.diagnose(scene.opened) is Done.SILENT
    scene.diagnose(scene.opened)
    ((key, body),) = scene.objects.kept.items()
    assert key == f"new_errors/dt=2026-11-20/{scene.opened.incident}.json"
    held = json.loads(body)
    assert held["samples"][0]["message"] == scene.incident().samples[0].message
    assert held["template"] == scene.incident().template.text


@pytest.mark.parametrize(
    "gate",
    [
        "the model is unavailable: it failed several times, and is left alone for a while",
        "the model is unavailable: m: no answer in 20 s",
        "another process is asking the model for this error",
    ],
)
def test_a_model_that_is_away_is_asked_again_later(gate: str) -> None:
    scene = Scene(silent(gate))
    assert scene.diagnose(scene.opened) is Done.LATER
    assert scene.incident().diagnosis is None
    assert scene.objects.kept == {}
    scene.reasoner.say = known
    scene.clock.sleep(60.0)
    assert scene_sweep(scene).asked == 1
    (asked,) = [m for m in scene.stream.messages() if isinstance(m, Asked)]
    assert scene.diagnose(asked) is Done.KNOWN


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
    assert {(c.incident, c.number) for c in scene.changes(Kind.DIAGNOSED)} == {(scene.opened.incident, 2)}
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
    assert len(scene.changes(Kind.DIAGNOSED)) == 1
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert diagnosis.cause == "inventory is down"


class Returned(Scene):
    """A scene whose incident was diagnosed under knowledge 1, and came back after silence, or after a person resolved it."""

    def __init__(self, kind: Kind = Kind.RECURRED) -> None:
        super().__init__(under("1", "a guess"))
        self.diagnose(self.opened)
        if kind is Kind.RECURRED:
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


@pytest.mark.parametrize("kind", [Kind.RECURRED, Kind.REGRESSED])
def test_what_comes_back_gets_what_was_learnt_since_once(kind: Kind) -> None:
    scene = Returned(kind)
    scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
    assert scene.diagnose(scene.back) is Done.KNOWN
    for _ in range(3):
        scene.diagnose(scene.back)
        scene.diagnose(scene.opened)
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert (diagnosis.cause, diagnosis.versions) == ("learnt", {"knowledge": "2"})
    assert [len(scene.changes(Kind.DIAGNOSED)), len(scene.reasoner.asked), len(scene.reasoner.looked)] == [
        2,
        1,
        1,
    ]
    assert scene.objects.kept == {}
    wanted = Status.DIAGNOSED if kind is Kind.RECURRED else Status.REGRESSED
    assert scene.incident().status is wanted


def test_what_the_knowledge_still_does_not_know_keeps_its_diagnosis_and_asks_nobody() -> None:
    scene = Returned()
    before = scene.incident()
    assert scene.diagnose(scene.back) is Done.NOTHING
    assert scene.reasoner.looked == []  # the same knowledge says the same
    scene.reasoner.knowledge = "2"
    assert scene.diagnose(scene.back) is Done.NOTHING
    scene.reasoner.knows = under("2", "a guess")  # nothing that a person would read anew
    assert scene.diagnose(scene.back) is Done.NOTHING
    assert scene.incident() == before
    assert len(scene.reasoner.asked) == 1
    assert scene.objects.kept == {}


def test_what_has_not_come_back_keeps_what_people_have_read() -> None:
    scene = Scene(under("1", "a guess"))
    scene.diagnose(scene.opened)
    scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
    messages: list[Change | Asked] = [
        scene.opened,
        Asked(scene.opened.incident),
        *scene.changes(Kind.DIAGNOSED),
    ]
    for message in messages:
        scene.diagnose(message)
    assert len(scene.changes(Kind.DIAGNOSED)) == 1


@pytest.mark.parametrize("part", ["store", "stream"])
@pytest.mark.parametrize("before", [True, False])
def test_a_new_diagnosis_survives_a_crash_at_any_call(part: str, before: bool) -> None:
    for turn in range(1, 6):
        scene = Returned()
        scene.reasoner.knowledge, scene.reasoner.knows = "2", under("2", "learnt", Origin.KNOWLEDGE)
        with suppress(Retryable):
            scene.diagnose(scene.back, **{part: Failing(getattr(scene, part), [turn], before=before)})
        scene.diagnose(scene.back)
        again = {(change.incident, change.number) for change in scene.changes(Kind.DIAGNOSED)}
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
    assert len(scene.changes(Kind.DIAGNOSED)) == 2
    diagnosis = scene.incident().diagnosis
    assert diagnosis is not None
    assert diagnosis.cause == "learnt"


def test_a_diagnosis_that_comes_in_time_is_in_the_one_message() -> None:
    scene = Scene()
    scene.clock.time = scene.opened.at + 0.2

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        scene.diagnose(scene.opened)

    assert scene.alert(scene.opened, sleep=sleep) is Heard.SENT
    (diagnosed,) = scene.changes(Kind.DIAGNOSED)
    assert scene.alert(diagnosed) is Heard.NOTHING
    assert scene.alert(scene.opened) is Heard.NOTHING
    (message,) = scene.chat.posts
    text = json.dumps(message, ensure_ascii=False)
    for part in (
        "inventory is down",
        "start inventory",
        "high confidence",
        "shop/orders",
        "connection refused",
        "https://cali/",
        "Error",
    ):
        assert part in text
    assert "<!channel>" not in json.dumps([message["text"], *marked_up(message["blocks"])])


def marked_up(part: Any) -> list[str]:
    """The texts in which Slack reads markup; plain texts and lines of logs are shown as they are."""
    if isinstance(part, dict) and part.get("type") == "mrkdwn":
        return [part["text"]]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for one in inner for text in marked_up(one)]


def test_a_diagnosis_that_comes_late_is_a_second_message_and_nothing_is_a_third() -> None:
    scene = Scene()
    assert scene.alert(scene.opened) is Heard.SENT
    assert scene.clock.time >= scene.opened.at + 1.5
    scene.diagnose(scene.opened)
    (diagnosed,) = scene.changes(Kind.DIAGNOSED)
    assert scene.alert(diagnosed) is Heard.SENT
    for message in (scene.opened, diagnosed, diagnosed, scene.opened):
        assert scene.alert(message) is Heard.NOTHING
    assert len(scene.chat.posts) == 2


def test_an_unknown_cause_is_no_second_message() -> None:
    scene = Scene(silent("no cause"))
    scene.alert(scene.opened)
    scene.diagnose(scene.opened)
    assert scene.alert(scene.changes(Kind.DIAGNOSED)[0]) is Heard.NOTHING
    assert len(scene.chat.posts) == 1


@pytest.mark.parametrize("failure", [Retryable("429", after=30.0), Retryable("503"), Misconfigured("gone")])
def test_a_chat_that_is_away_gets_the_message_once_it_is_back(failure: Exception) -> None:
    # Given a chat that is away
    scene = Scene()
    scene.chat = MemoryChat(failure)

    # When the change is heard, its batch is done: the message is kept, and sweep sends it
    assert scene.alert(scene.opened) is Heard.LATER
    assert scene.alerts().flush().looked == 0  # not at once
    scene.clock.sleep(301.0)
    assert scene.alerts().flush().sent == 1
    assert scene.alerts().flush().looked == 0

    # Then it came once
    assert scene.alert(scene.opened) is Heard.NOTHING
    assert len(scene.chat.posts) == 1


def test_a_chat_that_asks_for_a_short_pause_gets_it_and_then_the_message() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Retryable("429", after=1.0), Retryable("429", after=2.0))
    scene.clock.sleep(10.0)
    before = scene.clock.time
    assert scene.alert(scene.opened) is Heard.SENT
    assert scene.clock.time - before == 3.0


@pytest.mark.parametrize("pause", [None, 60.0])
def test_a_chat_that_is_away_is_refusing_once_and_not_for_each_message(pause: float | None) -> None:
    # Given a process that lives on, a chat that is away, and many incidents
    scene = Scene()
    scene.chat = MemoryChat(*[Retryable("503", after=pause)] * 5)
    lines = [fluent(f"ERROR {word} is broken") for word in ("axle", "wheel", "brake", "door", "lamp")]
    scene.batch(delivered(lines, first=10))
    alerts = scene.alerts()

    # When it hears of all
    said = {alerts.hear(change) for change in scene.changes(Kind.OPENED)}

    # Then the chat was asked once; and once more after the pause
    assert said == {Heard.LATER}
    assert len(scene.chat.script) == 4
    scene.clock.sleep(pause or 5.0)
    alerts.flush()
    assert len(scene.chat.script) == 3


def test_a_chat_that_comes_back_between_two_changes_gets_one_message() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Retryable("503"))
    assert scene.alert(scene.opened) is Heard.LATER
    scene.diagnose(scene.opened)
    (diagnosed,) = scene.changes(Kind.DIAGNOSED)
    scene.clock.sleep(6.0)
    assert scene.alert(diagnosed) is Heard.SENT
    assert [scene.alert(scene.opened), scene.alert(diagnosed)] == [Heard.NOTHING, Heard.NOTHING]
    assert len(scene.chat.posts) == 1


def test_a_message_that_the_chat_never_takes_blocks_nothing() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Poison("invalid_blocks"))
    scene.alert(scene.opened)
    assert scene.alert(scene.opened) is Heard.NOTHING
    scene.clock.sleep(3600.0)
    assert scene.alerts().flush().looked == 0
    assert scene.chat.posts == []


def test_two_processes_send_one_message() -> None:
    scene = Scene()

    class Slow(MemoryChat):
        def post(self, message: Any) -> None:
            with pytest.raises(Retryable, match="another process"):
                scene.alert(scene.opened)
            super().post(message)

    slow = Slow()
    assert scene.alert(scene.opened, chat=slow) is Heard.SENT
    assert (len(slow.posts), len(scene.chat.posts)) == (1, 0)


def test_a_store_that_is_throttled_just_after_a_message_was_sent_makes_no_second_one() -> None:
    scene = Scene()
    scene.told = Failing(scene.told, [3, 4, 5], before=True, only="put")  # after the claim and the storm
    assert scene.alert(scene.opened) is Heard.SENT
    scene.clock.sleep(120.0)
    assert scene.alert(scene.opened) is Heard.NOTHING
    assert scene.alerts().flush().sent == 0
    assert len(scene.chat.posts) == 1


def test_nobody_hears_of_what_is_muted() -> None:
    scene = Scene()
    scene.lives().apply(scene.opened.incident, lambda known: mute(known, NOON, None) if known else None)
    assert scene.alert(scene.opened) is Heard.NOTHING
    assert scene.chat.posts == []


def scene_sweep(scene: World) -> Any:
    class Shards:
        def shards(self) -> list[str]:
            return [SHARD]

    lives = Lives(scene.store, scene.stream, scene.clock.sleep)
    return Sweep(scene.store, lives, scene.analyze(), Shards(), scene.clock.now).run()


def test_silence_makes_an_incident_quiet_once_and_what_comes_later_recurs() -> None:
    scene = Scene()
    assert scene_sweep(scene).quiet == 0
    scene.clock.sleep(1801.0)
    assert scene_sweep(scene).quiet == 1
    assert scene_sweep(scene).quiet == 0
    assert len(scene.changes(Kind.QUIET)) == 1
    scene.batch(delivered([fluent(SAID, time=scene.clock.time)], first=50, arrived=scene.clock.time - 1))
    assert scene.incident().status is Status.OPENED
    assert scene.incident().count == 2
    assert len(scene.changes(Kind.RECURRED)) == 1


def test_a_change_tells_when_the_newest_of_its_lines_arrived() -> None:
    world = World()
    lines = [fluent(SAID), fluent("INFO fine"), fluent(SAID), fluent("INFO fine")]
    world.batch(delivered(lines, arrived=NOON - 9.0, step=1.0))
    (opened,) = (m for m in world.stream.messages() if isinstance(m, Change))
    assert opened.arrived == NOON - 7.0


def test_the_sweep_counts_incidents_by_their_status_and_goes_on_when_it_cannot() -> None:
    scene = Scene()
    scene_sweep(scene)
    lives = Lives(scene.store, scene.stream, scene.clock.sleep)

    def standing(store: Any) -> dict[str, int]:
        return Sweep(store, lives, scene.analyze(), NoShards(), scene.clock.now).standing()

    assert standing(scene.store) == {
        "incidents_opened": 1, "incidents_diagnosed": 0, "incidents_quiet": 0, "incidents_regressed": 0, "incidents_muted": 0,
    }  # fmt: skip
    assert standing(Failing(scene.store, [2], before=True, only="count")) == {}


class NoShards:
    def shards(self) -> list[str]:
        return []


def test_the_sweep_publishes_what_a_crash_left_unsent() -> None:
    world = World()
    with pytest.raises(Retryable):
        world.batch(delivered([fluent(SAID)]), stream=Failing(world.stream, [1], before=True))
    assert world.published() == set()
    scene_sweep(world)
    assert [kind for _, _, kind in world.published()] == ["opened"]


def test_many_writers_of_one_incident_lose_no_change() -> None:
    scene = Scene()
    name = scene.opened.incident

    class Racing:
        """A store in which somebody else is faster, three times."""

        def __init__(self) -> None:
            self.left = 3

        def get(self, incident: str) -> Any:
            return scene.store.get(incident)

        def put(self, stored: Any) -> Any:
            if self.left:
                self.left -= 1
                other = scene.store.get(name)
                scene.store.put(replace(other, flaps=other.flaps + 1))
            return scene.store.put(stored)

    def add(known: Any) -> Outcome:
        return Outcome(replace(known, flaps=known.flaps + 1))

    Lives(Racing(), scene.stream, Clock().sleep).apply(name, add)  # type: ignore[arg-type]  # no find is needed
    assert scene.store.get(name).flaps == 4


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"type":"change"}', b'{"type":"change","incident":1,"kind":"x"}']
)
def test_a_message_that_is_none_is_poison(data: bytes) -> None:
    with pytest.raises(Poison):
        loads(data)


def test_a_message_is_read_back_as_it_was_written() -> None:
    change = Change("a", 3, Kind.MUTED, 1.5, Severity.ERROR, 7, "ann", 9.0, 1.25)
    assert loads(dumps(change)) == change
    older = json.loads(dumps(change))
    del older["arrived"]  # as a release before this one wrote it
    assert loads(json.dumps(older).encode()) == replace(change, arrived=None)
    assert loads(dumps(Asked("a"))) == Asked("a")
