"""The handler of clicks on Slack buttons: verify the request, change the incident, store feedback, return a status.

    413 too large   401 forged, stale, unsigned   409 replayed   400 signed, but no action   503 try again   200 done

Only status 200 means that the request was processed. A request that failed halfway can be sent again.
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
from cali.stages.notify.actions import (
    WINDOW,
    ActionRequest,
    Button,
    CauseForm,
    InvalidSignature,
    changed,
    feedback,
    parse,
    verdict_of,
    verify,
)

Step = Callable[[StoredIncident | None], Outcome | None]


class ActionResponse(NamedTuple):
    """The answer to a request. `why` is for our own log; `thanks` is the key of the text for the person."""

    code: int
    why: str = ""
    thanks: str = ""


@dataclass(frozen=True, slots=True)
class ActionPorts:
    """Ports of an ActionHandler.

    `apply` changes an incident under optimistic locking and publishes the change. `ask(trigger, incident)` opens the
    form for a cause. `thank(reply_to, key)` sends the text of a key to the person.
    """

    secret: Callable[[], str]
    incidents: IncidentStore
    apply: Callable[[str, Step], StoredIncident | None]
    feedback: FeedbackStore
    claims: Claims
    now: Callable[[], float]
    redact: Callable[[str], str]
    ask: Callable[[str, str], None]
    thank: Callable[[str, str], None] = lambda _to, _key: None


class ActionHandler:
    """A handler of requests from Slack's buttons."""

    def __init__(self, ports: ActionPorts) -> None:
        self._ports = ports

    def request(self, headers: Mapping[str, str], body: bytes) -> ActionResponse:
        """Handle one request. It never raises, whatever the request contains."""
        ports = self._ports
        now = ports.now()
        try:
            signature = verify(headers, body, ports.secret(), now)
            if isinstance(signature, InvalidSignature):
                return ActionResponse(signature.status, signature.why)
            claim = f"slack:{blake2b(signature.value.encode(), digest_size=16).hexdigest()}"
            if not ports.claims.claim(claim, now, 2 * WINDOW + 60):
                return ActionResponse(409, "a replay")
        except CaliError as error:
            return ActionResponse(503, str(error))
        try:
            return self._handle(parse(body))
        except Poison as error:
            return ActionResponse(400, str(error))
        except CaliError as error:
            with suppress(CaliError):  # otherwise the claim expires
                ports.claims.release(claim)
            return ActionResponse(503, str(error))

    def _handle(self, content: ActionRequest | CauseForm | None) -> ActionResponse:
        if content is None:
            return ActionResponse(200, "nothing to do")
        stored = self._ports.incidents.get(content.incident)
        if isinstance(content, CauseForm):
            return self._store_cause(content, stored)
        response = self._act(content, stored)
        if response.thanks and content.reply_to:
            self._ports.thank(content.reply_to, response.thanks)
        return response

    def _act(self, request: ActionRequest, stored: StoredIncident | None) -> ActionResponse:
        ports = self._ports
        if stored is None:
            return ActionResponse(200, f"incident {request.incident}: unknown", "thanks_gone")
        if request.button is Button.WRONG:
            ports.ask(request.trigger, request.incident)
            return ActionResponse(200)
        verdict = verdict_of(request.button)
        if verdict is not None:
            ports.feedback.put(feedback(stored, verdict, request.by, request.at, "", ports.redact))
        if request.button is not Button.RIGHT:
            ports.apply(request.incident, lambda known: changed(request, known) if known else None)
        return ActionResponse(200, thanks=_THANKS.get(request.button, "thanks_muted"))

    def _store_cause(self, form: CauseForm, stored: StoredIncident | None) -> ActionResponse:
        ports = self._ports
        if stored is None:
            return ActionResponse(200, f"incident {form.incident}: unknown")
        ports.feedback.put(
            feedback(stored, Verdict.WRONG, form.by, ports.now(), form.cause, ports.redact, of=form.view)
        )
        return ActionResponse(200)


_THANKS = {
    Button.RIGHT: "thanks_right",
    Button.NOT_AN_ERROR: "thanks_not_an_error",
    Button.RESOLVE: "thanks_resolved",
}
