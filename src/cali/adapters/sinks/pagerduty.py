"""PagerDuty, Events API v2: one alarm per incident, which ends when the incident does. Delivery: once, by `dedup_key`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cali.adapters.http.client import accepted, post
from cali.core.models import Severity
from cali.stages.notify.content import Standing
from cali.stages.notify.message_text import moment
from cali.stages.notify.plain_text import cut, middle, one_line
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

URL = "https://events.pagerduty.com/v2/enqueue"
OPTIONS = {"secret", "url"}
STYLE = Style.SIGNAL
_ACTIONS = {Standing.OPEN: "trigger", Standing.MUTED: "acknowledge", Standing.OVER: "resolve"}
SUMMARY, DETAIL, SOURCE = 1_024, 4_000, 255


def sink(options: dict[str, str], environment: SinkEnvironment) -> PagerDuty:
    """Return the sink. Options: `secret` (the key of the integration key, `pagerduty_key`)."""
    name = options.get("secret", "pagerduty_key")
    return PagerDuty(lambda: environment.secret(name), options.get("url", URL))


class PagerDuty:
    """Sink for PagerDuty."""

    style = STYLE

    def __init__(self, key: Callable[[], str], url: str = URL) -> None:
        self._key = key
        self._url = url

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - the key says where it goes
        body = {"routing_key": self._key(), **event(message)}
        headers = {"Content-Type": "application/json"}
        accepted("PagerDuty", post("PagerDuty", self._url, json.dumps(body).encode(), headers))
        return message.thread


def event(message: Message) -> dict[str, Any]:
    """Return the event without the key."""
    action = _ACTIONS[message.standing]
    made: dict[str, Any] = {"event_action": action, "dedup_key": message.thread[:255]}
    if action != "trigger":
        return made
    say = message.words
    details: dict[str, Any] = {fact.name: fact.text or moment(fact.at) for fact in message.facts}
    details[say("error")] = middle(message.error, DETAIL, say)
    if message.cause:
        details[say("cause")] = cut(f"{message.cause} ({message.sure})", DETAIL)
        details[say("fix")] = [cut(step, 1_000) for step in message.fix[:10]]
    if message.evidence:
        details[say("evidence")] = [cut(line, 500) for line in message.evidence]
    if message.listing:
        details[message.listing_title] = [f"{one.title} ({one.scope}) {one.id}" for one in message.listing]
    made["payload"] = {
        "summary": one_line(message.summary, SUMMARY),
        "source": one_line(message.facts[0].text if message.facts else "cali", SOURCE) or "cali",
        "severity": _severity(message.severity),
        "component": "cali",
        "custom_details": details,
    }
    made["links"] = [{"href": link.url, "text": link.name} for link in message.links[:5]]
    return made


def _severity(severity: Severity) -> str:
    """Return PagerDuty's word for a severity."""
    if severity >= Severity.CRITICAL:
        return "critical"
    if severity is Severity.ERROR:
        return "error"
    return "warning" if severity is Severity.WARNING else "info"


preview = event
