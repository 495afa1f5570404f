"""Buttons of a message: verification of the signed request, and the change and feedback that it requests. Pure.

headers, body -> verify -> parse -> ActionRequest or CauseForm -> changed, feedback
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from cali.core.errors import Poison
from cali.core.life import Feedback, StoredIncident, Verdict
from cali.core.models import Origin
from cali.stages.detect.lifecycle import Outcome, mute, resolve
from cali.stages.notify.plain_text import one_line, tidy

WINDOW = 300.0  # maximum difference in seconds between a request's time and our clock
LONGEST = 500_000  # maximum bytes of a request; Slack sends far less
CAUSE = 3_000  # maximum characters of a cause that a person enters
HOUR, DAY = 3_600.0, 86_400.0


class InvalidSignature(NamedTuple):
    """A rejected request: the HTTP status of the response, and the reason for the log."""

    status: int
    why: str


class Signature(NamedTuple):
    """A valid signature. A second request with the same signature is a replay."""

    value: str


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> Signature | InvalidSignature:
    """Verify a request's signature (version 0 of Slack's scheme), age and size.

    Header names are case-insensitive. Without a secret every request is rejected.
    """
    if len(body) > LONGEST:
        return InvalidSignature(413, f"{len(body):,} bytes")
    named = {name.lower(): value for name, value in headers.items()}
    stamp, given = named.get("x-slack-request-timestamp", ""), named.get("x-slack-signature", "")
    if not secret:
        return InvalidSignature(401, "no Slack signing secret is configured")
    if not stamp or not given:
        return InvalidSignature(401, "not signed")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return InvalidSignature(401, "the time stamp is not a number")
    if abs(now - int(stamp)) > WINDOW:
        return InvalidSignature(401, "stale")
    if not hmac.compare_digest(_signature(stamp, body, secret).encode(), given.encode("utf-8", "replace")):
        return InvalidSignature(401, "the signature does not match the signing secret")
    return Signature(given)


def sign(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Return the signature headers that Slack would send with a body."""
    stamp = str(int(now))
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": _signature(stamp, body, secret)}


class Button(StrEnum):
    """The buttons, and the choices of the mute menu."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_AN_ERROR = "not_an_error"
    RESOLVE = "resolve"
    MUTE_HOUR = "hour"
    MUTE_DAY = "day"
    MUTE = "ever"


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """One press of a button. `at` is its time by Slack's clock, equal in a repeated request."""

    incident: str
    button: Button
    by: str
    at: float
    trigger: str = ""  # id that can open a window for a few seconds
    reply_to: str = ""  # URL for the confirmation


@dataclass(frozen=True, slots=True)
class CauseForm:
    """A cause that a person entered in the window. `view` is the window's id."""

    incident: str
    cause: str
    by: str
    view: str


def parse(body: bytes) -> ActionRequest | CauseForm | None:
    """Parse a form from Slack. Return None if it needs no action, such as an opened link. Raise Poison if it is invalid."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
        (payload,) = fields["payload"]  # reject duplicates: parsers disagree about which one counts
        content = json.loads(payload)
        kind = content["type"]
        if kind == "view_submission":
            return _cause_form(content)
        if kind == "block_actions":
            return _action_request(content)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise Poison(f"not a Slack action: {type(error).__name__}") from error
    return None


def changed(request: ActionRequest, stored: StoredIncident) -> Outcome | None:
    """Return the incident after a press, or None if the press changes nothing."""
    match request.button:
        case Button.RESOLVE:
            return resolve(stored, request.at, request.by)
        case Button.MUTE_HOUR:
            return mute(stored, request.at, request.at + HOUR, request.by)
        case Button.MUTE_DAY:
            return mute(stored, request.at, request.at + DAY, request.by)
        case Button.MUTE | Button.NOT_AN_ERROR:
            return mute(stored, request.at, None, request.by)
    return None


def feedback(
    stored: StoredIncident,
    verdict: Verdict,
    by: str,
    at: float,
    cause: str,
    redact: Callable[[str], str],
    of: str = "",
) -> Feedback:
    """Return the feedback record of a verdict, with the person's text redacted. Its id is made from `of`, else `at`."""
    incident, diagnosis = stored.incident, stored.incident.diagnosis
    known = diagnosis is not None and diagnosis.origin is Origin.KNOWLEDGE and diagnosis.knowledge
    parts = "\0".join((incident.id, verdict.value, by, of or repr(at)))
    return Feedback(
        id=hashlib.blake2b(parts.encode("utf-8", "replace"), digest_size=8).hexdigest(),
        incident=incident.id,
        verdict=verdict,
        by=by,
        at=at,
        fingerprint=incident.template.id,
        template=incident.template.text,
        scope=incident.scope,
        cause=redact(tidy(cause))[:CAUSE],
        entry=diagnosis.knowledge[0].id if diagnosis is not None and known else "",
    )


def verdict_of(button: Button) -> Verdict | None:
    """Return the verdict of a button on the diagnosis, or None."""
    return {Button.RIGHT: Verdict.RIGHT, Button.NOT_AN_ERROR: Verdict.NOT_AN_ERROR}.get(button)


def _action_request(content: dict[str, Any]) -> ActionRequest | None:
    if not content.get("actions"):
        return None
    action = content["actions"][0]
    name = str(action["action_id"])
    if not name.startswith("cali:"):
        return None
    button, incident = name.removeprefix("cali:"), str(action.get("value", ""))
    if button == "mute":
        button, _, incident = str(action["selected_option"]["value"]).partition(":")
    at = float(action["action_ts"])
    if not incident or len(incident) > 64 or not isfinite(at):
        raise ValueError(name)
    trigger, reply_to = str(content.get("trigger_id", "")), str(content.get("response_url", ""))
    return ActionRequest(incident, Button(button), _user(content), at, trigger, reply_to)


def _cause_form(content: dict[str, Any]) -> CauseForm | None:
    view = content["view"]
    if view["callback_id"] != "cali:wrong":
        return None
    text = view["state"]["values"]["cause"]["text"]["value"] or ""
    incident = str(view["private_metadata"])
    if not incident or len(incident) > 64:
        raise ValueError("incident")
    return CauseForm(incident, str(text), _user(content), str(view["id"]))


def _user(content: dict[str, Any]) -> str:
    user = content["user"]
    return one_line(str(user.get("name") or user.get("username") or user["id"]), 80)


def _signature(stamp: str, body: bytes, secret: str) -> str:
    return (
        "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )
