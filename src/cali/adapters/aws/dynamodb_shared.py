"""State that all functions share besides incidents, in the same table: answers, claims, the day's budget, blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import mapped_errors
from cali.adapters.aws.dynamodb_incidents import DAY, EXPIRES, key, number
from cali.core.errors import CaliError, Conflict

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS_KEPT, DAYS_KEPT, NOTES_KEPT = 90 * DAY, 60 * DAY, 14 * DAY
MICRO = 1_000_000  # Dollars are counted in millionths, because sums of whole numbers are exact in any order.


class DynamoClaims:
    """Claims that all functions share."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, name: str, now: float, seconds: float) -> bool:
        free_at = now + seconds
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        **key("mark", name),
                        "free_at": number(free_at),
                        EXPIRES: number(int(free_at) + DAY),
                    },
                    ConditionExpression="attribute_not_exists(pk) OR free_at <= :now",
                    ExpressionAttributeValues={":now": number(now)},
                )
        except Conflict:
            return False
        return True

    def release(self, name: str) -> None:
        with mapped_errors(f"table {self._table}"):
            self._client.delete_item(TableName=self._table, Key=key("mark", name))


class DynamoAnswers:
    """AnswerCache that all functions share. If the table fails, answers are not cached and claims are refused: two
    calls cost more than none."""

    def __init__(self, client: Any, table: str, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._claims = DynamoClaims(client, table)

    def get(self, key_: str) -> str | None:
        try:
            with mapped_errors(f"table {self._table}"):
                answer = self._client.get_item(
                    TableName=self._table, Key=key("answer", key_), ConsistentRead=True
                )
        except CaliError:
            return None
        value = answer.get("Item", {}).get("value")
        return value["S"] if value else None

    def put(self, key_: str, value: str) -> None:
        try:
            with mapped_errors(f"table {self._table}"):
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        **key("answer", key_),
                        "value": {"S": value},
                        EXPIRES: number(int(self._now()) + ANSWERS_KEPT),
                    },
                )
        except CaliError:
            return

    def claim(self, name: str, now: float, seconds: float) -> bool:
        try:
            return self._claims.claim(f"answer:{name}", now, seconds)
        except CaliError:
            return False

    def release(self, name: str) -> None:
        try:
            self._claims.release(f"answer:{name}")
        except CaliError:
            return


class DynamoBudget:
    """Budget that all functions share: one atomic counter per day. Raises Retryable if the table does not answer. A
    call that cannot be counted is not made."""

    def __init__(
        self,
        client: Any,
        table: str,
        now: Callable[[], float],
        calls: int | None = None,
        dollars: float | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._calls = calls
        self._micros = None if dollars is None else round(dollars * MICRO)

    def take(self, day: str, dollars: float) -> bool:
        micros = round(dollars * MICRO)
        limits, values = [], {}
        if self._calls is not None:
            limits.append("(attribute_not_exists(calls) OR calls < :calls)")
            values[":calls"] = number(self._calls)
        if self._micros is not None:
            limits.append("(attribute_not_exists(micros) OR micros <= :micros)")
            values[":micros"] = number(self._micros - micros)
        if (self._calls is not None and self._calls < 1) or (
            self._micros is not None and micros > self._micros
        ):
            return False
        try:
            self._add(day, 1, micros, " AND ".join(limits), values)
        except Conflict:
            return False
        return True

    def settle(self, day: str, difference: float) -> None:
        self._add(day, 0, round(difference * MICRO))

    def spent(self, day: str) -> tuple[int, float]:
        """Return the calls and dollars of a day."""
        with mapped_errors(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=key("spent", day), ConsistentRead=True)
        item = answer.get("Item", {})
        return (int(item["calls"]["N"]), int(item["micros"]["N"]) / MICRO) if item else (0, 0.0)

    def _add(
        self, day: str, calls: int, micros: int, condition: str = "", values: dict[str, Any] | None = None
    ) -> None:
        more = {"ConditionExpression": condition} if condition else {}
        with mapped_errors(f"table {self._table}"):
            self._client.update_item(
                TableName=self._table,
                Key=key("spent", day),
                UpdateExpression=f"ADD calls :call, micros :micro SET {EXPIRES} = :expires",
                ExpressionAttributeValues={
                    ":call": number(calls),
                    ":micro": number(micros),
                    ":expires": number(int(self._now()) + DAYS_KEPT),
                    **(values or {}),
                },
                **more,
            )


class DynamoBlobs:
    """BlobStore that all functions share."""

    def __init__(self, client: Any, table: str, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def read(self, name: str) -> tuple[bytes, int]:
        with mapped_errors(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=key("note", name), ConsistentRead=True)
        item = answer.get("Item")
        return (bytes(item.get("body", {}).get("B", b"")), int(item["version"]["N"])) if item else (b"", 0)

    def write(self, name: str, body: bytes, version: int) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": number(version)},
            }
        with mapped_errors(f"table {self._table}: note {name}"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    **key("note", name),
                    "body": {"B": body},
                    "version": number(version + 1),
                    EXPIRES: number(int(self._now()) + NOTES_KEPT),
                },
                **condition,
            )
