"""Runs one target with damaged seeds for a while. What breaks it is kept, and so is what it answered in a new way."""

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
HANGS = 2.0  # seconds of processor time that one input may take: on a busy machine the clock says nothing
MOST_SEEDS = 3_000
KEPT = 20  # inputs of one target that are kept in the repository
LARGEST_KEPT = 4_000
GROWTH = 64.0  # MB that a target may grow by from the middle to the end
PORTION = 200

Run = Callable[[bytes], str]


class Target(NamedTuple):
    """Something to fuzz. `make` gives what takes an input and says in a word what came of it; CaliErrors are caught there."""

    make: Callable[[], Run]
    seeds: Callable[[], list[bytes]]


class Hang(Exception):
    """An input took longer than it may."""


@dataclass(slots=True)
class Result:
    """What came of fuzzing a target."""

    name: str
    runs: int = 0
    seconds: float = 0.0
    outcomes: int = 0
    slowest: float = 0.0
    grown: float = 0.0
    failures: dict[str, bytes] = field(default_factory=dict)  # what it said -> the input

    @property
    def fine(self) -> bool:
        return not self.failures and self.grown <= GROWTH


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises Hang inside, if it takes longer. Only in the main thread."""

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
    """The corpus of a target."""
    folder = CORPUS / name
    return [(path, path.read_bytes()) for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def keep(name: str, data: bytes, kind: str) -> Path:
    """Keeps an input in the corpus, under a hash of its content."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{blake2b(data, digest_size=6).hexdigest()}"
    path.write_bytes(data)
    return path


def fuzz(name: str, target: Target, seconds: float, seed: int, keeps: bool = True) -> Result:
    """Fuzzes for so long."""
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
    except Exception as error:  # whatever it is, it is what we look for
        result.failures.setdefault(_place(error), data)
        return
    result.slowest = max(result.slowest, time.process_time() - begun)
    if outcome not in seen and len(seen) < MOST_SEEDS:
        seen.add(outcome)
        if len(data) <= LARGEST_KEPT:
            pool.append(data)


def _place(error: Exception) -> str:
    """The error with the place of ours from which it came: one for each such place is enough."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "cali" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, Hang):
        return f"Hang in {Path(last.filename).name}:{last.name}"
    return (
        f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {last.name}: {str(error)[:160]}"
    )


def resident() -> float:
    """MB of this process in memory."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:  # no such file on a Mac
        return 0.0
    return int(pages) * 4096 / 1e6


def lines(results: Sequence[Result]) -> Iterator[str]:
    """What a person reads."""
    for one in results:
        rate = one.runs / one.seconds if one.seconds else 0.0
        yield (
            f"{one.name:<14} {one.runs:>10,} inputs in {one.seconds:.0f} s ({rate:,.0f}/s), {one.outcomes} kinds of outcome, "
            f"slowest {one.slowest * 1000:.0f} ms, grew by {one.grown:.0f} MB, {len(one.failures)} failures"
        )
        for said, data in one.failures.items():
            yield f"    {said}   input of {len(data)} bytes: {data[:80]!r}"
