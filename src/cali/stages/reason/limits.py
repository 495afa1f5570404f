"""Limits on the time that a model can cost: a circuit breaker, and backoff between attempts.

The circuit is a value with pure functions, so that tests need not wait. `Breaker` shares one circuit among threads.

    closed --failures in a row--> open --pause--> half-open --success--> closed
                                   ^                  +--failure--> open, for longer
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Settings of a breaker. `failures` in a row open it for `pause` seconds, doubled each time up to `longest`."""

    failures: int = 3
    pause: float = 30.0
    longest: float = 600.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of a circuit.

    `until` is the time at which an open circuit allows one trial call. `trying` is true during that call. `opened` counts
    the openings since the last success.
    """

    failures: int = 0
    opened: int = 0
    until: float = 0.0
    trying: bool = False


def allowed(circuit: Circuit, now: float) -> tuple[Circuit, bool]:
    """Return the new state, and True if a call is allowed. Only one caller makes the trial call of an open circuit."""
    if not circuit.opened:
        return circuit, True
    if circuit.trying or now < circuit.until:
        return circuit, False
    return replace(circuit, trying=True), True


def succeeded(_: Circuit) -> Circuit:
    return Circuit()


def failed(circuit: Circuit, now: float, settings: BreakerSettings, at_least: float = 0.0) -> Circuit:
    """Return the state after a failure. `at_least` opens the circuit at once for the seconds that the server requested."""
    if (
        not circuit.trying and now < circuit.until
    ):  # ignore failures of calls that started before the circuit opened
        return replace(circuit, until=max(circuit.until, now + min(at_least, settings.longest)))
    failures = circuit.failures + 1
    if not circuit.trying and failures < settings.failures and not at_least:
        return replace(circuit, failures=failures)
    pause = min(settings.longest, max(at_least, settings.pause * 2.0**circuit.opened))
    return Circuit(failures=failures, opened=min(circuit.opened + 1, 16), until=now + pause)


def gave_up(circuit: Circuit) -> Circuit:
    """Return the state after an allowed call was not made, so that another caller can try."""
    return replace(circuit, trying=False)


class Breaker:
    """A circuit shared by all threads of a process."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._circuit = Circuit()
        self._lock = Lock()

    def allows(self, now: float) -> bool:
        with self._lock:
            self._circuit, answer = allowed(self._circuit, now)
            return answer

    def succeeded(self) -> None:
        with self._lock:
            self._circuit = succeeded(self._circuit)

    def gave_up(self) -> None:
        with self._lock:
            self._circuit = gave_up(self._circuit)

    def failed(self, now: float, at_least: float = 0.0) -> None:
        with self._lock:
            self._circuit = failed(self._circuit, now, self._settings, at_least)


@dataclass(frozen=True, slots=True)
class Retries:
    """Settings of retries: `attempts` in total, with a random pause up to `first`, doubled each time up to `longest`."""

    attempts: int = 3
    first: float = 0.5
    longest: float = 20.0


def pause(retries: Retries, attempt: int, chance: float, after: float | None) -> float | None:
    """Return the seconds before attempt `attempt + 1`, or None to give up.

    `chance` is between 0 and 1. `after` is the pause that the server requested. A pause that is too long ends the retries.
    """
    if attempt >= retries.attempts:
        return None
    most = min(retries.longest, retries.first * 2.0 ** (attempt - 1))
    if after is None:
        return most * chance
    return None if after > retries.longest else after + retries.first * chance
