"""Takes the requests that buttons cause: checks, parses, changes the incident, keeps the feedback, and says a status.

    413 too large   401 forged, stale, cut, unsigned   409 a replay   400 signed, and no action   503 come again   200 done

Nothing is processed but with 200. A request that failed halfway may come again, and then does only what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from cali.core.errors import CaliError, Poison
from cali.core.life import StoredIncident, Verdict
from cali.core.ports import Claims, FeedbackStore, IncidentStore
from cali.stages.detect.lifecycle import Outcome
from cali.stages.notify.answers import Answer, Cause, Press, changed, feedback, parse, verdict_of
from cali.stages.notify.signature import WINDOW, Refused, checked

Step = Callable[[StoredIncident | None], Outcome | None]


class Status(NamedTuple):
    """What to answer. `why` is for our own log; `thanks` is the key of the words that the person may see."""

    code: int
    why: str = ""
    thanks: str = ""


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What a Desk is made of. `apply` changes an incident under its lock and publishes what changed; `ask` opens the
    window that asks for a cause (trigger, incident); `thank` says something to who pressed (reply_to, key of words)."""

    secret: Callable[[], str]
    incidents: IncidentStore
    apply: Callable[[str, Step], StoredIncident | None]
    feedback: FeedbackStore
    claims: Claims
    now: Callable[[], float]
    redact: Callable[[str], str]
    ask: Callable[[str, str], None]
    thank: Callable[[str, str], None] = lambda _to, _key: None


class Desk:
    """Takes requests."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts

    def request(self, headers: Mapping[str, str], body: bytes) -> Status:
        """What to answer to a request that says it comes from Slack. Raises nothing that a person could cause."""
        parts = self._parts
        now = parts.now()
        try:
            signed = checked(headers, body, parts.secret(), now)
            if isinstance(signed, Refused):
                return Status(signed.status, signed.why)
            claim = f"slack:{blake2b(signed.mark.encode(), digest_size=16).hexdigest()}"
            if not parts.claims.claim(claim, now, 2 * WINDOW + 60):
                return Status(409, "a replay")
        except CaliError as error:
            return Status(503, str(error))
        try:
            return self._answered(parse(body))
        except Poison as error:
            return Status(400, str(error))
        except CaliError as error:
            with suppress(CaliError):  # it runs out by itself
                parts.claims.release(claim)
            return Status(503, str(error))

    def _answered(self, said: object) -> Status:
        if isinstance(said, Cause):
            return self._wrong(said)
        if isinstance(said, Press):
            status = self._pressed(said)
            if status.thanks and said.reply_to:
                self._parts.thank(said.reply_to, status.thanks)
            return status
        return Status(200, "nothing to do")

    def _pressed(self, press: Press) -> Status:
        parts = self._parts
        stored = parts.incidents.get(press.incident)
        if stored is None:
            return Status(200, f"incident {press.incident}: not known", "thanks_gone")
        if press.answer is Answer.WRONG:
            parts.ask(press.trigger, press.incident)
            return Status(200)
        verdict = verdict_of(press.answer)
        if verdict is not None:
            parts.feedback.put(feedback(stored, verdict, press.by, press.at, "", parts.redact))
        if press.answer is not Answer.RIGHT:
            parts.apply(press.incident, lambda known: changed(press, known) if known else None)
        return Status(200, thanks=_THANKS.get(press.answer, "thanks_muted"))

    def _wrong(self, said: Cause) -> Status:
        parts = self._parts
        stored = parts.incidents.get(said.incident)
        if stored is None:
            return Status(200, f"incident {said.incident}: not known")
        record = feedback(stored, Verdict.WRONG, said.by, parts.now(), said.cause, parts.redact, of=said.view)
        parts.feedback.put(record)
        return Status(200)


_THANKS = {
    Answer.RIGHT: "thanks_right",
    Answer.NOT_AN_ERROR: "thanks_not_an_error",
    Answer.RESOLVE: "thanks_resolved",
}
