"""The scoreboard: every tool on every recording, with confidence intervals. Same recordings and answers, same figures.

recordings -> one tool's cards -> judgements -> figures per split, system and kind
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import sqrt
from typing import Any

from cali.bench.judge import ALARMING, Card, Judgement, judge, shows
from cali.bench.recording import SPLITS, InjectedFault, Recording

BROKEN = "CALI, causes shuffled"
_Z = 1.96  # standard normal quantile of a 95% interval
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or a mean over `of` cases, with its 95% interval."""

    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True, slots=True)
class ScoredFault:
    """The judgement of one tool on one fault of a recording."""

    recording: Recording
    fault: InjectedFault
    judgement: Judgement


@dataclass(slots=True)
class ToolResult:
    """What one tool did. `cards` and `mixed` count per recording with faults, `alarms` per healthy recording."""

    tool: str
    outcomes: list[ScoredFault] = field(default_factory=list)
    cards: dict[str, int] = field(default_factory=dict)
    mixed: dict[str, int] = field(default_factory=dict)
    alarms: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)


def measure(tool: str, recordings: Iterable[Recording], cards: Mapping[str, Sequence[Card]]) -> ToolResult:
    """Judge the cards of one tool, by recording. A recording without an answer counts as silent."""
    result = ToolResult(tool)
    for recording in recordings:
        name, truth, shown = recording.name, recording.truth, cards.get(recording.name, ())
        result.splits[name] = recording.split
        if not truth.faults:
            result.alarms[name] = sum(card.severity in ALARMING for card in shown)
            result.warnings[name] = len(shown) - result.alarms[name]
            continue
        result.cards[name] = len(shown)
        result.mixed[name] = sum(sum(shows(card, fault) for fault in truth.faults) > 1 for card in shown)
        for fault in truth.faults:
            others = [other for other in truth.faults if other is not fault]
            result.outcomes.append(ScoredFault(recording, fault, judge(shown, fault, others)))
    return result


def shuffled(cards: Mapping[str, Sequence[Card]], seed: int = 1) -> dict[str, list[Card]]:
    """Return the same cards, each with the cause of another one: a broken tool that must score near zero."""
    causes = [card.cause for shown in cards.values() for card in shown if card.cause]
    distinct = sorted(set(causes))
    moved = distinct[:]
    random.Random(seed).shuffle(moved)
    other = dict(zip(moved, [*moved[1:], *moved[:1]], strict=True))
    return {
        name: [replace(card, cause=other.get(card.cause, "")) for card in shown]
        for name, shown in cards.items()
    }


def figures(result: ToolResult, split: str | None = None) -> dict[str, Figure]:
    """Return the figures of a tool on one split, or on all recordings."""
    chosen = {name for name, where in result.splits.items() if split in (None, where)}
    judged = [outcome.judgement for outcome in result.outcomes if outcome.recording.name in chosen]
    faults: dict[str, int] = defaultdict(int)
    for outcome in result.outcomes:
        faults[outcome.recording.name] += 1
    names = [name for name in result.cards if name in chosen]
    healthy = [name for name in result.alarms if name in chosen]
    return {
        "found": _share([judgement.found for judgement in judged]),
        "right": _share([judgement.verdict == "right" for judgement in judged]),
        "right first": _share([judgement.first for judgement in judged]),
        "wrong": _share([judgement.verdict == "wrong" for judgement in judged]),
        "silent": _share([judgement.verdict == "silent" for judgement in judged]),
        "cards per failure": _mean([result.cards[name] / faults[name] for name in names]),
        "mixed": _mean([result.mixed[name] for name in names]),
        "false alarms per healthy recording": _mean([result.alarms[name] for name in healthy]),
        "warnings per healthy recording": _mean([result.warnings[name] for name in healthy]),
        "lines to read": _mean([judgement.lines for judgement in judged]),
    }


def by(result: ToolResult, key: Callable[[ScoredFault], str]) -> dict[str, dict[str, int]]:
    """Return counts of faults, found, right, wrong and silent, grouped by a key of the outcome."""
    groups: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("faults", "found", "right", "wrong", "silent"), 0)
    )
    for outcome in result.outcomes:
        row = groups[key(outcome)]
        row["faults"] += 1
        row["found"] += outcome.judgement.found
        row[outcome.judgement.verdict] += 1
    return dict(sorted(groups.items()))


def as_json(results: Sequence[ToolResult], versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the scoreboard. Misses are listed only for the split dev: nobody should learn from a sealed one."""
    first = results[0]
    present = [split for split in SPLITS if split in first.splits.values()]
    return {
        "format": 1,
        "versions": dict(versions),
        "recordings": {split: list(first.splits.values()).count(split) for split in present},
        "healthy": {split: sum(first.splits[name] == split for name in first.alarms) for split in present},
        "splits": {
            split: {
                result.tool: {name: asdict(figure) for name, figure in figures(result, split).items()}
                for result in results
            }
            for split in present
        },
        "systems": by(first, lambda outcome: outcome.recording.truth.system),
        "kinds": by(first, lambda outcome: outcome.fault.kind),
        "misses": [_miss(outcome) for outcome in first.outcomes if _is_open_miss(outcome)],
        "alarms": {
            name: count for name, count in first.alarms.items() if count and first.splits[name] == "dev"
        },
    }


def _is_open_miss(outcome: ScoredFault) -> bool:
    return outcome.recording.split == "dev" and outcome.judgement.verdict != "right"


def _miss(outcome: ScoredFault) -> dict[str, Any]:
    judgement = outcome.judgement
    reasons = {"wrong": "another cause is asserted", "silent": "no cause is asserted"}
    return {
        "recording": outcome.recording.name,
        "fault": outcome.fault.name,
        "reason": reasons[judgement.verdict] if judgement.found else "no card shows the fault",
        "truth": outcome.fault.cause,
        "cause": judgement.cause,
    }


def _share(hits: Sequence[bool]) -> Figure:
    """Return a share with its Wilson interval."""
    count = len(hits)
    if not count:
        return Figure(0.0, 0.0, 1.0, 0)
    share = sum(hits) / count
    middle = share + _Z * _Z / (2 * count)
    spread = _Z * sqrt(share * (1 - share) / count + _Z * _Z / (4 * count * count))
    scale = 1 + _Z * _Z / count
    return Figure(share, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale), count)


def _mean(values: Sequence[float]) -> Figure:
    """Return a mean with its bootstrap interval. The seed is fixed, so that the figures repeat."""
    if not values:
        return Figure(0.0, 0.0, 0.0, 0)
    rng = random.Random(1)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(_RESAMPLES))
    low, high = means[int(0.025 * _RESAMPLES)], means[int(0.975 * _RESAMPLES) - 1]
    return Figure(sum(values) / len(values), low, high, len(values))
