"""What Lambda does with a batch from Kinesis, as pure functions: settings, outcome and clock in, next state out.

The rules are those of the AWS documentation ("Using Lambda with Kinesis", on error handling). Where it says nothing the
choice that is harder for a consumer was taken, and the rule says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any, NamedTuple

MOST_RECORDS = 10_000
MOST_BYTES = 6_000_000  # of an invocation's payload, base64 and envelope included
EXHAUSTED, TOO_OLD = "RetryAttemptsExhausted", "RecordAgeExceeded"
LONGEST_PAUSE = 5.0


class Row(NamedTuple):
    """One record of a shard. `arrived` is in seconds since the epoch."""

    sequence: str
    key: str
    data: bytes
    arrived: float

    @property
    def bytes(self) -> int:
        return len(self.data) * 4 // 3 + 400  # what its JSON in an invocation weighs, about


@dataclass(frozen=True, slots=True)
class Settings:
    """An event-source mapping, as deployed. -1 retries or seconds of age mean: for ever."""

    batch_size: int = 100
    window: float = 0.0
    factor: int = 1
    partial: bool = False
    bisect: bool = False
    retries: int = -1
    max_age: float = -1
    on_failure: str = ""
    position: str = "TRIM_HORIZON"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are delivered together, and how often that was tried."""

    rows: tuple[Row, ...]
    tries: int = 0
    pause: float = 0.0  # before it is delivered


class Outcome(NamedTuple):
    """What an invocation came to: its response if the function returned, else the error that ended it."""

    body: bytes = b""
    error: str = ""


class Dropped(NamedTuple):
    """Rows that are given up and go to the failure destination."""

    rows: tuple[Row, ...]
    condition: str
    tries: int


@dataclass(frozen=True, slots=True)
class Next:
    """What follows: rows that are done, batches to deliver again in this order, rows given up."""

    done: tuple[Row, ...] = ()
    again: tuple[Batch, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def settings_of(mapping: Mapping[str, Any]) -> Settings:
    """The settings in a mapping as `GetEventSourceMapping` gives it."""
    destination = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}

    def number(name: str, default: float) -> float:
        value = mapping.get(name)
        return default if value is None else float(value)

    return Settings(
        batch_size=min(int(number("BatchSize", 100)), MOST_RECORDS),
        window=number("MaximumBatchingWindowInSeconds", 0),
        factor=int(number("ParallelizationFactor", 1)),
        partial="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
        bisect=bool(mapping.get("BisectBatchOnFunctionError")),
        retries=int(number("MaximumRetryAttempts", -1)),
        max_age=number("MaximumRecordAgeInSeconds", -1),
        on_failure=destination.get("Destination", ""),
        position=mapping.get("StartingPosition") or "TRIM_HORIZON",
        enabled=mapping.get("State")
        not in ("Disabled", "Disabling"),  # `Creating` and `Updating` end by themselves
    )


def lane(key: str, factor: int) -> int:
    """Which of the concurrent invocations of a shard gets a partition key: always the same one, so keys stay in order."""
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest()[:4], "big") % factor


def cut(waiting: Sequence[Row], settings: Settings, now: float, since: float) -> int:
    """How many of the waiting rows to deliver now: 0 until the window is over or a batch is full. `since` is when the
    first of them began to wait."""
    size = 0
    for count, row in enumerate(waiting):
        size += row.bytes
        if count and size > MOST_BYTES:
            return count
        if count + 1 >= settings.batch_size:
            return count + 1
    return len(waiting) if waiting and now - since >= settings.window else 0


def expire(batch: Batch, settings: Settings, now: float) -> Next:
    """The batch without records that are older than the mapping allows."""
    if settings.max_age < 0:
        return Next(again=(batch,))
    old = tuple(row for row in batch.rows if now - row.arrived > settings.max_age)
    if not old:
        return Next(again=(batch,))
    young = tuple(row for row in batch.rows if now - row.arrived <= settings.max_age)
    return Next(
        again=(replace(batch, rows=young),) if young else (), dropped=(Dropped(old, TOO_OLD, batch.tries),)
    )


def decide(batch: Batch, outcome: Outcome, settings: Settings) -> Next:
    """What becomes of a batch that was delivered."""
    first = _first_failed(batch.rows, outcome, settings.partial)
    if first is None:
        return Next(done=batch.rows)
    done, rest = batch.rows[:first], batch.rows[first:]
    whole = bool(outcome.error) or first == 0
    if settings.bisect and not whole:
        # The checkpoint is the place where the batch is split, and a split spends no retry.
        return Next(done, again=(Batch(rest, batch.tries, _pause(batch.tries)),))
    if settings.bisect and outcome.error and len(rest) > 1:
        half = len(rest) // 2
        pause = _pause(batch.tries)
        return Next(done, again=(Batch(rest[:half], batch.tries, pause), Batch(rest[half:], batch.tries)))
    tries = batch.tries + 1
    if settings.retries >= 0 and tries > settings.retries:
        return Next(done, dropped=(Dropped(rest, EXHAUSTED, tries),))
    # Progress without bisecting is not documented to restore retries, so it does not.
    return Next(done, again=(Batch(rest, tries, _pause(tries)),))


def _first_failed(rows: Sequence[Row], outcome: Outcome, partial: bool) -> int | None:
    """The place of the lowest failed record; None when all is well. What the response does not say properly is a
    failure of the whole batch."""
    if outcome.error:
        return 0
    if not partial:
        return None
    try:
        said = json.loads(outcome.body or b"null")
    except ValueError:
        return 0
    if not said:
        return None
    if not isinstance(said, dict):
        return None  # the documentation asks for an object; any other return value counts as success
    failures = said.get("batchItemFailures")
    if not failures:
        return None
    places = {row.sequence: place for place, row in enumerate(rows)}
    try:
        return min(places[item["itemIdentifier"]] for item in failures)
    except (KeyError, TypeError):
        return 0


def _pause(tries: int) -> float:
    return float(min(0.1 * 2 ** min(tries, 10), LONGEST_PAUSE))
