"""Servers and requests for alert scenarios: a server that accepts JSON, and requests as Slack sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cali.stages.notify.actions import sign
from tests.stand_in import Asked, OneCallServer, Said

SECRET = "shhh"


class Mailbox(OneCallServer):
    """A server that accepts JSON by POST, such as PagerDuty or a webhook. `status` is its response."""

    def __init__(self) -> None:
        self.got: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.raw: list[bytes] = []
        self.status = 202
        super().__init__(self._receive)
        self.url += "/x"

    def _receive(self, asked: Asked) -> Said:
        if self.status < 300:
            self.raw.append(asked.body)
            self.got.append((asked.headers, self.read(asked.body)))
        return Said(self.status)

    def read(self, body: bytes) -> dict[str, Any]:
        """Return the stored fields of a body."""
        read: dict[str, Any] = json.loads(body)
        return read


def pressed(
    answer: str, incident: str, by: str, at: float, now: float, secret: str = SECRET
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a button's request."""
    action: dict[str, Any] = {"action_id": f"cali:{answer}", "value": incident, "action_ts": repr(at)}
    if answer in ("hour", "day", "ever"):
        action = {
            "action_id": "cali:mute",
            "selected_option": {"value": f"{answer}:{incident}"},
            "action_ts": repr(at),
        }
    user = {"id": "U1", "name": by}
    body = form({"type": "block_actions", "user": user, "trigger_id": "t1", "actions": [action]})
    return sign(body, secret, now), body


def written(cause: str, incident: str, by: str, now: float) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the request that submits the form for a cause."""
    view = {
        "id": "V1",
        "callback_id": "cali:wrong",
        "private_metadata": incident,
        "state": {"values": {"cause": {"text": {"value": cause}}}},
    }
    body = form({"type": "view_submission", "user": {"id": "U1", "name": by}, "view": view})
    return sign(body, SECRET, now), body


def form(payload: Mapping[str, Any]) -> bytes:
    """Return a body as Slack posts it."""
    return f"payload={quote(json.dumps(payload))}".encode()


def marked(part: Any) -> list[str]:
    """Return the texts in which Slack looks for mentions and links."""
    if isinstance(part, list):
        return [text for one in part for text in marked(one)]
    if not isinstance(part, dict):
        return []
    own = [part["text"]] if part.get("type") in (None, "mrkdwn") and isinstance(part.get("text"), str) else []
    return own + [text for value in part.values() for text in marked(value)]
