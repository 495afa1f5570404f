"""What keeps a model from costing too much time: a circuit breaker and the pauses between attempts.

The breaker is a value and three functions, so that its life can be tested without waiting; `Breaker` shares one among
threads.

    closed --failures in a row--> open --pause--> half-open --success--> closed
                                   ^                  +--failure--> open, for longer
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """`failures` in a row open the circuit for `pause` seconds; each further time for twice as long, up to `longest`."""

    failures: int = 3
    pause: float = 30.0
    longest: float = 600.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state: `until` is when an open circuit lets one call try; `trying` that one does. `opened` counts how often it
    opened without a success between."""

    failures: int = 0
    opened: int = 0
    until: float = 0.0
    trying: bool = False


def allowed(circuit: Circuit, now: float) -> tuple[Circuit, bool]:
    """Whether a call may be made now. One caller alone tries a circuit that was open."""
    if not circuit.opened:
        return circuit, True
    if circuit.trying or now < circuit.until:
        return circuit, False
    return replace(circuit, trying=True), True


def succeeded(_: Circuit) -> Circuit:
    return Circuit()


def failed(circuit: Circuit, now: float, settings: BreakerSettings, at_least: float = 0.0) -> Circuit:
    """After a failure. `at_least` opens the circuit at once for so many seconds: the server asked for it."""
    if (
        not circuit.trying and now < circuit.until
    ):  # a call that was under way when it opened says nothing new
        return replace(circuit, until=max(circuit.until, now + min(at_least, settings.longest)))
    failures = circuit.failures + 1
    if not circuit.trying and failures < settings.failures and not at_least:
        return replace(circuit, failures=failures)
    pause = min(settings.longest, max(at_least, settings.pause * 2.0**circuit.opened))
    return Circuit(failures=failures, opened=min(circuit.opened + 1, 16), until=now + pause)


def gave_up(circuit: Circuit) -> Circuit:
    """After a call that was allowed and not made: another may try."""
    return replace(circuit, trying=False)


class Breaker:
    """One circuit for all threads of a process."""

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
    """`attempts` in all; the pause before the next is random up to `first`, doubled each time, up to `longest`."""

    attempts: int = 3
    first: float = 0.5
    longest: float = 20.0


def pause(retries: Retries, attempt: int, chance: float, after: float | None) -> float | None:
    """Seconds before attempt `attempt + 1`; `chance` is between 0 and 1, `after` what the server asked for. None: the
    wait would be too long or there is no further attempt."""
    if attempt >= retries.attempts:
        return None
    most = min(retries.longest, retries.first * 2.0 ** (attempt - 1))
    if after is None:
        return most * chance
    return None if after > retries.longest else after + retries.first * chance
