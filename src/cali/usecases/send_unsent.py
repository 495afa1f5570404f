"""Send alerts for the changes that a store holds as unsent, where no stream delivers them: what `cali alerts send` does.

unsent changes, oldest first -> Alerts.handle -> mark as sent -> Alerts.flush
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cali.core.errors import Retryable
from cali.core.life import StoredIncident
from cali.core.models import Status
from cali.core.ports import IncidentStore
from cali.stages.detect import Outcome, sent
from cali.usecases.alert import AlertResult, Alerts
from cali.usecases.answer_alert import Step

MOST = 100_000  # maximum incidents read in one pass


class SendResult(NamedTuple):
    """Counts of one pass. A later pass retries the `later` ones."""

    handled: int = 0
    sent: int = 0
    later: int = 0


def send_unsent(
    incidents: IncidentStore,
    apply: Callable[[str, Step], StoredIncident | None],
    alerts: Alerts,
    warn: Callable[[str], None],
) -> SendResult:
    """Handle the unsent changes, and send what is due. `apply` changes one incident under its lock."""
    handled = messages = later = 0
    unsent = [change for stored in incidents.find(tuple(Status), MOST) for change in stored.unsent]
    delayed: set[str] = set()
    for change in sorted(unsent, key=lambda one: (one.at, one.incident, one.number)):
        if change.incident in delayed:  # in order: changes are marked as sent up to a number
            continue
        try:
            result = alerts.handle(change)
        except Retryable as error:  # another process is sending it, or a store is unavailable
            warn(str(error))
            later += 1
            delayed.add(change.incident)
            continue
        apply(change.incident, _mark_sent(change.number))
        handled += 1
        messages += result is AlertResult.SENT
        later += result is AlertResult.LATER
    flushed = alerts.flush()
    return SendResult(handled, messages + flushed.sent, later + flushed.later)


def _mark_sent(number: int) -> Step:
    return lambda known: Outcome(sent(known, number)) if known else None
