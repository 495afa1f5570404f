"""Many incidents at once get one message together: pure. Nothing is lost by it, for each is kept in the store.

The rate is counted for each place: whatever is opened within `storm.seconds` beyond `storm.incidents` is named in the
digest, until the rate falls again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.stages.notify.content import Message, Named, digest
from cali.stages.notify.rules import Send, Storm
from cali.stages.notify.sink import Style
from cali.stages.notify.words import Words

NAMED = 50  # members whose names are kept; of the others only the ids, so that each counts once
COUNTED = 5_000
OVER = 300.0  # seconds without a new member after which the next one begins another digest
WAIT = (
    60.0  # a place whose messages cannot change gets the digest when nothing came for so long, or after OVER
)
EDIT_EVERY = 60.0


class Opened(NamedTuple):
    """An incident that wanted a message of its own, and whether it got one."""

    at: float
    id: str
    admitted: bool = True


@dataclass(frozen=True, slots=True)
class Book:
    """What one place was told together. `which` is storm or hours."""

    which: str
    sink: str
    channel: str = ""
    mention: str = ""
    number: int = 0  # of this digest in this place
    recent: tuple[Opened, ...] = ()
    members: tuple[Named, ...] = ()
    others: tuple[str, ...] = ()
    began: float = 0.0
    last: float = 0.0
    ref: str = ""
    shown: str = ""
    sent_at: float = 0.0
    edited_at: float = 0.0
    failures: int = 0
    again_at: float = 0.0
    trying: str = ""
    tried_at: float = 0.0

    @property
    def total(self) -> int:
        return len(self.members) + len(self.others)

    @property
    def key(self) -> str:
        return f"digest/{self.which}/{self.sink}/{self.channel}"

    @property
    def send(self) -> Send:
        return Send(self.sink, self.channel, self.mention)


def begun(which: str, send: Send) -> Book:
    """The empty book of a place."""
    return Book(which, send.sink, send.channel, send.mention)


def admit(book: Book, member: Named, now: float, storm: Storm) -> tuple[Book, bool]:
    """Whether an incident may have a message of its own; if not, the book names it. Asked again, the answer is the same."""
    if any(one.id == member.id for one in book.members) or member.id in book.others:
        return book, False
    recent = tuple(one for one in book.recent if abs(now - one.at) < storm.seconds)
    if any(one.id == member.id for one in recent):
        return book, True
    if len(recent) < storm.incidents:
        return replace(book, recent=(*recent, Opened(now, member.id))), True
    own = tuple(one for one in recent if one.admitted)
    others = tuple(one for one in recent if not one.admitted)[-storm.incidents :]  # enough to know the rate
    recent = (*own, *others, Opened(now, member.id, admitted=False))
    return fold(replace(book, recent=recent), member, now), False


def fold(book: Book, member: Named, now: float) -> Book:
    """The book with one more member. A digest that is over makes room for the next."""
    if any(one.id == member.id for one in book.members) or member.id in book.others:
        return book
    if book.total and book.sent_at and (not book.ref or now - book.last > OVER):
        book = replace(
            book,
            number=book.number + 1,
            members=(),
            others=(),
            began=0.0,
            ref="",
            shown="",
            sent_at=0.0,
            edited_at=0.0,
        )
    if len(book.members) < NAMED:
        book = replace(book, members=(*book.members, member))
    elif len(book.others) < COUNTED:
        book = replace(book, others=(*book.others, member.id))
    return replace(book, began=book.began or now, last=now)


def due(book: Book, style: Style, say: Words, storm: Storm) -> float | None:
    """When the digest is to be sent or changed; None when it shows all already."""
    if not book.total:
        return None
    if not book.sent_at:
        soon = min(book.last + WAIT, book.began + OVER)
        if style is Style.LIVING and book.which == "storm":
            soon = book.began
        return max(soon, book.again_at)
    if style is not Style.LIVING or message(book, say, storm).stamp == book.shown:
        return None
    return max(book.again_at, book.edited_at + EDIT_EVERY if book.edited_at else book.sent_at)


def message(book: Book, say: Words, storm: Storm) -> Message:
    """What it says."""
    count = f"{book.total:,}"
    if book.which == "hours":
        title, why = say("digest_hours", count=count), say("digest_hours_why")
    else:
        title = say("digest_storm", count=count)
        why = say("digest_storm_why", limit=storm.incidents, seconds=f"{storm.seconds:g}")
    made = digest(
        f"{book.key}/{book.number}", title, why, book.members, book.total, say, open_=book.which == "storm"
    )
    return replace(made, mention=book.mention)


def dumps(book: Book) -> str:
    """JSON on one line."""
    return json.dumps(asdict(book), ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> Book:
    """What `dumps` wrote. Poison if it is anything else."""
    try:
        return _adapter().validate_json(text)
    except (ValueError, ValidationError) as error:
        raise Poison(f"not a digest: {' '.join(str(error).split())[:200]}") from error


@cache
def _adapter() -> TypeAdapter[Book]:
    return TypeAdapter(Book)
