"""`cali watch`: prompt output, rotation, bounded memory, no waiting for a model, and a summary at the end."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from cali.adapters.sources.tail import Tail
from cali.core.models import Diagnosis, Evidence, Incident, Origin
from cali.testing.model_server import Fault, ModelServer
from cali.usecases.watch_stream import BackgroundDiagnoses
from tests.functional.shell import outside, started
from tests.unit.detect.events import incident

STAMP = "2026-11-20T02:00:00Z"


class Watch:
    """A `cali watch` process: lines go in, JSON objects come out."""

    def __init__(self, *args: object) -> None:
        self.process = started("watch", "--format", "json", *args)
        self._output: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def next(self) -> Any:
        return self._output.get(timeout=120)

    def end(self) -> list[Any]:
        """Close the pipe. Return the remaining output, with the summary last."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(120)
        found = [self.next()]
        while "summary" not in found[-1]:
            found.append(self.next())
        return found

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):
            for line in self.process.stdout:
                self._output.put(json.loads(line))


@pytest.mark.usefixtures("cache")
class TestPipe:
    def test_a_line_shows_while_the_pipe_is_open_and_its_repetition_does_not(self) -> None:
        with Watch() as watch:
            watch.write(f"{STAMP} ERROR first gear jammed")
            assert watch.next()["title"] == "first gear jammed"  # it has started
            watch.write(f"{STAMP} FATAL: sorry, too many clients already")
            news = watch.next()
            assert news["change"] == "opened"
            assert news["diagnosis"]["origin"] == "knowledge"
            assert "max_connections" in news["diagnosis"]["cause"]
            watch.write(f"{STAMP} ERROR first gear jammed")
            (last,) = watch.end()
        assert watch.process.returncode == 0
        summary = last["summary"]
        assert (summary["lines"], summary["incidents"], summary["new"]) == (3, 2, 2)

    def test_a_trace_is_one_incident_though_its_lines_come_one_by_one(self) -> None:
        trace = [
            "Traceback (most recent call last):",
            '  File "a.py", line 1, in b',
            "    c()",
            "top.TopError: it fell",
        ]
        with Watch() as watch:
            watch.write(f"{STAMP} ERROR job died")
            for line in trace:
                watch.write(line)
            title = watch.next()["title"]
            assert "it fell" in title
            assert watch.end()[-1]["summary"]["events"] == 1

    def test_ctrl_c_ends_with_a_summary(self) -> None:
        with Watch() as watch:
            watch.write(f"{STAMP} ERROR gear jammed")
            watch.next()
            watch.process.send_signal(signal.SIGINT)
            assert watch.next()["summary"]["incidents"] == 1
            assert watch.process.wait(120) == 130
            assert watch.process.stderr is not None
            assert watch.process.stderr.read() == b""

    def test_a_reader_that_goes_away(self) -> None:
        cali = started("watch")
        assert cali.stdin is not None
        assert cali.stdout is not None
        cali.stdout.close()
        with suppress(BrokenPipeError):
            cali.stdin.write(f"{STAMP} ERROR gear jammed\n".encode())
            cali.stdin.close()
        cali.stdin = None
        said = cali.communicate(timeout=120)[1].decode()
        assert cali.returncode == 2
        assert said == "cali: the output was closed before everything was written\n"

    def test_text_is_a_line_for_each_and_a_summary(self) -> None:
        ran = outside("watch", stdin=f"{STAMP} ERROR \x1b[31mgear <b>jammed\n{STAMP} INFO fine\n".encode())
        assert ran.code == 0
        first, blank, summary, last = ran.text.splitlines()
        assert "ERROR" in first
        assert "cause unknown" in first
        assert "\x1b" not in ran.text
        assert (blank, summary) == ("", "1 incident in 2 lines; 0 explained, 1 unknown")
        assert last.strip() == first

    def test_a_state_remembers_over_a_restart(self, tmp_path: Path) -> None:
        line = f"{STAMP} ERROR gear jammed\n".encode()
        state = tmp_path / "state.db"
        runs = [outside("watch", "--format", "json", "--state", state, stdin=line) for _ in range(2)]
        assert [len(ran.out.splitlines()) for ran in runs] == [2, 1]
        assert [json.loads(ran.out.splitlines()[-1])["summary"]["new"] for ran in runs] == [1, 0]
        line = line.replace(b"02:00:00", b"04:00:00")
        later = outside("watch", "--state", state, stdin=line, env={"CALI_QUIET_AFTER": "0"})
        assert "recurred: " in later.text.splitlines()[0]

    def test_a_model_that_hangs_holds_up_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ModelServer(Fault(slow=600)) as server:
            monkeypatch.setenv("CALI_OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("CALI_MODEL", "local")
            with Watch() as watch:
                watch.write(f"{STAMP} ERROR alpha gear jammed")
                assert watch.next()["title"] == "alpha gear jammed"
                deadline = time.monotonic() + 120
                while not server.calls and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert server.calls == 1
                watch.write(f"{STAMP} ERROR bravo gear jammed")
                assert watch.next()["title"] == "bravo gear jammed"  # while the model still hangs

    def test_a_model_s_answer_comes_as_an_update(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from cali.testing.model_server import explanation

        monkeypatch.setenv("CALI_MODEL_TIMEOUT", "120")
        with ModelServer(explanation("The zulu valve leaks.", ["L1"])) as server:
            monkeypatch.setenv("CALI_OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("CALI_MODEL", "local")
            ran = outside("watch", "--format", "json", stdin=f"{STAMP} ERROR zulu valve leaks\n".encode())
            assert server.calls == 1
        news = [json.loads(line) for line in ran.out.splitlines()]
        assert [one.get("change") for one in news] == ["opened", "diagnosed", None]
        assert news[1]["diagnosis"]["cause"] == "The zulu valve leaks."
        assert news[2]["summary"]["explained"] == 1


@pytest.mark.usefixtures("cache")
def test_files_over_rotation_truncation_and_late_arrival(tmp_path: Path) -> None:
    old, late = tmp_path / "old.log", tmp_path / "late.log"
    old.write_text(f"{STAMP} ERROR from before the watch\n", "utf-8")
    with Watch(old, late) as watch:
        assert watch.process.stderr is not None
        assert watch.process.stderr.readline() == f"cali: waiting for {late}\n".encode()
        appended(old, "alpha gear jammed")
        assert watch.next()["title"] == "alpha gear jammed"
        old.rename(tmp_path / "old.log.1")
        appended(tmp_path / "old.log.1", "bravo gear jammed")
        old.write_text(f"{STAMP} ERROR charlie gear jammed\n", "utf-8")
        assert {watch.next()["title"] for _ in range(2)} == {"bravo gear jammed", "charlie gear jammed"}
        late.write_text(f"{STAMP} ERROR delta gear jammed\n", "utf-8")
        assert watch.next()["title"] == "delta gear jammed"
        os.truncate(old, 0)
        appended(old, "echo gear jammed, in a line that is longer than all there was")
        assert "echo gear" in watch.next()["title"]
        watch.process.send_signal(signal.SIGTERM)
        assert watch.next()["summary"]["lines"] == 5
        assert watch.process.wait(120) == 143


def appended(path: Path, what: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{STAMP} ERROR {what}\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def tail(file: Path) -> Iterator[Callable[..., Tail]]:
    made: list[Tail] = []

    def make(**more: Any) -> Tail:
        made.append(Tail([str(file)], **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def read(tail: Tail) -> list[bytes]:
    return [raw for _, raw in tail.read(0)]


class TestTail:
    def test_a_line_is_given_out_when_it_has_its_end(self, file: Path, tail: Callable[..., Tail]) -> None:
        file.write_bytes(b"one\r\ntw")
        following = tail(from_start=True)
        assert read(following) == [b"one"]
        assert read(following) == []
        with file.open("ab") as more:
            more.write(b"o\nthr")
        assert read(following) == [b"two"]
        assert following.rest() == [(str(file), b"thr")]

    def test_the_end_of_a_rotated_file_is_no_beginning_of_the_next(
        self, file: Path, tail: Callable[..., Tail]
    ) -> None:
        file.write_bytes(b"one\ntw")
        following = tail(from_start=True)
        assert read(following) == [b"one"]
        file.rename(file.with_suffix(".1"))
        file.write_bytes(b"three\n")
        assert read(following) == [b"tw"]
        assert read(following) == [b"three"]

    def test_rewritten_with_as_many_bytes_between_two_looks(
        self, file: Path, tail: Callable[..., Tail]
    ) -> None:
        file.write_bytes(b"one\ntwo\n")
        following = tail(from_start=True)
        assert read(following) == [b"one", b"two"]
        file.write_bytes(b"six\nten\n")
        assert read(following) == [b"six", b"ten"]

    def test_gone_and_back(self, file: Path, tail: Callable[..., Tail]) -> None:
        following = tail()
        assert (read(following), following.missing) == ([], [str(file)])
        file.write_bytes(b"one\n")
        assert (read(following), following.missing) == ([b"one"], [])
        file.unlink()
        assert read(following) == []
        file.write_bytes(b"two\n")
        read(following)
        assert [*read(following)] in ([b"two"], [])

    def test_a_large_file_is_read_piece_by_piece_and_whole(
        self, file: Path, tail: Callable[..., Tail]
    ) -> None:
        rows = [b"%d " % n + b"x" * 100 for n in range(30_000)]
        file.write_bytes(b"\n".join(rows) + b"\n")
        following = tail(from_start=True)
        found: list[bytes] = []
        while more := read(following):
            found += more
        assert found == rows


def test_a_full_queue_counts_and_never_waits() -> None:
    gate = threading.Event()

    def slow(asked: Incident) -> Diagnosis:
        gate.wait(120)
        return Diagnosis(Origin.MODEL, (Evidence(1, asked.title),), "why")

    background = BackgroundDiagnoses(slow, room=2)
    for n in range(10):
        background.submit(incident(f"gear {n} jammed"))
    assert 7 <= background.left_out <= 8
    left_out = background.left_out
    gate.set()
    assert len(background.finish(120)) == 10 - left_out
    assert background.left_out == left_out


def test_what_fails_in_the_background_costs_only_itself() -> None:
    def odd(asked: Incident) -> Diagnosis:
        if "bad" in asked.title:
            raise RuntimeError(asked.title)
        return Diagnosis(Origin.MODEL, (Evidence(1, asked.title),), "why")

    background = BackgroundDiagnoses(odd)
    for title in ("bad gear", "good gear"):
        background.submit(incident(title))
    assert [diagnosis.cause for _, diagnosis in background.finish(120)] == ["why"]
