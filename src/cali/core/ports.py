"""The ports: protocols through which stages and use cases use the outside world.

Every adapter of a port passes the contract suite of the port (tests/contracts).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cali.core.life import Feedback, StoredIncident
from cali.core.models import Hit, KnowledgeEntry, Status


class Embedder(Protocol):
    """Embeds texts as vectors of one length. Vectors of embedders with different names are never compared."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> list[list[float]]: ...


class KnowledgeIndex(Protocol):
    """Finds the knowledge entries nearest to a text."""

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        """Make the index hold exactly these entries; cheap if it already does."""

    def search(self, text: str, limit: int) -> list[Hit]:
        """Return the nearest entries, nearest first; an empty list if none is near."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a model. `schema` is the strict JSON schema that the answer must follow."""

    system: str
    user: str
    schema: Mapping[str, object]
    max_tokens: int


class Answer(NamedTuple):
    """The raw answer of a model. `finished` is false if it was cut off."""

    text: str
    tokens_in: int
    tokens_out: int
    finished: bool = True


class Model(Protocol):
    """Answers a request with one call, without retries.

    Raises Retryable if a later call may succeed, Misconfigured if none will (key, model, quota), Poison if the reply
    cannot be read.
    """

    @property
    def name(self) -> str: ...
    def explain(self, request: Request) -> Answer: ...


class Claims(Protocol):
    """Leases by name, so that only one process does something at a time."""

    def claim(self, name: str, now: float, seconds: float) -> bool:
        """Return True for one caller only, until the claim is released or has expired after `seconds`."""

    def release(self, name: str) -> None: ...


class AnswerCache(Claims, Protocol):
    """Answers of a model by key, shared by all processes. It never raises: a lost answer is asked for again."""

    def get(self, key: str) -> str | None: ...
    def put(self, key: str, value: str) -> None: ...


class Budget(Protocol):
    """The daily limit of calls and cost of a model, shared by all processes."""

    def take(self, day: str, dollars: float) -> bool:
        """Book one call and its highest cost. Return False, and book nothing, if that exceeds the limit of the day."""

    def settle(self, day: str, difference: float) -> None:
        """Correct a booking by the difference to the true cost."""


class IncidentStore(Protocol):
    """Incidents and their lives, shared by processes through optimistic locking (core/optimistic.py)."""

    def get(self, incident: str) -> StoredIncident | None:
        """Return the incident of an id, with its version; None if there is none."""

    def put(self, stored: StoredIncident) -> StoredIncident:
        """Store an incident if its version is still the stored one (0 for a new incident). Return it with its new version.

        Raise Conflict if the store holds another version.
        """

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        """Return incidents of some statuses, latest `heard_at` first; with `heard_before` only older ones, oldest first."""

    def count(self, status: Status, most: int) -> int:
        """Return the number of incidents with a status, at most `most`, without reading them."""


@dataclass(frozen=True, slots=True)
class Note:
    """A small text under a key, to be processed again at `due`. Version 0 was never stored."""

    key: str
    body: str
    due: float | None = None
    version: int = 0


class AlertStore(Protocol):
    """States of alerts, shared by processes through optimistic locking."""

    def get(self, key: str) -> Note | None: ...
    def put(self, note: Note) -> Note:
        """Store a note if its version is still the stored one, and return it with its new one. Raise Conflict otherwise."""

    def due(self, now: float, limit: int) -> list[str]:
        """Return the keys of the notes that are due, earliest first."""


class FeedbackStore(Protocol):
    """Verdicts of people on incidents."""

    def put(self, record: Feedback) -> bool:
        """Store a record. Return False if it is already stored."""

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        """Return records of one incident or of all, latest first."""

    def suppressed(self) -> frozenset[str]:
        """Return the ids of incidents whose latest verdict is `not an error`. They must not be raised."""


class BlobStore(Protocol):
    """Small blobs by name. A write raises Conflict if the version has changed since the read."""

    def read(self, name: str) -> tuple[bytes, int]:
        """Return the bytes and their version; empty bytes and version 0 if there are none."""

    def write(self, name: str, body: bytes, version: int) -> None: ...


class StreamEntry(NamedTuple):
    """A record to put into a stream. Entries of one key stay in order."""

    key: str
    data: bytes


class OutputStream(Protocol):
    """A stream to write to."""

    def put(self, entries: Iterable[StreamEntry]) -> None: ...


class Shard(NamedTuple):
    """A shard of a stream. Its `parents` were split or merged into it; they are read first.

    An `open` shard accepts records.
    """

    id: str
    parents: tuple[str, ...]
    open: bool = False


class ShardRead(NamedTuple):
    """The records of one read of a shard. After `ended` there are no more."""

    items: tuple[dict[str, Any], ...]
    ended: bool


class InputStream(Protocol):
    """A stream to read from, shard by shard."""

    @property
    def name(self) -> str: ...
    def shards(self) -> list[Shard]: ...
    def read(self, shard: str, after: str, limit: int) -> ShardRead: ...


class Tagged(NamedTuple):
    """The bytes of an object, and a tag that changes with them. Both are empty if the object is missing."""

    body: bytes
    tag: str


class Objects(Protocol):
    """Objects by key, as in a bucket. A put is atomic."""

    def get(self, key: str) -> bytes | None:
        """Return the bytes under a key; None if there are none."""

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None: ...
    def keys(self, prefix: str = "") -> Iterator[str]:
        """Return the keys with a prefix, in order."""

    def drop(self, key: str) -> None:
        """Delete an object, if it exists."""


class Pointers(Protocol):
    """Small objects that processes share through optimistic locking."""

    def read(self, key: str, unless: str = "") -> Tagged | None:
        """Return an object and its tag; None if it still has the tag `unless`."""

    def swap(self, key: str, body: bytes, tag: str) -> str:
        """Store an object if it still has the tag (empty for a new object), and return the new tag.

        Raise Conflict if the object has another tag.
        """
