"""The journal of tasks: nothing lost, nothing twice, and a bounded file."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cali.adapters.sqlite.journal import JournalFull, SqliteJournal
from cali.core.errors import Misconfigured
from tests.unit.sqlite.journal_crashes import Away, TargetFile, crash


@pytest.fixture
def journal(tmp_path: Path):
    opened = SqliteJournal(tmp_path / "journal.db")
    yield opened
    opened.close()


class Target:
    """A target in memory. `fail` is when it fails: before, after, or never."""

    def __init__(self):
        self.rows, self.fail, self.added = {}, "", 0

    def __call__(self, tasks):
        if self.fail == "before":
            raise Away
        for task in tasks:
            self.added += task.key not in self.rows
            self.rows[task.key] = task.result or self.rows.get(task.key)
        if self.fail == "after":
            raise Away


def test_a_task_is_on_disk_before_it_is_acknowledged(journal, tmp_path):
    assert journal.accept("a", b"photo")
    with sqlite3.connect(tmp_path / "journal.db") as other:
        assert other.execute("SELECT key, body FROM tasks").fetchall() == [("a", b"photo")]


def test_a_key_that_comes_again_is_not_accepted_again(journal):
    assert [journal.accept("a", b"1"), journal.accept("a", b"2")] == [True, False]
    assert [task.body for task in journal.waiting()] == [b"1"]


def test_unfinished_tasks_are_done_again_after_a_restart(tmp_path):
    first = SqliteJournal(tmp_path / "journal.db")
    first.accept("a", b"1")
    first.accept("b", b"2")
    first.finish("a", b"done")
    first.close()
    second = SqliteJournal(tmp_path / "journal.db")
    assert [task.key for task in second.unfinished()] == ["b"]
    second.close()


@pytest.mark.parametrize("fail", ["before", "after"])
def test_a_target_that_fails_gets_everything_later_and_once(journal, fail):
    target = Target()
    for key in "abc":
        journal.accept(key, b"1")
    target.fail = fail
    with pytest.raises(Away):
        journal.synchronise(target)
    assert len(journal.waiting()) == 3
    target.fail = ""
    assert journal.synchronise(target) == 3
    assert (sorted(target.rows), target.added) == (["a", "b", "c"], 3)


def test_a_task_that_finishes_during_synchronisation_waits_again(journal):
    journal.accept("a", b"1")
    rows: list[bytes | None] = []

    def slow(tasks):
        rows.extend(task.result for task in tasks)
        if len(rows) == 1:
            journal.finish("a", b"done")

    assert journal.synchronise(slow) == 2
    assert rows == [None, b"done"]


def fill(journal: SqliteJournal, body: bytes) -> list[str]:
    """Accept tasks until the journal refuses one, and return the keys of those that it accepted."""
    accepted: list[str] = []
    for number in range(5000):
        try:
            journal.accept(str(number), body)
        except JournalFull:
            return accepted
        accepted.append(str(number))
    raise AssertionError("never full")


def test_a_full_journal_refuses_and_takes_tasks_again_after_synchronisation(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db", bytes_limit=200_000)
    taken = fill(journal, b"x" * 1000)
    assert (tmp_path / "journal.db").stat().st_size <= 200_000
    for key in taken:
        journal.finish(key, b"result " * 10)  # what was accepted can be finished
    target = Target()
    journal.synchronise(target)
    assert list(target.rows) == taken
    assert journal.accept("again", b"x" * 1000)
    journal.close()


def test_old_keys_are_forgotten_and_new_ones_kept(tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db", remembered=10)
    for number in range(30):
        journal.accept(str(number), b"1")
        journal.finish(str(number), b"ok")
    journal.synchronise(Target())
    assert journal.accept("29", b"1") is False
    assert journal.accept("0", b"1") is True
    journal.close()


@pytest.mark.parametrize("content", ["text", "database"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "journal.db"
    if content == "text":
        path.write_text("not a database, but long enough to have a header of a hundred bytes or so" * 5)
    else:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE other (a)")
    with pytest.raises(Misconfigured, match=r"journal\.db"):
        SqliteJournal(path)


def test_crashes_lose_nothing_and_store_nothing_twice(tmp_path):
    account = crash(60, seed=7, folder=tmp_path)
    assert account.accepted >= 100
    assert (account.lost, account.changed) == ([], [])
    assert account.most_bytes < 2 * (8 << 20)


CALLS = "openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink,fcntl,mmap"


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace (package strace)")
@pytest.mark.parametrize("when", range(200, 420, 20))
def test_a_kill_at_a_system_call_loses_nothing(tmp_path, when):
    program = (
        "import os, sys; from pathlib import Path; from tests.unit.sqlite.journal_crashes import life\n"
        "life(Path(sys.argv[1]), 1, 0, 1, 8 << 20)"
    )
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={CALLS}:signal=KILL:when={when}"]
    ran = subprocess.run(
        [*command, sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=False, text=True
    )
    if "ptrace" in ran.stderr:
        pytest.skip("strace may not trace here")
    assert ran.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if not (tmp_path / "journal.db").exists():
        assert ran.stdout == ""
        return
    journal, target = SqliteJournal(tmp_path / "journal.db"), Target()
    journal.synchronise(target)
    journal.close()
    stored = TargetFile(tmp_path / "target.db", random.Random(1))
    known = target.rows.keys() | stored.rows().keys()
    stored.close()
    assert set(ran.stdout.split()) <= known


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="needs root and mount (package mount)"
)
def test_a_full_disk_refuses_tasks_and_keeps_those_that_were_accepted(tmp_path):
    place = tmp_path / "volume"
    place.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount here")
    try:
        journal = SqliteJournal(place / "journal.db")
        accepted = fill(journal, b"x" * 500)
        journal.close()
        again = SqliteJournal(place / "journal.db")
        assert [task.key for task in again.waiting(5000)] == accepted
        again.close()
    finally:
        subprocess.run(["/usr/bin/umount", "-l", str(place)], check=True)


class JournalMachine(RuleBasedStateMachine):
    """Any order of accept, finish, synchronise, failing targets and restarts."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "journal.db")
        self.journal, self.target = SqliteJournal(self.path), Target()
        self.accepted, self.finished = {}, {}

    @rule(key=st.sampled_from("abcdefgh"), body=st.binary(max_size=20))
    def accept(self, key, body):
        assert self.journal.accept(key, body) is (key not in self.accepted)
        self.accepted.setdefault(key, body)

    @rule(key=st.sampled_from("abcdefgh"), result=st.binary(min_size=1, max_size=20))
    def finish(self, key, result):
        self.journal.finish(key, result)
        if key in self.accepted:
            self.finished.setdefault(key, result)

    @rule(fail=st.sampled_from(["", "before", "after"]), batch=st.integers(1, 5))
    def synchronise(self, fail, batch):
        self.target.fail = fail
        try:
            self.journal.synchronise(self.target, batch)
        except Away:
            return
        assert self.target.rows == {key: self.finished.get(key) for key in self.accepted}

    @rule()
    def restart(self):
        self.journal.close()
        self.journal = SqliteJournal(self.path)

    @invariant()
    def nothing_is_stored_twice(self):
        assert self.target.added == len(self.target.rows)

    def teardown(self):
        self.target.fail = ""
        self.journal.synchronise(self.target)
        assert self.target.rows == {key: self.finished.get(key) for key in self.accepted}
        self.journal.close()
        self.folder.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=20, stateful_step_count=20)
