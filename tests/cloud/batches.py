"""Lambda's handling of a Kinesis batch as pure functions: settings, outcome and clock in, next state out.

The rules are those of the AWS documentation ("Using Lambda with Kinesis", on error handling). Where the documentation
is silent, the rule takes the choice that is harder for a consumer, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any, NamedTuple

MOST_RECORDS = 10_000
MOST_BYTES = 6_000_000  # maximum bytes of an invocation's payload, including base64 and envelope
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
        return len(self.data) * 4 // 3 + 400  # approximate size of its JSON in an invocation


@dataclass(frozen=True, slots=True)
class Settings:
    """An event source mapping as deployed. -1 for retries or for the age in seconds means no limit."""

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
    """Records that are delivered together, and the number of attempts."""

    rows: tuple[Row, ...]
    tries: int = 0
    pause: float = 0.0  # seconds since the epoch of the next delivery


class Outcome(NamedTuple):
    """The outcome of an invocation: the response of the function, or the error that ended it."""

    body: bytes = b""
    error: str = ""


class Dropped(NamedTuple):
    """Rows that Lambda gives up. They go to the failure destination."""

    rows: tuple[Row, ...]
    condition: str
    tries: int


@dataclass(frozen=True, slots=True)
class Next:
    """The next state: rows that are done, batches to deliver again in this order, rows given up."""

    done: tuple[Row, ...] = ()
    again: tuple[Batch, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def settings_of(mapping: Mapping[str, Any]) -> Settings:
    """Parse the settings in a response of `GetEventSourceMapping`."""
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
        not in ("Disabled", "Disabling"),  # `Creating` and `Updating` end without a call
    )


def lane(key: str, factor: int) -> int:
    """Return the lane of a partition key. It never changes, so records of a key stay in order."""
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest()[:4], "big") % factor


def cut(waiting: Sequence[Row], settings: Settings, now: float, since: float) -> int:
    """Return the number of waiting rows to deliver now: 0 until the window has ended or a batch is full. `since` is
    the time at which the first row began to wait."""
    size = 0
    for count, row in enumerate(waiting):
        size += row.bytes
        if count and size > MOST_BYTES:
            return count
        if count + 1 >= settings.batch_size:
            return count + 1
    return len(waiting) if waiting and now - since >= settings.window else 0


def expire(batch: Batch, settings: Settings, now: float) -> Next:
    """Return the batch without records above the maximum age of the mapping."""
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
    """Return the next state after a delivery."""
    first = _first_failed(batch.rows, outcome, settings.partial)
    if first is None:
        return Next(done=batch.rows)
    done, rest = batch.rows[:first], batch.rows[first:]
    whole = bool(outcome.error) or first == 0
    if settings.bisect and not whole:
        # The batch is split at the checkpoint. A split does not count as a retry.
        return Next(done, again=(Batch(rest, batch.tries, _pause(batch.tries)),))
    if settings.bisect and outcome.error and len(rest) > 1:
        half = len(rest) // 2
        pause = _pause(batch.tries)
        return Next(done, again=(Batch(rest[:half], batch.tries, pause), Batch(rest[half:], batch.tries)))
    tries = batch.tries + 1
    if settings.retries >= 0 and tries > settings.retries:
        return Next(done, dropped=(Dropped(rest, EXHAUSTED, tries),))
    # The documentation does not say that progress without bisecting resets the retries, so it does not here.
    return Next(done, again=(Batch(rest, tries, _pause(tries)),))


def _first_failed(rows: Sequence[Row], outcome: Outcome, partial: bool) -> int | None:
    """Return the place of the first failed record, or None if all succeeded. An invalid response means that the whole
    batch failed."""
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
        return None  # The documentation requires an object. Any other return value counts as success.
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
