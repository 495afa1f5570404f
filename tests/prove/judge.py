"""The promises of a proof, and whether they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import NamedTuple

from tests.cloud.observe import Seen, Summary
from tests.prove.ledger import Digest
from tests.prove.plan import Injection
from tests.prove.sample import Lag, Memory

RECOVERED = 5.0  # seconds; a smaller lag counts as none
JUDGED = 120.0  # minimum lifetime in seconds of a process whose growth is judged
STEADY = 1.0  # MB a minute; a slower rise counts as none
FULL = 200.0  # MB; below it a process may still fill its bounded caches (docs/proof.md)
POINTS = 60  # samples of a process that are compared with each other


class Promise(NamedTuple):
    """A promise, whether it holds, and its figures."""

    name: str
    kept: bool
    said: str


class Injured(NamedTuple):
    """An injected fault. `recovered` is the time from its end until the readers had caught up; None if they never
    did."""

    kind: str
    detail: str
    at: float
    until: float
    recovered: float | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """All results of a run."""

    seed: int
    seconds: float
    rate: float
    planned: Sequence[Injection]
    injured: Sequence[Injured]
    summary: Summary
    expected: Mapping[str, Seen]
    put: Digest
    raw: Digest
    failed_to_search: int
    memory: Sequence[Memory]
    lag: Sequence[Lag]
    calls: Mapping[str, int] = field(default_factory=dict)  # calls by function: `analyze dynamodb PutItem`
    item_bytes: float = 0.0  # mean size of an incident in the table
    asked: float = 0.0  # requested seconds
    only: Sequence[str] = ()  # kinds of faults, if not all


def recovered(injured: Injured, lag: Sequence[Lag]) -> Injured:
    """Set the time from the end of each fault until the lag was small."""
    for sample in lag:
        if sample.at >= injured.until and sample.oldest <= RECOVERED:
            return injured._replace(recovered=max(0.0, sample.at - injured.until))
    return injured


class Growth(NamedTuple):
    """The memory of the longest-lived process of a function, in MB."""

    function: str
    lived: float
    peak: float  # maximum of all processes of the function
    last: float  # maximum of the longest-lived process
    slope: float  # MB a minute in the second half of its life: the median over all pairs, so that one step is no slope
    flat: bool | None  # None if it did not live long enough


def growth(memory: Sequence[Memory]) -> list[Growth]:
    """Return the growth of memory of each function."""
    processes: dict[str, dict[int, list[Memory]]] = defaultdict(lambda: defaultdict(list))
    for sample in memory:
        processes[sample.function][sample.process].append(sample)
    return [_grown(name, list(held.values())) for name, held in sorted(processes.items())]


def _grown(name: str, processes: list[list[Memory]]) -> Growth:
    longest = max(processes, key=lambda samples: samples[-1].at - samples[0].at)
    lived = longest[-1].at - longest[0].at
    slope = _slope([sample for sample in longest if sample.at >= longest[0].at + lived / 2])
    peak = max(sample.held for samples in processes for sample in samples)
    flat = slope <= STEADY or longest[-1].held <= FULL if lived >= JUDGED else None
    return Growth(name, lived, peak, longest[-1].held, slope, flat)


def _slope(samples: Sequence[Memory]) -> float:
    thin = samples[:: max(1, len(samples) // POINTS)]
    slopes = [(b.held - a.held) / (b.at - a.at) * 60 for a, b in combinations(thin, 2) if b.at > a.at]
    return median(slopes) if slopes else 0.0


def promises(ran: Ran) -> list[Promise]:
    """Return each promise, with its result."""
    return [*_accounted(ran), *_told(ran), *_steady(ran)]


def _accounted(ran: Ran) -> Iterator[Promise]:
    done = ran.summary
    left = done.unread + done.dropped + done.waiting
    yield Promise(
        "every record is read",
        left == 0,
        f"{done.put:,} put; {done.unread} unread, {done.dropped} given up, {done.waiting} blocks still wait",
    )
    yield Promise(
        "every record is in raw/, once",
        ran.put == ran.raw,
        f"{ran.raw.lines:,} lines in raw/ of {ran.put.lines:,} put; the sums of their hashes "
        + ("are equal" if ran.put.total == ran.raw.total else "differ"),
    )
    indexed, dropped = (done.counts.get(f"firehose {name}", 0) for name in ("indexed", "dropped"))
    yield Promise(
        "every record is searchable, dropped by rule, or kept as failed",
        indexed + dropped + ran.failed_to_search == done.put,
        f"{indexed:,} indexed, {dropped:,} dropped, {ran.failed_to_search:,} in firehose-failed/",
    )
    yield Promise(
        "all poison is in quarantine, and nothing else",
        len(done.quarantined) == done.poison,
        f"{done.poison:,} records of poison, {len(done.quarantined):,} lines in quarantine",
    )
    wrong = [*_wrong(ran)]
    events = [sum(one.events for one in held.values()) for held in (ran.expected, done.incidents)]
    yield Promise(
        "incidents are those of an undisturbed replay",
        not wrong,
        f"{len(ran.expected)} incidents with {events[0]:,} events expected, {len(done.incidents)} with {events[1]:,} found"
        + "".join(f"; {one}" for one in wrong[:12]),
    )  # fmt: skip


def _wrong(ran: Ran) -> Iterator[str]:
    found = ran.summary.incidents
    for name in sorted(ran.expected.keys() | found.keys()):
        wanted, got = ran.expected.get(name), found.get(name)
        if wanted is None and got is not None:
            yield f"{name} is one too many: {got.events} of {got.template[:60]!r} in {got.scope}"
        elif got is None and wanted is not None:
            yield f"{name} is missing: {wanted.events} of {wanted.template[:60]!r} in {wanted.scope}"
        elif wanted != got and wanted is not None and got is not None:
            yield f"{name} has {got.events} of {wanted.events} events, {got.severity} for {wanted.severity}"


def _told(ran: Ran) -> Iterator[Promise]:
    done = ran.summary
    silent = sorted(done.incidents.keys() - set(done.told))
    yield Promise(
        "no alert came twice",
        not done.twice,
        f"{len(done.alerts)} alerts; twice: {', '.join(done.twice[:12]) or 'none'}",
    )
    yield Promise(
        "every incident was told",
        not silent,
        f"{len(done.told)} of {len(done.incidents)} told" + (f"; not {', '.join(silent[:12])}" if silent else ""),
    )  # fmt: skip
    yield Promise(
        "every fault was injected",
        len(ran.injured) == len(ran.planned),
        f"{len(ran.injured)} of {len(ran.planned)}",
    )


def _steady(ran: Ran) -> Iterator[Promise]:
    late = [one for one in ran.injured if one.recovered is None]
    slowest = max((one.recovered or 0.0 for one in ran.injured), default=0.0)
    yield Promise(
        "the lag recovered after each fault",
        not late,
        f"the slowest took {slowest:.0f} s" + "".join(f"; never after {one.kind}" for one in late),
    )
    grown = growth(ran.memory)
    growing = [one.function for one in grown if one.flat is False]
    unknown = [one.function for one in grown if one.flat is None]
    yield Promise(
        "memory is flat, or below what full memos take",
        not growing,
        (f"grows: {', '.join(growing)}" if growing else "no function grows")
        + (f"; too short-lived to say: {', '.join(unknown)}" if unknown else ""),
    )
