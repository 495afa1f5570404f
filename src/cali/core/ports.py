"""What the stages ask of the outside world. Each port is a few methods; every adapter of a port passes one
shared contract suite, the embedded ones and those for AWS alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cali.core.life import Feedback, StoredIncident
from cali.core.models import Hit, KnowledgeEntry, Status


class Embedder(Protocol):
    """Turns texts into vectors of one length. `name` tells models apart: vectors of two names never mix."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> list[list[float]]: ...


class KnowledgeIndex(Protocol):
    """Finds the knowledge entries nearest to a text."""

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        """Makes the index hold exactly these entries; cheap when it already does."""

    def search(self, text: str, limit: int) -> list[Hit]:
        """The best entries, best first; an empty list when nothing is near."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a model. `schema` is the strict JSON schema that the answer must follow."""

    system: str
    user: str
    schema: Mapping[str, object]
    max_tokens: int


class Answer(NamedTuple):
    """What a model said, unread. `finished` is false when it was cut off."""

    text: str
    tokens_in: int
    tokens_out: int
    finished: bool = True


class Model(Protocol):
    """Answers one request with one call: it retries nothing. Raises Retryable when a later call may succeed,
    Misconfigured when none will (key, model, quota), Poison when the server's reply cannot be read."""

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
    """What may be spent on a model in one day, counted for all who share it."""

    def take(self, day: str, dollars: float) -> bool:
        """Books one call and what it may cost; false, and nothing booked, when the day's limit would be passed."""

    def settle(self, day: str, difference: float) -> None:
        """Corrects what was booked once the true cost is known."""


class IncidentStore(Protocol):
    """Keeps incidents and their lives. Safe to use from several processes: a put loses if somebody else was faster."""

    def get(self, incident: str) -> StoredIncident | None:
        """The incident of this id, with the version to put it back under."""

    def put(self, stored: StoredIncident) -> StoredIncident:
        """Keeps an incident if the store still holds the version that it was read with (0: holds none), and returns it
        with its new version. Otherwise Conflict: read again and apply again."""

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        """Incidents of these statuses, those heard of last first; with `heard_before` those heard of longest ago first."""

    def count(self, status: Status, most: int) -> int:
        """How many incidents have a status; `most` when there are as many or more. Reads none of them."""


@dataclass(frozen=True, slots=True)
class Note:
    """A small text under a key. At `due` somebody must look at it again; `version` is the store's: 0 was never kept."""

    key: str
    body: str
    due: float | None = None
    version: int = 0


class AlertStore(Protocol):
    """Keeps what was told of incidents and where. Safe to use from several processes, as an IncidentStore is."""

    def get(self, key: str) -> Note | None: ...
    def put(self, note: Note) -> Note:
        """Keeps a note over the version that was read, and returns it with its new one. Otherwise Conflict."""

    def due(self, now: float, limit: int) -> list[str]:
        """The keys of notes whose time has come, those that wait longest first."""


class FeedbackStore(Protocol):
    """Keeps what people say of incidents, so that others can learn from it."""

    def put(self, record: Feedback) -> bool:
        """Keeps a record; false if it was kept before."""

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        """The latest records first, of one incident or of all."""

    def suppressed(self) -> frozenset[str]:
        """The ids of the incidents of which people said last that they are no error. They must not be raised."""


class BlobStore(Protocol):
    """A few bytes under a name. A write over another version than the one that was read raises Conflict."""

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
    """A shard of a stream. `parents` were split or merged into it and are read first. An `open` shard takes records."""

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
    """The bytes of an object, and a tag that changes with them. Of one that is not there both are empty."""

    body: bytes
    tag: str


class Objects(Protocol):
    """Keeps bytes by key, for all who share the place. A put is whole or not at all."""

    def get(self, key: str) -> bytes | None:
        """The bytes under a key; None if there are none."""

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None: ...
    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, in order."""

    def drop(self, key: str) -> None:
        """Forgets an object; one that is not there is forgotten already."""


class Pointers(Protocol):
    """Small objects that several processes change, each seeing what the others did."""

    def read(self, key: str, unless: str = "") -> Tagged | None:
        """The object and its tag; None when it still has the tag `unless`."""

    def swap(self, key: str, body: bytes, tag: str) -> str:
        """Keeps bytes over the ones that were read with this tag (empty: there were none), and returns their tag.
        Otherwise Conflict: read again and apply again."""
