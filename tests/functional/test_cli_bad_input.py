"""Bad input of a person: one clear line with the fault and its place, exit code 2, no traceback."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import orjson
import pytest

from tests.functional.shell import CALI, Ran, inside, outside, started

pytestmark = pytest.mark.usefixtures("cache")

READERS = {
    "analyze": ("analyze", "{}"),
    "refine": ("refine", "{}"),
    "learn": ("learn", "{}", "--out", "{tmp}/book"),
}
NOISE = Random(1).randbytes(2000)  # bytes like those of compressed data
GOOD = b"2026-11-20T02:00:00Z ERROR gear jammed\n"


def command(name: str, source: object, tmp: Path) -> list[str]:
    return [part.format(source, tmp=tmp) for part in READERS[name]]


def one_clear_line(ran: Ran, *says: str, code: int = 2) -> None:
    assert ran.code == code, ran
    assert ran.err.startswith("cali: ")
    assert ran.err.count("\n") == 1, ran.err
    assert "Traceback" not in ran.err
    for said in says:
        assert said in ran.err
    assert ran.out == b""


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("args", [[], ["kb"]])
def test_no_command_is_a_question_and_no_error(args: list[str]) -> None:
    ran = inside(*args)
    assert (ran.code, ran.err) == (0, "")
    assert ran.text.startswith("Usage: ")
    assert ran.text.count("\n") > 5


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    one_clear_line(inside(*command(name, "no/such.log", tmp_path)), "no/such.log", "No such file")


@pytest.mark.parametrize("name", [*READERS, "watch"])
def test_a_directory(name: str, tmp_path: Path) -> None:
    args = command(name, tmp_path, tmp_path) if name in READERS else ["watch", str(tmp_path)]
    one_clear_line(inside(*args), str(tmp_path), "directory")


@pytest.mark.parametrize("name", READERS)
def test_a_path_through_a_file(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", GOOD) / "inner.log"
    one_clear_line(inside(*command(name, path, tmp_path)), "inner.log", "Not a directory")


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="Linux has a file that opens and cannot be read"
)
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    one_clear_line(inside(*command(name, "/proc/self/mem", tmp_path)), "/proc/self/mem")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (bytes(range(256)) * 40, "binary"),
        ("ERROR gear jammed\n".encode("utf-16"), "UTF-16"),
        ("ERROR gear jammed\n".encode("utf-16-le"), "UTF-16"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0>\0\x01\0\0\0" + bytes(40), "binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0" + NOISE, "binary"),
        (b"PK\x03\x04\x14\0\0\0\x08\0" + NOISE, "binary"),
        (NOISE, "binary"),
        (gzip.compress(GOOD * 500)[:-40], "gzip"),
        (gzip.compress(GOOD * 500)[:20] + b"\xff" * 40, "gzip"),
        (b"\x1f\x8b\x08", "gzip"),
    ],
    ids=[
        "empty",
        "binary",
        "utf-16",
        "utf-16 unmarked",
        "elf",
        "png",
        "zip",
        "noise",
        "cut gzip",
        "damaged gzip",
        "three bytes of gzip",
    ],
)
def test_content_that_is_no_log(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", data)
    one_clear_line(inside(*command(name, path, tmp_path)), str(path), says)


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("주문 처리 실패: 결제 서버에 연결할 수 없습니다", "euc-kr"),
        ("똠방각하 주문 처리 실패", "cp949"),
        ("接続に失敗しました。サーバーが応答しません", "shift-jis"),
        ("数据库连接失败, 请稍后重试", "gbk"),
        ("Zugriff für Müller verweigert: ungültiger Schlüssel", "latin-1"),
        ("8=FIX.4.2\x019=65\x0135=A\x0149=ÄB\x0156=C", "latin-1"),
    ],
)
def test_a_log_in_another_encoding_is_a_log(line: str, encoding: str, tmp_path: Path) -> None:
    line = f"2026-11-20T02:00:00Z ERROR [payment-gateway-7d9f8b6c5d] order 4711 of shop 12: {line}\n"
    path = written(tmp_path / "app.log", line.encode(encoding) * 500)
    for args in READERS:
        assert inside(*command(args, path, tmp_path)).code == 0
    assert "500 lines, 500 events" in inside("refine", path).err


@pytest.mark.parametrize("name", READERS)
def test_a_file_without_a_name(name: str, tmp_path: Path) -> None:
    one_clear_line(inside(*command(name, "", tmp_path)), "FILE", "empty name")


def test_a_file_of_blank_lines(tmp_path: Path) -> None:
    ran = inside("refine", written(tmp_path / "app.log", b"\n  \n\n"))
    assert (ran.code, ran.err) == (0, "3 lines (3 blank), 0 events, 0 templates\n")


def test_a_closed_output_and_input(tmp_path: Path) -> None:
    log = written(tmp_path / "app.log", GOOD)
    for args, redirection, says in (
        (f"refine {log}", ">&-", "standard output is closed"),
        (f"analyze {log}", ">&-", "standard output is closed"),
        ("refine -", "<&-", "standard input: closed"),
    ):
        done = subprocess.run(
            ["/bin/sh", "-c", f"{CALI} {args} {redirection}"], capture_output=True, check=False, text=True
        )
        one_clear_line(Ran(done.returncode, done.stdout.encode(), done.stderr), says)


def test_errors_that_nobody_hears(tmp_path: Path) -> None:
    log = written(tmp_path / "app.log", GOOD)
    done = subprocess.run(["/bin/sh", "-c", f"{CALI} refine {log} 2>&-"], capture_output=True, check=False)
    assert done.returncode == 0
    assert b"gear jammed" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["explain"], "explain"),
        (["analyze", "--colour", "x"], "--colour"),
        (["analyze"], "FILE"),
        (["analyze", "--format", "xml", "x"], "xml"),
        (["analyze", "--fail-on", "awful", "x"], "awful"),
        (["watch", "--format", "html", "x"], "html"),
        (["demo", "--lines", "0"], "--lines"),
        (["demo", "--scenario", "mars"], "mars"),
        (["simulate", "--scenario", "no/such.yaml"], "no/such.yaml"),
        (["kb", "show", "no-such-entry"], "no-such-entry"),
        (["kb", "frobnicate"], "frobnicate"),
        (["refine", "a", "b"], "b"),
    ],
)
def test_a_command_line_that_makes_no_sense(args: list[str], says: str) -> None:
    one_clear_line(inside(*args), says)


@pytest.mark.parametrize("name", ["analyze", "refine", "watch"])
@pytest.mark.parametrize(
    ("book", "says"),
    [
        (b"{", "book"),
        (b"\x00\x01", "book"),
        (b"[]", "book"),
        (b'{"format": 99}', "book"),
    ],
    ids=["cut", "binary", "a list", "a later format"],
)
def test_a_damaged_book(name: str, book: bytes, says: str, tmp_path: Path) -> None:
    log, path = written(tmp_path / "app.log", GOOD), written(tmp_path / "my.book", book)
    one_clear_line(inside(name, log, "--book", path), str(path), says)


def test_a_book_learnt_with_other_masks(tmp_path: Path) -> None:
    log, path = written(tmp_path / "app.log", GOOD), tmp_path / "my.book"
    assert inside("learn", log, "--out", path).code == 0
    book = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**book, "masks": "1999-01-01"}))
    for name in ("analyze", "refine", "watch"):
        one_clear_line(inside(name, log, "--book", path), str(path), "1999-01-01")


@pytest.mark.parametrize("args", [["analyze", "{log}"], ["learn", "{log}"], ["simulate", "--lines", "10"]])
def test_an_output_in_a_directory_that_is_not_there(args: list[str], tmp_path: Path) -> None:
    log, out = written(tmp_path / "app.log", GOOD), tmp_path / "no" / "such" / "out"
    one_clear_line(inside(*(arg.format(log=log) for arg in args), "--out", out), str(out))


def test_an_output_that_is_a_directory(tmp_path: Path) -> None:
    log = written(tmp_path / "app.log", GOOD)
    one_clear_line(inside("analyze", log, "--out", tmp_path), str(tmp_path))
    assert sorted(tmp_path.iterdir()) == [log]


def test_a_demo_that_cannot_write(tmp_path: Path) -> None:
    one_clear_line(inside("demo", "--out", written(tmp_path / "file", b"x") / "demo"), "--out")


def test_watch_names_what_it_cannot_follow(tmp_path: Path) -> None:
    one_clear_line(inside("watch", tmp_path / "no" / "app.log"), "no directory")
    packed = written(tmp_path / "app.log.gz", gzip.compress(GOOD))
    one_clear_line(inside("watch", packed), str(packed), "cali analyze")
    other = written(tmp_path / "other.db", b"SQLite format 3\0" + b"x" * 200)
    log = written(tmp_path / "app.log", GOOD)
    one_clear_line(inside("watch", log, "--state", other), str(other))


@pytest.mark.parametrize("name", ["CALI_MODEL_TIMEOUT", "CALI_CALLS_PER_DAY"])
def test_a_setting_that_is_no_number(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "soon")
    one_clear_line(inside("analyze", written(tmp_path / "app.log", GOOD)), name, "soon")


@pytest.mark.parametrize("name", ["analyze", "refine", "watch"])
def test_nothing_on_standard_input(name: str) -> None:
    one_clear_line(outside(name, "-"), "standard input", "empty")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    log = written(tmp_path / "app.log", b"".join(b"ERROR gear %d jammed\n" % n for n in range(60_000)))
    cali = started("refine", "--each", log)
    assert cali.stdout is not None
    cali.stdout.readline()
    cali.stdout.close()
    said = cali.communicate(timeout=30)[1].decode()
    assert cali.returncode == 2
    assert said.count("\n") == 1
    assert "output was closed" in said


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes in the background of a shell ignore Ctrl-C, and so do their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("args", [("analyze", "-"), ("refine", "-")])
def test_ctrl_c(args: tuple[str, ...]) -> None:
    cali = started(*args)
    assert cali.stdin is not None
    cali.stdin.write(GOOD)
    cali.stdin.flush()
    _wait_for_input_to_be_read(cali)
    cali.send_signal(signal.SIGINT)
    out, err = cali.communicate(timeout=30)
    assert cali.returncode == 130
    assert (out, err) == (b"", b"cali: interrupted\n")


def _wait_for_input_to_be_read(cali: subprocess.Popen[bytes]) -> None:
    """Wait until the process reads its input, on a machine of any speed."""
    import fcntl
    import termios

    assert cali.stdin is not None
    until = time.monotonic() + 20
    while time.monotonic() < until:
        waiting = bytearray(4)
        fcntl.ioctl(cali.stdin.fileno(), termios.FIONREAD, waiting)
        if waiting == bytes(4):
            time.sleep(0.1)
            return
        time.sleep(0.02)
    os.kill(cali.pid, signal.SIGKILL)
    raise AssertionError("cali read nothing in 20 seconds")


def test_gzip_on_standard_input() -> None:
    plain, packed = (outside("refine", "-", stdin=data) for data in (GOOD, gzip.compress(GOOD)))
    assert packed == plain
    assert packed.code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("each", [[], ["--each"]])
def test_a_full_disk(each: list[str], tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", GOOD)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [CALI, "refine", str(path), *each], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (
        2,
        b"cali: the output cannot be written: No space left on device\n",
    )
