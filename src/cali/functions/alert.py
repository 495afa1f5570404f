"""alert: changes in the lives of incidents to messages that people read, each sent once.

    opened     -> one message, with the diagnosis if it comes within `wait` seconds
    diagnosed  -> a second one, if the first had no diagnosis and now there is a cause
    regressed  -> one message

A message is marked as sent once the chat has taken it. A crash between the two sends it twice; nothing else does.
A chat that asks for a short pause gets it, and the message again. One that asks for a long one, or is away, is left alone:
until then every message fails without being sent, and comes again with its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from cali.errors import Poison, Retryable
from cali.functions.lives import Asked
from cali.functions.message import followup, opened
from cali.life import Kind
from cali.models import Origin, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali.life import Change, Stored
    from cali.ports import IncidentStore

LEASE = 30.0  # seconds in which a message is sent, or its sender has died
STEP = 0.1
PATIENT = 3.0  # seconds: a longer pause is not waited for
TRIES = 4  # of one message; with the pauses between them they end before the lease
AWAY = 5.0  # seconds for which a chat is left alone that does not say for how long


class Chat(Protocol):
    """Where people read. Raises Retryable when a later post may succeed."""

    def post(self, message: Mapping[str, Any]) -> None: ...


class Marks(Protocol):
    """Who may do something: one caller until it gives back or so many seconds have passed, or nobody once it is done."""

    def take(self, name: str, now: float, seconds: float) -> bool: ...
    def done(self, name: str) -> None: ...
    def is_done(self, name: str) -> bool: ...
    def give_back(self, name: str) -> None: ...


class Sent(StrEnum):
    """What came of a message."""

    NOTHING = "nothing"
    SENT = "sent"
    BEFORE = "before"  # it was sent already
    REFUSED = "refused"  # the chat will never take it


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """`wait` seconds for the diagnosis; `least` severity; `link` to more, `{id}` being the incident's."""

    wait: float = 1.5
    least: Severity = Severity.WARNING
    link: str = ""


class Alert:
    """Sends messages about incidents. Raises Retryable when the chat is away or another process is sending this one."""

    def __init__(
        self,
        store: IncidentStore,
        chat: Chat,
        marks: Marks,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        policy: AlertPolicy | None = None,
    ) -> None:
        self._store = store
        self._chat = chat
        self._marks = marks
        self._now = now
        self._sleep = sleep
        self._policy = policy or AlertPolicy()
        self._shut = 0.0  # until when the chat wants nothing

    def message(self, message: Change | Asked) -> Sent:
        """Takes one message of the incidents stream."""
        if isinstance(message, Asked) or message.kind not in (Kind.OPENED, Kind.DIAGNOSED, Kind.REGRESSED):
            return Sent.NOTHING
        stored = self._store.get(message.incident)
        if stored is None or stored.incident.status is Status.MUTED:
            return Sent.NOTHING
        if stored.incident.severity < self._policy.least:
            return Sent.NOTHING
        if message.kind is not Kind.REGRESSED and not self._marks.is_done(f"alert:opened:{message.incident}"):
            return self._opened(
                message, stored
            )  # also when the chat was away for `opened` and is back for this
        if message.kind is Kind.OPENED:
            return Sent.BEFORE
        if message.kind is Kind.DIAGNOSED:
            diagnosis = stored.incident.diagnosis
            if diagnosis is None or diagnosis.origin is Origin.NONE:
                return Sent.NOTHING
            return self._once(f"diagnosed:{message.incident}", stored, Kind.DIAGNOSED)
        return self._once(f"{message.kind.value}:{message.incident}:{message.number}", stored, message.kind)

    def _opened(self, change: Change, stored: Stored) -> Sent:
        self._needs_open(stored)
        name = f"opened:{change.incident}"
        return self._once(name, self._with_diagnosis(stored, change.at + self._policy.wait), Kind.OPENED)

    def _with_diagnosis(self, stored: Stored, until: float) -> Stored:
        """The incident, as soon as it has a diagnosis or the time is up."""
        while stored.incident.diagnosis is None and self._now() < until:
            self._sleep(STEP)
            stored = self._store.get(stored.incident.id) or stored
        return stored

    def _once(self, name: str, stored: Stored, kind: Kind) -> Sent:
        mark = f"alert:{name}"
        if not self._marks.is_done(mark):
            self._needs_open(stored)
        if not self._marks.take(mark, self._now(), LEASE):
            if self._marks.is_done(mark):
                return Sent.BEFORE
            raise Retryable(f"incident {stored.incident.id}: its message is being sent by another process")
        write = opened if kind is Kind.OPENED else followup
        try:
            self._post(write(stored.incident, kind, self._policy.link))
            result = Sent.SENT
        except Poison:
            result = Sent.REFUSED
        except Exception:
            self._marks.give_back(mark)
            raise
        if kind is Kind.OPENED and stored.incident.diagnosis is not None:
            self._marks.done(f"alert:diagnosed:{stored.incident.id}")
        self._marks.done(mark)
        return result

    def _post(self, message: Mapping[str, Any]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._chat.post(message)
            except Retryable as refusal:
                pause = refusal.after
                if pause is None or pause > PATIENT or attempt == TRIES:
                    self._shut = self._now() + (pause or AWAY)
                    raise
            else:
                return
            self._sleep(pause)

    def _needs_open(self, stored: Stored) -> None:
        if self._now() < self._shut:
            raise Retryable(f"incident {stored.incident.id}: the chat is left alone for a while")
