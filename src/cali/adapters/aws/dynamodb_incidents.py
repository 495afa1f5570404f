"""Incidents in a DynamoDB table, and the table itself: one for all that CALI's functions share.

    pk                     holds
    incident#<id>          an incident and its life                    status, heard_at (index by-status), version, body
    answer#<key>           an answer of the model                      value
    mark#<key>             a claim                                     free_at
    spent#<day>            calls and cost of a day                     calls, micros
    note#<key>             a blob that several processes change        version, body
    damaged#<id>           an incident that could not be read          all that it had

Old items expire (`expires_at`). Answers, marks, spent and notes are in `dynamodb_shared.py`.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import mapped_errors
from cali.core.errors import CaliError, Conflict, Poison
from cali.core.models import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from cali.core.life import StoredIncident

BY_STATUS = "by-status"
EXPIRES = "expires_at"
DAY = 86_400
KEPT = 120 * DAY  # seconds without a change after which an incident expires
PAGE = 100
SET_ASIDE = "set_aside"  # attribute of the empty item of a damaged incident: where that is now

TABLE: Mapping[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "status", "AttributeType": "S"},
        {"AttributeName": "heard_at", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": BY_STATUS,
            "KeySchema": [
                {"AttributeName": "status", "KeyType": "HASH"},
                {"AttributeName": "heard_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""The table as `create_table` takes it, without its name. Terraform makes the same one."""


class DynamoIncidents:
    """IncidentStore in DynamoDB. A put is one conditional write, so the slower of two writers gets a Conflict.

    A damaged item blocks nothing: it is set aside as `damaged#<id>`, reported through `warn`, and its incident starts
    again when it occurs again.
    """

    def __init__(self, client: Any, table: str, warn: Callable[[str], None] = lambda _: None) -> None:
        self._client = client
        self._table = table
        self._warn = warn

    def get(self, incident: str) -> StoredIncident | None:
        with mapped_errors(f"table {self._table}"):
            answer = self._client.get_item(
                TableName=self._table, Key=key("incident", incident), ConsistentRead=True
            )
        item = answer.get("Item")
        return self._read(item) if item and SET_ASIDE not in item else None

    def put(self, stored: StoredIncident) -> StoredIncident:
        new = replace(stored, version=stored.version + 1)
        incident = new.incident
        item = {
            **key("incident", incident.id),
            "version": number(new.version),
            "status": {"S": incident.status.value},
            "heard_at": number(new.heard_at),
            "body": {"B": _packed(new)},
        }
        if not (incident.status is Status.MUTED and new.muted_until is None):
            item[EXPIRES] = number(int(max(new.heard_at, new.muted_until or 0.0)) + KEPT)
        condition: dict[str, Any] = {
            "ConditionExpression": f"attribute_not_exists(pk) OR attribute_exists({SET_ASIDE})"
        }
        if stored.version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": number(stored.version)},
            }
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(TableName=self._table, Item=item, **condition)
        except Conflict:
            raise Conflict(
                f"incident {incident.id}: changed since version {stored.version} was read"
            ) from None
        return new

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        """Query the index. It is some milliseconds behind the table, so putting a changed incident raises Conflict."""
        found: list[StoredIncident] = []
        for status in statuses:
            found += self._of_status(status, limit, heard_before)
        if heard_before is None:
            found.sort(key=lambda stored: (-stored.heard_at, stored.incident.id))
        else:
            found.sort(key=lambda stored: (stored.heard_at, stored.incident.id))
        return found[: max(limit, 0)]

    def count(self, status: Status, most: int) -> int:
        """Count items in the index. No items are transferred, but DynamoDB charges for reading them, so `most` limits
        the cost."""
        asked, found = {**self._asked(status), "Select": "COUNT"}, 0
        while found < most:
            with mapped_errors(f"table {self._table}"):
                answer = self._client.query(**asked, Limit=most - found)
            found += answer["Count"]
            if "LastEvaluatedKey" not in answer:
                break
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found

    def _of_status(self, status: Status, limit: int, heard_before: float | None) -> Iterator[StoredIncident]:
        left = limit
        asked = {**self._asked(status), "ScanIndexForward": heard_before is not None}
        if heard_before is not None:
            asked["KeyConditionExpression"] += " AND heard_at < :before"
            asked["ExpressionAttributeValues"][":before"] = number(heard_before)
        while left > 0:
            with mapped_errors(f"table {self._table}"):
                answer = self._client.query(**asked, Limit=min(left, PAGE))
            items = answer.get("Items", [])
            left -= len(items)
            yield from filter(None, map(self._read, items))
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _asked(self, status: Status) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "IndexName": BY_STATUS,
            "KeyConditionExpression": "#status = :status",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":status": {"S": status.value}},
        }

    def _read(self, item: Mapping[str, Any]) -> StoredIncident | None:
        from cali.stages.detect.incident_json import loads  # imports pydantic, which only readers need

        try:
            text = zlib.decompress(item["body"]["B"]).decode()
            return loads(text, int(item["version"]["N"]))
        except (Poison, AttributeError, KeyError, TypeError, ValueError, zlib.error) as error:
            self._set_aside(item, " ".join(str(error).split())[:200] or type(error).__name__)
            return None

    def _set_aside(self, item: Mapping[str, Any], why: str) -> None:
        """Copy a damaged item to `damaged#<id>`, and replace it by an empty one, which is in no index.

        Functions may not delete items. If another process has changed the item meanwhile, its item stays.
        """
        name = item["pk"]["S"].partition("#")[2]
        copy = {field: value for field, value in item.items() if field not in ("status", EXPIRES)}
        unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(version)"}
        if "version" in item:
            unchanged = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": item["version"]},
            }
        empty = {**key("incident", name), SET_ASIDE: {"S": f"damaged#{name}"}}
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(TableName=self._table, Item={**copy, **key("damaged", name)})
                self._client.put_item(TableName=self._table, Item=empty, **unchanged)
        except CaliError as error:
            self._warn(f"incident {name} is damaged: {why}; it could not be set aside: {error}")
        else:
            self._warn(f"incident {name} is damaged and starts again: {why}; see item damaged#{name}")


def key(kind: str, name: str) -> dict[str, Any]:
    """Return the key of an item."""
    return {"pk": {"S": f"{kind}#{name}"}}


def number(value: float) -> dict[str, str]:
    """Return a number in DynamoDB's form. A float keeps its exact value."""
    return {"N": repr(value)}


def _packed(stored: StoredIncident) -> bytes:
    """Compress the incident. Its positions and messages are repetitive, and DynamoDB charges writes by the kilobyte."""
    from cali.stages.detect.incident_json import dumps

    return zlib.compress(dumps(stored).encode(), 6)
