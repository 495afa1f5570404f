"""A shard for moto's Kinesis that behaves like a real one in all that a consumer depends on."""

from __future__ import annotations

import threading
from bisect import bisect_right
from random import Random
from typing import Any

from moto.kinesis.models import Record, Shard

# Real sequence numbers have 56 digits. Neither a DynamoDB number, a double nor 64 bits can hold them.
FIRST_SEQUENCE = 49_640_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
STEP = 1_208_925_819_614_629_174_706_176  # distance of two numbers: they are not consecutive


class SteadyShard(Shard):
    """A shard whose puts and reads have constant cost, with sequence numbers of the real length."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        self._numbers: list[int] = []
        self._random = Random(self._shard_id)

    def put_record(self, partition_key: str, data: str, explicit_hash_key: str) -> str:
        with self._lock:
            last = self._numbers[-1] if self._numbers else FIRST_SEQUENCE + self._shard_id * STEP // 7
            number = last + STEP + self._random.randrange(STEP)
            self.records[number] = Record(partition_key, data, number, explicit_hash_key)
            self._numbers.append(number)
        return str(number)

    def get_records(self, last_sequence_id: str, limit: int | None) -> tuple[list[Record], int, int]:
        with self._lock:
            start = bisect_right(self._numbers, int(last_sequence_id))
            numbers = self._numbers[start : start + (limit or 10_000)]
            found = [self.records[number] for number in numbers]
            behind = self.records[self._numbers[-1]].created_at - found[-1].created_at if found else 0.0
        return found, numbers[-1] if numbers else int(last_sequence_id), int(behind * 1000)

    def get_min_sequence_number(self) -> int:
        return self._numbers[0] if self._numbers else 0

    def get_max_sequence_number(self) -> int:
        return self._numbers[-1] if self._numbers else 0
