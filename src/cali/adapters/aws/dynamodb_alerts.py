"""Alert states and feedback in the table that all functions share.

    alert#<key>          state of the alerts of an incident    version, body; while a look is due: status `alert-due`, heard_at
    feedback#<id>        a person's verdict                    status `feedback`, heard_at, incident, body
    suppressed#<id>      an incident marked as no error        while it is: status `suppressed`, heard_at

All are found through the index of the incidents' statuses.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import mapped_errors
from cali.adapters.aws.dynamodb_incidents import BY_STATUS, DAY, EXPIRES, key, number
from cali.core.errors import Conflict
from cali.core.life import Feedback, Verdict
from cali.core.models import Scope
from cali.core.ports import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DUE, FEEDBACK, SUPPRESSED = "alert-due", "feedback", "suppressed"
KEPT = 120 * DAY  # seconds without a change after which an alert state expires
PAGE = 200


class DynamoAlerts:
    """AlertStore in DynamoDB. A put is one conditional write."""

    def __init__(self, client: Any, table: str, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def get(self, key_: str) -> Note | None:
        with mapped_errors(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=key("alert", key_), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None
        due = float(item["heard_at"]["N"]) if "heard_at" in item else None
        return Note(key_, _unpacked(item.get("body", {}).get("B", b"")), due, int(item["version"]["N"]))

    def put(self, note: Note) -> Note:
        new = replace(note, version=note.version + 1)
        item = {
            **key("alert", new.key),
            "version": number(new.version),
            "body": {"B": zlib.compress(new.body.encode(), 6)},
            EXPIRES: number(int(max(self._now(), new.due or 0.0)) + KEPT),
        }
        if new.due is not None:
            item |= {"status": {"S": DUE}, "heard_at": number(new.due)}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if note.version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": number(note.version)},
            }
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(TableName=self._table, Item=item, **condition)
        except Conflict:
            raise Conflict(f"{note.key}: changed since version {note.version} was read") from None
        return new

    def due(self, now: float, limit: int) -> list[str]:
        found = _of_status(self._client, self._table, DUE, limit, until=now)
        return [item["pk"]["S"].partition("#")[2] for item in found]


def _unpacked(body: bytes) -> str:
    """Return the unpacked body. Return an invalid text for a damaged body, so that the reader starts with a new
    state."""
    try:
        return zlib.decompress(bytes(body)).decode()
    except (zlib.error, TypeError, ValueError):
        return "damaged"


def _feedback(item: dict[str, Any]) -> Feedback | None:
    """Return the record of an item; None if it is damaged, so that the others are still found."""
    try:
        plain = json.loads(item["body"]["S"])
        return Feedback(**{**plain, "verdict": Verdict(plain["verdict"]), "scope": Scope(*plain["scope"])})
    except (KeyError, TypeError, ValueError):
        return None


class DynamoFeedback:
    """FeedbackStore in DynamoDB."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, record: Feedback) -> bool:
        item = {
            **key("feedback", record.id),
            "status": {"S": FEEDBACK},
            "heard_at": number(record.at),
            "incident": {"S": record.incident},
            "body": {"S": json.dumps(asdict(record), ensure_ascii=False)},
        }
        new = True
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
                )
        except Conflict:
            new = False
        if new or [one.id for one in self.find(1, record.incident)] == [record.id]:
            self._suppress(record)  # also written if a crash came between the two writes
        return new

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        found = []
        for item in _of_status(self._client, self._table, FEEDBACK, 100_000, latest=True):
            record = _feedback(item)
            if record is not None and incident in ("", record.incident):
                found.append(record)
            if len(found) >= limit:
                break
        return found

    def suppressed(self) -> frozenset[str]:
        found = _of_status(self._client, self._table, SUPPRESSED, 100_000)
        return frozenset(item["pk"]["S"].partition("#")[2] for item in found)

    def _suppress(self, record: Feedback) -> None:
        """Write the item. An item without a status is in no index, so it no longer suppresses its incident."""
        item = {**key("suppressed", record.incident), "heard_at": number(record.at)}
        if record.verdict is Verdict.NOT_AN_ERROR:
            item["status"] = {"S": SUPPRESSED}
        with mapped_errors(f"table {self._table}"):
            self._client.put_item(TableName=self._table, Item=item)


def _of_status(
    client: Any, table: str, status: str, limit: int, *, until: float | None = None, latest: bool = False
) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {
        "TableName": table,
        "IndexName": BY_STATUS,
        "KeyConditionExpression": "#status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": status}},
        "ScanIndexForward": not latest,
    }
    if until is not None:
        asked["KeyConditionExpression"] += " AND heard_at <= :until"
        asked["ExpressionAttributeValues"][":until"] = number(until)
    left = limit
    while left > 0:
        with mapped_errors(f"table {table}"):
            answer = client.query(**asked, Limit=min(left, PAGE))
        items = answer.get("Items", [])
        left -= len(items)
        yield from items
        if "LastEvaluatedKey" not in answer:
            return
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
