"""The run of a scenario: healthy traffic and planted faults in one interleaved stream of lines.

A place in the run is a number of written lines, so runs of any length have the same mix and the same faults. The lines of
one log call stay in order within their stream. Lines of other streams can fall between them.
"""

from __future__ import annotations

import heapq
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeVar

from cali.core.errors import Misconfigured
from cali.simulator.fleet import Pod, SimulatedLine, pods
from cali.simulator.phrase import Draw, Speak, compile_phrase, suffix
from cali.simulator.random_values import SimulatedClock, draws
from cali.simulator.scenario import PlantedFault, Scenario, Service, WeightedPhrase

_T = TypeVar("_T")
_STAYS_TOGETHER = 0.75  # probability that no other line falls between two lines of a stack trace
_LEAST_TIMES = 2  # minimum messages of a fault, even in a short run
_AHEAD = 0.01  # maximum seconds that a paced stream can be early


class _Voice(NamedTuple):
    """A compiled phrase and the pods that can write it."""

    speak: Speak
    pods: tuple[Pod, ...]
    stream: str
    fault: str | None


class _Streams:
    """The unwritten lines of multi-line events, by stream."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self._waiting: dict[tuple[Pod, str], deque[tuple[str, str | None]]] = {}
        self._order: list[tuple[Pod, str]] = []

    def __bool__(self) -> bool:
        return bool(self._order)

    def busy(self, pod: Pod, stream: str) -> bool:
        return (pod, stream) in self._waiting

    def put(self, pod: Pod, stream: str, text: str, fault: str | None) -> None:
        key = (pod, stream)
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            self._order.append(key)
        queue.extend((line, fault) for line in text.split("\n"))

    def take(self, now: float) -> SimulatedLine:
        index = int(self._random() ** 2 * len(self._order))  # mostly the oldest first
        key = self._order[index]
        queue = self._waiting[key]
        text, fault = queue.popleft()
        if not queue:
            del self._waiting[key], self._order[index]
        return SimulatedLine(now, text, key[0], key[1], fault)


def simulate(
    scenario: Scenario, *, seed: int, lines: int | None = None, seconds: float | None = None, start: float
) -> Iterator[SimulatedLine]:
    """Yield the lines of a run in order of time. Equal seeds and sizes give equal lines.

    If only one of `lines` and `seconds` is given, the scenario's own rate determines the other. The simulated clock starts
    at `start`.
    """
    lines, seconds = _size(scenario, lines, seconds)
    rng = Random(seed)
    clock = SimulatedClock(start)
    values = draws(rng, clock)
    fleet = {service.name: pods(service, rng) for service in scenario.services}
    voices, ladder = _healthy(scenario, fleet, values, rng)
    due = heapq.merge(
        *(_occasions(fault, scenario, fleet, values, rng, lines) for fault in scenario.faults), key=_place
    )
    return _write(lines, seconds / lines, clock, rng, voices, ladder, due)


def _write(
    lines: int,
    step: float,
    clock: SimulatedClock,
    rng: Random,
    voices: list[_Voice],
    ladder: list[float],
    due: Iterator[tuple[float, tuple[_Voice, ...]]],
) -> Iterator[SimulatedLine]:
    random, total = rng.random, ladder[-1]
    waiting = _Streams(rng)
    place, spoken = next(due, (float("inf"), ()))
    now = start = clock.now
    short = min(step, 0.0015)
    written = 0
    while written < lines:
        if waiting:
            now += short * random()
            if random() < _STAYS_TOGETHER:
                yield waiting.take(now)
                written += 1
                continue
        else:
            # A stack trace has many lines but takes no time, so the clock catches up gradually.
            now = max(now + 1e-6, min(start + (written + random()) * step, now + 3 * step * random()))
        clock.set(now)
        if written >= place:
            for voice in spoken:
                waiting.put(_one(voice.pods, random), voice.stream, voice.speak(), voice.fault)
            place, spoken = next(due, (float("inf"), ()))
            continue
        speak, able, stream, fault = voices[bisect(ladder, random() * total)]
        pod = able[int(random() * len(able))]
        text = speak()
        if "\n" in text or waiting.busy(pod, stream):
            waiting.put(pod, stream, text, fault)
            continue
        yield SimulatedLine(now, text, pod, stream, fault)
        written += 1


def paced(
    lines: Iterable[SimulatedLine], rate: float, sleep: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[SimulatedLine]:
    """Yield the same lines at `rate` per second of the clock, at most 0.01 s early. A rate of 0 means no waiting."""
    if rate <= 0:
        yield from lines
        return
    begun = clock()
    for count, line in enumerate(lines):
        early = begun + count / rate - clock()
        if early > _AHEAD:
            sleep(early)
        yield line


def _size(scenario: Scenario, lines: int | None, seconds: float | None) -> tuple[int, float]:
    pace = scenario.lines / scenario.seconds
    if lines is None:
        lines = scenario.lines if seconds is None else max(1, round(seconds * pace))
    if seconds is None:
        seconds = lines / pace
    if lines < 1 or seconds <= 0:
        raise Misconfigured(
            f"a run of {lines} lines in {seconds:g} seconds is not possible; use at least one line and a positive time"
        )
    return lines, seconds


def _healthy(
    scenario: Scenario, fleet: dict[str, tuple[Pod, ...]], values: dict[str, Draw], rng: Random
) -> tuple[list[_Voice], list[float]]:
    """Return the healthy voices, and their cumulative weights for a weighted choice."""
    voices: list[_Voice] = []
    weights: list[float] = []
    for service in scenario.services:
        total = sum(say.weight for say in service.lines)
        for say in service.lines:
            if say.weight * service.share > 0:
                able = _speakers(say, fleet[service.name], values, rng, None)
                voices += able
                weights += [service.share * say.weight / total / len(able)] * len(able)
    if not voices:
        raise Misconfigured(
            f"scenario {scenario.name}: no service has a share; give at least one service a share above 0"
        )
    return voices, list(accumulate(weights))


def _speakers(
    say: WeightedPhrase, able: tuple[Pod, ...], values: dict[str, Draw], rng: Random, fault: str | None
) -> tuple[_Voice, ...]:
    """Return one voice for all pods, or one per pod if the line names its pod."""
    if "{self}" not in say.text:
        return (_Voice(compile_phrase(say.text, values, rng), able, say.stream, fault),)
    return tuple(
        _Voice(compile_phrase(say.text.replace("{self}", pod.name), values, rng), (pod,), say.stream, fault)
        for pod in able
    )


def _occasions(
    fault: PlantedFault,
    scenario: Scenario,
    fleet: dict[str, tuple[Pod, ...]],
    values: dict[str, Draw],
    rng: Random,
    lines: int,
) -> Iterator[tuple[float, tuple[_Voice, ...]]]:
    """Yield the places at which a fault writes, as numbers of written lines, with the voices for each."""
    service = next(service for service in scenario.services if service.name == fault.kind.service)
    victim = _one(fleet[service.name], rng.random)
    known = {**values, **_about(service, victim, rng)}

    def able(say: WeightedPhrase) -> tuple[Pod, ...]:
        if say.service == service.name:
            return (victim,) if fault.kind.one_pod else fleet[say.service]
        return (
            tuple(pod for pod in fleet[say.service] if pod.per_node and pod.node == victim.node)
            or fleet[say.service]
        )

    def voices(says: tuple[WeightedPhrase, ...]) -> tuple[_Voice, ...]:
        return tuple(_one(_speakers(say, able(say), known, rng, fault.id), rng.random) for say in says)

    return _plan(
        fault, lines, rng, voices(fault.kind.first), voices(fault.kind.says), voices(fault.kind.last)
    )


def _plan(
    fault: PlantedFault,
    lines: int,
    rng: Random,
    begin: tuple[_Voice, ...],
    says: tuple[_Voice, ...],
    end: tuple[_Voice, ...],
) -> Iterator[tuple[float, tuple[_Voice, ...]]]:
    ladder = list(accumulate(say.weight for say in fault.kind.says))
    span = fault.lasts * lines
    times = max(_LEAST_TIMES, round(fault.rate * span / 1000))
    for count in range(times):
        jitter = rng.random() if count else 0.0
        place = fault.at * lines + span * (count + jitter) / times
        # Each message is written once before any repeats, so that short runs contain all of them.
        chosen = says[count] if count < len(says) else says[bisect(ladder, rng.random() * ladder[-1])]
        yield place, ((*begin, chosen) if count == 0 else (chosen,))
    if end:
        yield fault.at * lines + span, end


def _about(service: Service, victim: Pod, rng: Random) -> dict[str, Draw]:
    """Return the values about the affected service that a fault's phrases can use."""
    fresh = f"{service.workload}-{suffix(rng, 9)}-{suffix(rng, 5)}"
    facts = {
        "victim": victim.name,
        "victim_node": victim.node,
        "victim_id": suffix(rng, 22),
        "victim_uid": f"{rng.getrandbits(32):08x}-5a1c-4d0e-9b7f-{rng.getrandbits(48):012x}",
        "fresh_pod": fresh,
        "workload": service.workload,
        "namespace": service.namespace,
        "container": service.container,
    }
    return {name: _always(value) for name, value in facts.items()}


def _always(value: str) -> Draw:
    return lambda: value


def _one(able: tuple[_T, ...], random: Callable[[], float]) -> _T:
    return able[int(random() * len(able))]


def _place(occasion: tuple[float, tuple[_Voice, ...]]) -> float:
    return occasion[0]
