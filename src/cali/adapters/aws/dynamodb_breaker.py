"""The circuit breaker of the model, shared by all functions as a blob in the table.

The functions and the command line share one state machine, `cali.stages.reason.limits`, and one test suite. That is
why the breaker of Powertools is not used.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from cali.core.errors import Retryable
from cali.core.optimistic import update
from cali.stages.reason.limits import (
    Breaker,
    BreakerSettings,
    Circuit,
    allowed,
    failed,
    gave_up,
    succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.aws.dynamodb_shared import DynamoBlobs

NAME = "circuit"
DEAD = 180.0  # seconds after which an unfinished trial call of an open circuit counts as failed


class SharedBreaker(Breaker):
    """One circuit for all functions. If the table does not answer, this class allows the call. The budget is checked
    next and then refuses it."""

    def __init__(self, notes: DynamoBlobs, settings: BreakerSettings | None = None) -> None:
        super().__init__(settings)
        self._notes = notes

    def allows(self, now: float) -> bool:
        answer = True

        def ask(circuit: Circuit) -> Circuit:
            nonlocal answer
            if circuit.trying and now >= circuit.until + DEAD:
                circuit = gave_up(circuit)
            circuit, answer = allowed(circuit, now)
            return circuit

        self._change(ask)
        return answer

    def succeeded(self) -> None:
        self._change(succeeded)

    def gave_up(self) -> None:
        self._change(gave_up)

    def failed(self, now: float, at_least: float = 0.0) -> None:
        self._change(lambda circuit: failed(circuit, now, self._settings, at_least))

    def _change(self, change: Callable[[Circuit], Circuit]) -> None:
        def read() -> tuple[Circuit, int]:
            body, version = self._notes.read(NAME)
            return (Circuit(**json.loads(body)) if body else Circuit()), version

        def changed(old: tuple[Circuit, int]) -> tuple[Circuit, int] | None:
            new = change(old[0])
            return None if new == old[0] else (new, old[1])

        def write(new: tuple[Circuit, int]) -> tuple[Circuit, int]:
            self._notes.write(NAME, json.dumps(asdict(new[0])).encode(), new[1])
            return new

        with suppress(Retryable):
            update(read, changed, write, f"note {NAME}", 5)
