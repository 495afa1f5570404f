"""Where a terminal finds incidents: the SQLite file of `cali watch --state`, or the table of the functions on AWS.

A change that is made here is kept as unsent, and published where there is a stream. In a file it waits for
`cali alerts send`.
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
    """Incidents and what people said of them. `apply` changes one incident under its lock."""

    incidents: IncidentStore
    feedback: FeedbackStore
    apply: Callable[[str, Step], StoredIncident | None]


def in_file(state: Path) -> IncidentStores:
    """The file of `cali watch --state`. Misconfigured if there is none."""
    from cali.adapters.sqlite.alerts import SqliteFeedback
    from cali.adapters.sqlite.incidents import SqliteIncidents

    if not state.exists():
        raise Misconfigured(f"{state}: not there; `cali watch --state {state}` makes it")
    incidents = SqliteIncidents(state)
    return IncidentStores(incidents, SqliteFeedback(state), applying(incidents))


def in_table(table: str, stream: str, sleep: Callable[[float], None]) -> IncidentStores:
    """The table of the functions, in the account and region that boto3 finds. With a stream what changes is published
    there, so that `alert` tells people; without one they see it with the next change."""
    from cali.adapters.aws import clients as aws
    from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
    from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
    from cali.adapters.aws.kinesis import KinesisStream
    from cali.usecases.publish_changes import ChangePublisher

    try:
        with aws.mapped_errors(f"table {table}"):
            client = aws.client("dynamodb")
            kinesis = aws.client("kinesis") if stream else None
    except ValueError as error:  # a region or an address of an endpoint that cannot be one
        raise Misconfigured(f"table {table}: {error}") from error
    incidents = DynamoIncidents(client, table)
    apply = ChangePublisher(incidents, KinesisStream(kinesis, stream, sleep), sleep).apply if stream else None
    return IncidentStores(incidents, DynamoFeedback(client, table), apply or applying(incidents))


def applying(incidents: IncidentStore) -> Callable[[str, Step], StoredIncident | None]:
    """Applies steps to a store and leaves what changed unsent."""

    def apply(incident: str, step: Step) -> StoredIncident | None:
        def change(known: StoredIncident | None) -> StoredIncident | None:
            outcome = step(known)
            return None if outcome is None or outcome.stored == known else outcome.stored

        return update(partial(incidents.get, incident), change, incidents.put, f"incident {incident}")

    return apply
