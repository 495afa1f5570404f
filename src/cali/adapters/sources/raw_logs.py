"""Stored raw logs: a folder, a file, or `s3://bucket/raw/`. They are read in key order, in bounded memory.

objects (dt=YYYY-MM-DD/...) -> raw_records -> numbered lines"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cali.adapters.aws import clients as aws
from cali.adapters.sources.raw_records import CHUNK, Damaged, records, unzipped
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIES = 3  # attempts to read an object whose transfer breaks off
WHOLE = (
    32 * 1024 * 1024
)  # bytes; an object up to this size is downloaded before it is read, so that the download can be repeated
_DAY = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})/")
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?\Z", re.S)


class RawObject(NamedTuple):
    """One object. `key` is its key, or its path below the folder."""

    key: str
    size: int

    @property
    def day(self) -> str:
        """Return the day of its partition, on which its lines arrived. Return an empty text if it is in no partition."""
        found = _DAY.search(self.key)
        return found[1] if found else ""


class RawStore(Protocol):
    """A place where objects are stored."""

    def objects(self, first_day: str) -> Iterator[RawObject]:
        """Return the objects in key order. Objects of days before `first` may be left out."""

    def chunks(self, kept: RawObject) -> Iterator[bytes]: ...


@dataclass(slots=True)
class RawLogs:
    """The objects of one source. They are listed once, so that every reading sees the same objects. `lines` may be
    called again. `damaged` then names the objects of which only the beginning was readable."""

    name: str
    place: RawStore
    objects: tuple[RawObject, ...]
    damaged: list[str] = field(default_factory=list)

    @property
    def year(self) -> int | None:
        """Return the year of the first object, from its partition."""
        days = (kept.day for kept in self.objects)
        return next((int(day[:4]) for day in days if day), None)

    @property
    def size(self) -> int:
        return sum(kept.size for kept in self.objects)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of all objects. Numbers continue from one object to the next."""
        number = 0
        self.damaged.clear()
        for kept in self.objects:
            for line in records(self._content(kept)):
                number += 1
                yield number, line

    def _content(self, kept: RawObject) -> Iterator[bytes]:
        """Yield the readable lines of an object. A damaged object must not stop the others."""
        try:
            yield from unzipped(self.place.chunks(kept), f"{self.name}: {kept.key}")
        except Damaged as error:
            if len(self.objects) == 1:
                raise
            self.damaged.append(str(error))


def raw_logs(
    source: str, since: float | None = None, until: float | None = None, client: Any = None
) -> RawLogs:
    """Return the objects of a source that may hold lines from `since` to `until`. A partition is the day on which
    lines arrived, so the day after `until` is included. Raise Misconfigured if there are no objects."""
    place = _place(source, client)
    first = _day(since) if since is not None else ""
    last = _day(until + timedelta(days=1).total_seconds()) if until is not None else "9999"
    found = [kept for kept in place.objects(first) if not kept.day or first <= kept.day <= last]
    if not found:
        days = f" from {first or 'the beginning'} to {last}" if first or last != "9999" else ""
        raise Misconfigured(f"{source}: no objects{days}, there is nothing to replay")
    return RawLogs(source, place, tuple(found))


def _place(source: str, client: Any) -> RawStore:
    if source.startswith("s3://"):
        found = _URL.match(source)
        if found is None:
            raise Misconfigured(
                f"{source}: not the address of a bucket such as s3://cali-logs-123456789012/raw/"
            )
        return _Bucket(found[1], found[2] or "", client)
    path = Path(source)
    if not path.exists():
        raise Misconfigured(f"{source}: no such file or folder")
    return _Folder(path)


@dataclass(frozen=True, slots=True)
class _Folder:
    """Files in a folder at any depth, or one file. Names that begin with a dot are skipped."""

    path: Path

    def objects(self, first_day: str) -> Iterator[RawObject]:  # noqa: ARG002 - the caller leaves them out
        if self.path.is_file():
            yield RawObject(self.path.name, self.path.stat().st_size)
            return
        inside = (path for path in self.path.rglob("*") if path.is_file())
        named = ((path.relative_to(self.path), path) for path in inside)
        found = [(name.as_posix(), path) for name, path in named if not any(p[0] == "." for p in name.parts)]
        # Sort by bytes, as S3 does.
        for name, path in sorted(found, key=lambda pair: pair[0].encode("utf-8", "surrogateescape")):
            yield RawObject(name, path.stat().st_size)

    def chunks(self, kept: RawObject) -> Iterator[bytes]:
        path = self.path if self.path.is_file() else self.path / kept.key
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise Misconfigured(f"{path}: {error.strerror or error}") from error


class _Bucket:
    """Objects of a bucket below a prefix."""

    def __init__(self, name: str, prefix: str, client: Any) -> None:
        self._name = name
        self._prefix = prefix
        self._made = client

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = aws.client("s3")
        return self._made

    def objects(self, first_day: str) -> Iterator[RawObject]:
        # Keys of earlier days sort before this key, so S3 need not list them.
        above = self._prefix[-1:] in ("", "/") and not _DAY.search(self._prefix)
        after = {"StartAfter": f"{self._prefix}dt={first_day}"} if first_day and above else {}
        with aws.mapped_errors(f"s3://{self._name}/{self._prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=self._prefix, **after
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    if item["Size"]:
                        yield RawObject(item["Key"], item["Size"])

    def chunks(self, kept: RawObject) -> Iterator[bytes]:
        where = f"s3://{self._name}/{kept.key}"
        if kept.size <= WHOLE:
            body = self._whole(kept.key, where)
            yield from (body[at : at + CHUNK] for at in range(0, len(body), CHUNK))
            return
        with aws.mapped_errors(where):
            yield from self._client.get_object(Bucket=self._name, Key=kept.key)["Body"].iter_chunks(CHUNK)

    def _whole(self, key: str, where: str) -> bytes:
        for left in reversed(range(TRIES)):
            try:
                return self._fetched(key, where)
            except Retryable:
                if not left:
                    raise
        raise AssertionError("the loop returns or raises")

    def _fetched(self, key: str, where: str) -> bytes:
        with aws.mapped_errors(where):
            body: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
        return body


def _day(time: float) -> str:
    ends = datetime.min.replace(tzinfo=UTC).timestamp(), datetime.max.replace(tzinfo=UTC).timestamp() - 1
    return datetime.fromtimestamp(min(max(time, ends[0]), ends[1]), UTC).date().isoformat()
