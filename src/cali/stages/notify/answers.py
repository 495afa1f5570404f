"""What people answer to a message, and what comes of it: pure.

request body -> parse -> Press or Cause -> changed -> the incident after it, and the feedback to keep
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from math import isfinite
from typing import Any
from urllib.parse import parse_qs

from cali.core.errors import Poison
from cali.core.life import Feedback, StoredIncident, Verdict
from cali.core.models import Origin
from cali.stages.detect.lifecycle import Outcome, mute, resolve
from cali.stages.notify.plain_text import one_line, tidy

CAUSE = 3_000  # characters of a person's cause that are kept
HOUR, DAY = 3_600.0, 86_400.0


class Answer(StrEnum):
    """What can be pressed."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_AN_ERROR = "not_an_error"
    RESOLVE = "resolve"
    MUTE_HOUR = "hour"
    MUTE_DAY = "day"
    MUTE = "ever"


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed. `at` is when, by Slack's clock: the same press always says the same."""

    incident: str
    answer: Answer
    by: str
    at: float
    trigger: str = ""  # opens a window, for some seconds
    reply_to: str = ""  # where to say thank you


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause that a person wrote."""

    incident: str
    cause: str
    by: str
    view: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """An action that means nothing to us, such as a link that was opened."""


def parse(body: bytes) -> Press | Cause | Nothing:
    """What a form that Slack posts says. Poison if it is no such form."""
    try:
        (payload,) = parse_qs(body.decode(), max_num_fields=20)[
            "payload"
        ]  # two would be read differently by two readers
        held = json.loads(payload)
        kind = held["type"]
        if kind == "view_submission":
            return _cause(held)
        if kind == "block_actions":
            return _press(held)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise Poison(f"not an action of Slack's: {type(error).__name__}") from error
    return Nothing()


def changed(press: Press, stored: StoredIncident) -> Outcome | None:
    """The incident after an answer; None if the answer does not change it. Answered twice is answered once."""
    match press.answer:
        case Answer.RESOLVE:
            return resolve(stored, press.at, press.by)
        case Answer.MUTE_HOUR:
            return mute(stored, press.at, press.at + HOUR, press.by)
        case Answer.MUTE_DAY:
            return mute(stored, press.at, press.at + DAY, press.by)
        case Answer.MUTE | Answer.NOT_AN_ERROR:
            return mute(stored, press.at, None, press.by)
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
    """The record of a verdict. `of` names what was answered, if not the moment does; what people write is redacted."""
    incident, diagnosis = stored.incident, stored.incident.diagnosis
    known = diagnosis is not None and diagnosis.origin is Origin.KNOWLEDGE and diagnosis.knowledge
    named = "\0".join((incident.id, verdict.value, by, of or repr(at)))
    return Feedback(
        id=blake2b(named.encode("utf-8", "replace"), digest_size=8).hexdigest(),
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


def verdict_of(answer: Answer) -> Verdict | None:
    """What an answer says of the diagnosis, if it says something."""
    return {Answer.RIGHT: Verdict.RIGHT, Answer.NOT_AN_ERROR: Verdict.NOT_AN_ERROR}.get(answer)


def _press(held: dict[str, Any]) -> Press | Nothing:
    if not held.get("actions"):
        return Nothing()
    action = held["actions"][0]
    name = str(action["action_id"])
    if not name.startswith("cali:"):
        return Nothing()
    word, incident = name.removeprefix("cali:"), str(action.get("value", ""))
    if word == "mute":
        word, _, incident = str(action["selected_option"]["value"]).partition(":")
    at = float(action["action_ts"])
    if not incident or len(incident) > 64 or not isfinite(at):
        raise ValueError(name)
    return Press(
        incident,
        Answer(word),
        _name(held),
        at,
        str(held.get("trigger_id", "")),
        str(held.get("response_url", "")),
    )


def _cause(held: dict[str, Any]) -> Cause | Nothing:
    view = held["view"]
    if view["callback_id"] != "cali:wrong":
        return Nothing()
    text = view["state"]["values"]["cause"]["text"]["value"] or ""
    incident = str(view["private_metadata"])
    if not incident or len(incident) > 64:
        raise ValueError("incident")
    return Cause(incident, str(text), _name(held), str(view["id"]))


def _name(held: dict[str, Any]) -> str:
    user = held["user"]
    return one_line(str(user.get("name") or user.get("username") or user["id"]), 80)
