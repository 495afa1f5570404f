"""Many incidents of one template: one call of the model, and each incident gets its own values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread, get_ident

import pytest

from cali.adapters.sqlite.answers import AnswersFile
from cali.core.errors import Misconfigured
from cali.core.models import Evidence, Hit, Incident, Origin, Scope
from cali.core.ports import Request
from cali.stages.reason import ReasonSettings
from cali.stages.reason.cached_answer import ParsedAnswer, dumped, loaded
from cali.stages.retrieve import Retrieved
from cali.testing.clock import FakeClock
from cali.testing.model_server import ScriptedModel, explanation, lines_of
from tests.unit.reason.fakes import REDACTOR, event, incident, reasoner

FLUX = "ERROR flux capacitor {} lost phase on rack-{}"


def flux(host: str, rack: int, line: int = 1) -> Incident:
    return incident(FLUX.format(host, rack), template="flux", line=line)


def first_line(request: Request) -> str:
    text = next(iter(lines_of(request).values()))
    words = text.split()
    return explanation(f"The flux capacitor {words[3]} lost its phase on {words[-1]}.", ["L1"])


def test_another_incident_of_the_template_is_answered_with_its_own_values_and_lines() -> None:
    model = ScriptedModel([first_line])
    reason = reasoner(model)
    reason.diagnose(flux("fc-1.prod", 7))
    found = reason.diagnose(flux("fc-2.test", 12, line=80))
    assert len(model.history) == 1
    assert found.cause == "The flux capacitor fc-2.test lost its phase on rack-12."
    assert found.evidence == (Evidence(80, "ERROR flux capacitor fc-2.test lost phase on rack-12"),)
    assert (reason.spend.calls, reason.spend.cached) == (1, 1)


def test_a_near_entry_that_speaks_of_the_same_raises_the_confidence() -> None:
    cause = "The disk is full: the file system has no free blocks."

    def confidence(*near: Hit) -> float:
        found = Retrieved(near, known=False, margin=0.0)
        reason = reasoner(ScriptedModel([explanation(cause, ["L1"])]), retrieve=lambda _: found)
        diagnosis = reason.diagnose(incident("disk full, the file system /data has no free blocks"))
        assert diagnosis.cause == cause
        return diagnosis.confidence

    assert confidence() == confidence(Hit("pool-empty", 0.4)) == 0.50
    assert confidence(Hit("disk-full", 0.4)) == 0.58


def test_what_cannot_be_found_again_is_not_asserted() -> None:
    model = ScriptedModel([first_line])
    reason = reasoner(model)
    reason.diagnose(flux("fc-1.prod", 7))
    other = incident("quite another message of the same template", template="flux")
    assert reason.diagnose(other).origin is Origin.NONE
    assert len(model.history) == 1


def test_a_second_run_answers_from_the_file(tmp_path: Path) -> None:
    model = ScriptedModel([first_line])
    for _ in range(2):
        cache = AnswersFile(tmp_path / "cache" / "answers.db")
        found = reasoner(model, cache=cache).diagnose(flux("fc-1.prod", 7))
        cache.close()
        assert found.origin is Origin.MODEL
    assert len(model.history) == 1


def test_another_prompt_or_language_is_another_question() -> None:
    cache, model = AnswersFile(None), ScriptedModel([explanation("플럭스 capacitor fc-1.prod 이상", ["L1"])])
    reasoner(model, cache=cache).diagnose(flux("fc-1.prod", 7))
    found = reasoner(model, cache=cache, settings=ReasonSettings(language="ko")).diagnose(
        flux("fc-1.prod", 7)
    )
    assert len(model.history) == 2
    assert "in Korean" in model.history[1].system
    assert found.versions["prompt"] == "explain-2026-11-20+ko"
    cache.close()


def test_an_unknown_language_or_prompt_is_one_clear_line() -> None:
    with pytest.raises(Misconfigured, match="language 'xx' is not supported; use en, ko"):
        reasoner(settings=ReasonSettings(language="xx"))
    with pytest.raises(Misconfigured, match="prompt 'explain-1999'"):
        reasoner(settings=ReasonSettings(prompt="explain-1999"))


def test_threads_that_ask_for_one_template_make_one_call_and_wait_for_it() -> None:
    threads: set[int] = set()
    arrived = Event()

    def redact(text: str) -> str:
        threads.add(get_ident())
        if len(threads) == 1 + ReasonSettings().threads:  # the main thread searches first
            arrived.set()
        return REDACTOR.text(text)

    def answer_when_all_threads_ask(request: Request) -> str:
        arrived.wait()
        return first_line(request)

    clock, model = FakeClock(), ScriptedModel([answer_when_all_threads_ask])
    reason = reasoner(model, clock=clock, redact=redact)
    many = [replace(flux("fc-1.prod", 7), scope=Scope(workload=str(n)), id=str(n)) for n in range(40)]
    done = reason.diagnose_all(many)
    assert len(model.history) == 1
    assert clock.sleeps == []
    assert all(one.diagnosis and one.diagnosis.origin is Origin.MODEL for one in done)


def test_what_another_process_asks_is_waited_for(tmp_path: Path) -> None:
    ours, theirs = AnswersFile(tmp_path / "a.db"), AnswersFile(tmp_path / "a.db")
    key = "flux:{}:explain-2026-11-20:scripted-1"
    from tests.unit.reason.fakes import KNOWLEDGE

    key = key.format(KNOWLEDGE.version)
    clock, model = FakeClock(), ScriptedModel([first_line])
    assert theirs.claim(key, clock.now(), 60)
    waiting = reasoner(model, cache=ours, clock=clock)
    assert "another process" in waiting.diagnose(flux("fc-1.prod", 7)).versions["gate"]
    theirs.put(
        key, dumped(ParsedAnswer(True, "The flux capacitor lost phase.", (), (FLUX.format("fc-1.prod", 7),)))
    )
    assert waiting.diagnose(flux("fc-1.prod", 7)).origin is Origin.MODEL
    assert model.history == []
    ours.close()
    theirs.close()


def test_a_claim_of_one_that_died_runs_out(tmp_path: Path) -> None:
    store = AnswersFile(tmp_path / "a.db")
    assert store.claim("k", 0.0, 60)
    assert not store.claim("k", 59.0, 60)
    assert store.claim("k", 60.0, 60)
    store.release("k")
    assert store.claim("k", 61.0, 60)
    store.close()


def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.write_bytes(b"this is no database, and long enough to be taken for one " * 40)
    store = AnswersFile(path)
    store.put("k", "v")
    store.close()
    again = AnswersFile(path)
    assert again.get("k") == "v"
    again.close()
    assert path.with_name("answers.db.damaged").exists()


def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = AnswersFile(tmp_path / "file" / "answers.db", calls=1)
    store.put("k", "v")
    assert store.get("k") == "v"
    assert store.take("2026-11-20", 0)
    assert not store.take("2026-11-20", 0)
    store.close()


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"cause": "x"}', "null", "7"])
def test_a_kept_answer_that_is_damaged_is_asked_again(kept: str) -> None:
    assert loaded(kept) is None


def test_a_kept_answer_is_read_as_written() -> None:
    said = ParsedAnswer(True, "cause", ("step",), ("line",), ("L9",), "network", True, "", "2026-11-20")
    assert loaded(dumped(said)) == said


def test_budget_and_cache_hold_under_threads(tmp_path: Path) -> None:
    store = AnswersFile(tmp_path / "a.db", calls=50)
    got: list[bool] = []
    threads = [Thread(target=lambda: got.extend(store.take("d", 0.0) for _ in range(20))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 50
    store.close()


def test_the_lines_that_tell_most_are_kept_within_the_budget_of_tokens() -> None:
    frames = "\n".join(f"\tat com.shop.Frame{n}.call(Frame.java:{n})" for n in range(400))
    trace = f"ERROR flux lost\ncom.shop.FluxException: outer\n{frames}\nCaused by: com.shop.PhaseException: root\n\tat a.b(C.java:1)"
    model = ScriptedModel([explanation("", [], understood=False)])
    settings = ReasonSettings(tokens=300)
    reasoner(model, settings=settings).diagnose(incident(trace), [event("INFO neighbour", 900)])
    user = model.history[0].user
    sent = "\n".join(lines_of(model.history[0]).values())
    assert "ERROR flux lost" in sent
    assert "FluxException: outer" in sent
    assert "Caused by: com.shop.PhaseException: root" in sent
    assert len(sent.encode()) < 300 * 4
    assert "further lines are left out" in user


def test_secrets_that_slipped_in_are_hidden_again_before_anything_leaves() -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    model = ScriptedModel([explanation("", [], understood=False)])
    found = reasoner(model).diagnose(incident(f"ERROR flux lost for {secret} password=hunter2hunter2"))
    request = model.history[0]
    assert secret not in request.system + request.user + str(found)
    assert "hunter2" not in request.user + str(found)
