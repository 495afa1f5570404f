"""Incident stores of the CLI: the SQLite file of `cali watch --state`, or the table of the functions on AWS.

A change is stored as unsent. With a stream it is published at once; in a file it waits for `cali alerts send`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali.core.optimistic import update

if TYPE_CHECKING:
    from pathlib import Path

    from cali.core.life import StoredIncident
    from cali.core.ports import FeedbackStore, IncidentStore
    from cali.usecases.answer_alert import Step


@dataclass(frozen=True, slots=True)
class IncidentStores:
    """Incidents and feedback. `apply` changes one incident under optimistic locking."""

    incidents: IncidentStore
    feedback: FeedbackStore
    apply: Callable[[str, Step], StoredIncident | None]


def in_file(state: Path) -> IncidentStores:
    """Open the file of `cali watch --state`. Raise Misconfigured if it does not exist."""
    from cali.adapters.sqlite.alerts import SqliteFeedback
    from cali.adapters.sqlite.incidents import SqliteIncidents

    if not state.exists():
        raise Misconfigured(f"{state}: no such file; run `cali watch --state {state}` to create it")
    incidents = SqliteIncidents(state)
    return IncidentStores(incidents, SqliteFeedback(state), applying(incidents))


def in_table(table: str, stream: str, sleep: Callable[[float], None]) -> IncidentStores:
    """Open the table of the functions, in the account and region that boto3 finds.

    With a stream, changes are published there and `alert` sends them. Without one, they are published with the next
    change of the incident.
    """
    from cali.adapters.aws import clients as aws
    from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
    from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
    from cali.adapters.aws.kinesis import KinesisStream
    from cali.usecases.publish_changes import ChangePublisher

    try:
        with aws.mapped_errors(f"table {table}"):
            client = aws.client("dynamodb")
            kinesis = aws.client("kinesis") if stream else None
    except ValueError as error:  # an invalid region or endpoint
        raise Misconfigured(f"table {table}: {error}") from error
    incidents = DynamoIncidents(client, table)
    apply = ChangePublisher(incidents, KinesisStream(kinesis, stream, sleep), sleep).apply if stream else None
    return IncidentStores(incidents, DynamoFeedback(client, table), apply or applying(incidents))


def applying(incidents: IncidentStore) -> Callable[[str, Step], StoredIncident | None]:
    """Return a function that applies steps to a store and leaves the changes unsent."""

    def apply(incident: str, step: Step) -> StoredIncident | None:
        def change(known: StoredIncident | None) -> StoredIncident | None:
            outcome = step(known)
            return None if outcome is None or outcome.stored == known else outcome.stored

        return update(partial(incidents.get, incident), change, incidents.put, f"incident {incident}")

    return apply
