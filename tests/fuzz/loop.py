"""The loop that runs one target with changed seeds for a while. It stores failing inputs, and inputs with a new
outcome."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random
from types import FrameType
from typing import NamedTuple

from tests.fuzz.mutate import mutated

CORPUS = Path(__file__).with_name("corpus")
HANGS = 2.0  # maximum seconds of processor time for one input; wall time says nothing on a busy machine
MOST_SEEDS = 3_000
KEPT = 20  # maximum inputs of one target in the repository
LARGEST_KEPT = 4_000
GROWTH = 64.0  # maximum growth of a target in MB from the middle to the end
PORTION = 200

Run = Callable[[bytes], str]


class Target(NamedTuple):
    """A target. `make` returns a function that takes an input and returns a word for the outcome. It catches
    CaliErrors itself."""

    make: Callable[[], Run]
    seeds: Callable[[], list[bytes]]


class Hang(Exception):
    """An input took too long."""


@dataclass(slots=True)
class Result:
    """The result of fuzzing a target."""

    name: str
    runs: int = 0
    seconds: float = 0.0
    outcomes: int = 0
    slowest: float = 0.0
    grown: float = 0.0
    failures: dict[str, bytes] = field(default_factory=dict)  # outcome -> the input

    @property
    def fine(self) -> bool:
        return not self.failures and self.grown <= GROWTH


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang inside after a timeout. Works only in the main thread."""

    def late(_signum: int, _frame: FrameType | None) -> None:
        raise Hang(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def stored(name: str) -> list[tuple[Path, bytes]]:
    """Return the corpus of a target."""
    folder = CORPUS / name
    return [(path, path.read_bytes()) for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def keep(name: str, data: bytes, kind: str) -> Path:
    """Store an input in the corpus, under a hash of its content."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{blake2b(data, digest_size=6).hexdigest()}"
    path.write_bytes(data)
    return path


def fuzz(name: str, target: Target, seconds: float, seed: int, keeps: bool = True) -> Result:
    """Fuzz for a number of seconds."""
    random = Random(f"{name} {seed}")
    run, result = target.make(), Result(name)
    pool = [*target.seeds(), *(data for _, data in stored(name))]
    seen: set[str] = set()
    begun = time.monotonic()
    middle: float | None = None
    for data in [*pool]:
        _one(run, data, result, seen, [])
    while (spent := time.monotonic() - begun) < seconds:
        if middle is None and spent > seconds / 2:
            middle = resident()
        for _ in range(PORTION):
            _one(run, mutated(random.choice(pool), pool, random), result, seen, pool)
    result.seconds, result.outcomes = time.monotonic() - begun, len(seen)
    result.grown = resident() - middle if middle is not None else 0.0
    if keeps:
        for data in result.failures.values():
            keep(name, data, "crash")
        room = KEPT - len(stored(name))
        small = [data for data in pool[len(target.seeds()) :] if len(data) <= LARGEST_KEPT]
        for data in small[: max(0, room)]:
            keep(name, data, "seed")
    return result


def _one(run: Run, data: bytes, result: Result, seen: set[str], pool: list[bytes]) -> None:
    result.runs += 1
    begun = time.process_time()
    try:
        with limited(HANGS):
            outcome = run(data)
    except Exception as error:  # any exception is a finding
        result.failures.setdefault(_place(error), data)
        return
    result.slowest = max(result.slowest, time.process_time() - begun)
    if outcome not in seen and len(seen) < MOST_SEEDS:
        seen.add(outcome)
        if len(data) <= LARGEST_KEPT:
            pool.append(data)


def _place(error: Exception) -> str:
    """Return the error with the innermost line of CALI's code. One input per such line is enough."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "cali" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, Hang):
        return f"Hang in {Path(last.filename).name}:{last.name}"
    return (
        f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {last.name}: {str(error)[:160]}"
    )


def resident() -> float:
    """Return the MB of this process in memory."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:  # macOS has no such file
        return 0.0
    return int(pages) * 4096 / 1e6


def lines(results: Sequence[Result]) -> Iterator[str]:
    """Yield the report as lines."""
    for one in results:
        rate = one.runs / one.seconds if one.seconds else 0.0
        yield (
            f"{one.name:<14} {one.runs:>10,} inputs in {one.seconds:.0f} s ({rate:,.0f}/s), {one.outcomes} kinds of outcome, "
            f"slowest {one.slowest * 1000:.0f} ms, grew by {one.grown:.0f} MB, {len(one.failures)} failures"
        )
        for said, data in one.failures.items():
            yield f"    {said}   input of {len(data)} bytes: {data[:80]!r}"
