"""Every stored input, which once failed or had a new outcome, still causes no failure."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.loop import HANGS, Target, fuzz, limited, stored
from tests.fuzz.mutate import mutated


@pytest.mark.parametrize("name", TARGETS)
def test_no_kept_input_does_harm(name: str) -> None:
    run = TARGETS[name].make()

    for _, data in stored(name):
        with limited(HANGS):
            run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_own_seeds(name: str) -> None:
    run = TARGETS[name].make()

    assert all(isinstance(run(data), str) for data in TARGETS[name].seeds()[:3])


def test_what_breaks_a_target_is_found_and_kept_apart_by_its_place() -> None:
    def breaks(data: bytes) -> str:
        if b"\x00" in data:
            raise KeyError("a fault")
        return "fine"

    result = fuzz("broken", Target(lambda: breaks, lambda: [b"a seed"]), seconds=1.0, seed=1, keeps=False)

    assert not result.fine
    assert len(result.failures) == 1
    assert b"\x00" in next(iter(result.failures.values()))


def test_the_same_seed_damages_alike() -> None:
    from random import Random

    damaged = [mutated(b"some bytes of a line", [b"other"], Random(n)) for n in range(50)]

    assert damaged == [mutated(b"some bytes of a line", [b"other"], Random(n)) for n in range(50)]
    assert len(set(damaged)) > 30
