"""Builds what tells people and takes their answers on AWS, from parts that the functions have already.

alerts = cloud_alerts(parts)      alerts.message(change) in `alert`, alerts.run() in `sweep`
desk = cloud_desk(parts)          desk.request(headers, body).code in `api`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Misconfigured
from cali.core.life import Change
from cali.core.models import KnowledgeEntry, Severity
from cali.stages.notify.rules import Route, Rules, Send, When
from cali.stages.notify.words import words
from cali.usecases.alert import Alerts, Flushed, Heard, Parts

if TYPE_CHECKING:
    from cali.adapters.sinks.registry import Sinks
    from cali.core.ports import IncidentStore
    from cali.core.settings import Settings
    from cali.usecases.answer_alert import Desk, Step

    Applied = Callable[[str, Step], Any]


REREAD = 60.0  # seconds between two looks at the rules


@dataclass(frozen=True, slots=True)
class CloudParts:
    """What the functions have. `secret` gives a value of the alerts' secret by its key, `object_` the bytes of an object of
    the logs bucket, `entry` a knowledge entry, `apply` is `Lives.apply`, `redact` the redactor's `text`."""

    settings: Settings
    client: Any  # boto3's for DynamoDB
    incidents: IncidentStore
    secret: Callable[[str], str]
    object_: Callable[[str], bytes]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    apply: Applied
    redact: Callable[[str], str]
    entry: Callable[[str], KnowledgeEntry | None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class _Ruled:
    """Rules, and what was made under them."""

    rules: Rules
    sinks: Sinks
    alerts: Alerts
    read_at: float


class CloudAlerts:
    """The service of `alert` and of `sweep`: a message of the incidents stream in, what came of it out."""

    def __init__(self, parts: CloudParts) -> None:
        self._parts = parts
        self._ruled: _Ruled | None = None

    def message(self, message: object) -> Heard:
        """Takes one message of the incidents stream. Raises Retryable when it is to come again."""
        return self._now.alerts.hear(message) if isinstance(message, Change) else Heard.NOTHING

    def run(self) -> Flushed:
        """Does what is due."""
        return self._now.alerts.flush()

    @property
    def rules(self) -> Rules:
        return self._now.rules

    @property
    def sinks(self) -> Sinks:
        return self._now.sinks

    @property
    def _now(self) -> _Ruled:
        """What holds under the rules of now. They are read again once a minute; those that cannot be read or used
        leave what held before, and that is said."""
        ruled, now = self._ruled, self._parts.now()
        if ruled is not None and abs(now - ruled.read_at) < REREAD:
            return ruled
        try:
            rules = cloud_rules(self._parts)
            if ruled is None or rules != ruled.rules:
                ruled = self._under(rules)
        except CaliError as error:
            if ruled is None:
                raise
            self._parts.warn(f"the rules of before are kept: {error}")
        self._ruled = replace(ruled, read_at=now)
        return self._ruled

    def _under(self, rules: Rules) -> _Ruled:
        from cali.adapters.sinks.registry import SinkEnvironment, Sinks

        sinks = Sinks(rules, SinkEnvironment(self._parts.secret, self._parts.now, self._parts.sleep))
        return _Ruled(rules, sinks, self._alerts(rules, sinks), 0.0)

    def _alerts(self, rules: Rules, sinks: Sinks) -> Alerts:
        from cali.adapters.aws.dynamodb_alerts import DynamoAlerts

        parts, settings = self._parts, self._parts.settings
        return Alerts(
            Parts(
                parts.incidents,
                DynamoAlerts(parts.client, settings.incidents_table, parts.now),
                rules,
                sinks,
                words(settings.language),
                parts.now,
                parts.sleep,
                entry=parts.entry,
                wait=settings.alert_wait,
                warn=parts.warn,
            )
        )


def cloud_rules(parts: CloudParts) -> Rules:
    """The rules of the bucket; without them everything to Slack, or to the function's log if there is no secret."""
    settings = parts.settings
    if settings.alert_rules:
        from cali.stages.notify.rules_file import parse

        try:
            text = parts.object_(settings.alert_rules).decode()
        except UnicodeDecodeError as error:
            raise Misconfigured(f"{settings.alert_rules}: not UTF-8: byte {error.start}") from error
        return parse(text, settings.alert_rules)
    send = Send("console")
    if settings.slack_secret:
        send = Send("slack_bot", settings.slack_channel) if settings.slack_channel else Send("slack_webhook")
    name = settings.alert_from.upper()
    if name not in Severity.__members__:
        raise Misconfigured(f"CALI_ALERT_FROM: {settings.alert_from!r} is no severity")
    links = (("CALI", settings.console_url),) if settings.console_url else ()
    return Rules((Route("everything", replace(When(), severity=Severity[name]), (send,)),), links=links)


def cloud_desk(parts: CloudParts) -> Desk:
    """The service of Slack's buttons."""
    from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
    from cali.adapters.aws.dynamodb_shared import DynamoClaims
    from cali.adapters.slack.answers import thanking
    from cali.usecases.answer_alert import Desk, DeskParts

    settings = parts.settings
    table = settings.need("incidents_table").incidents_table
    return Desk(
        DeskParts(
            secret=lambda: _signing_secret(parts),
            incidents=parts.incidents,
            apply=parts.apply,
            feedback=DynamoFeedback(parts.client, table),
            claims=DynamoClaims(parts.client, table),
            now=parts.now,
            redact=parts.redact,
            ask=_asks(parts),
            thank=thanking(words(settings.language)),
        )
    )


def _signing_secret(parts: CloudParts) -> str:
    try:
        return parts.secret("signing_secret")
    except Misconfigured as error:  # then nothing is believed
        parts.warn(str(error))
        return ""


def _asks(parts: CloudParts) -> Callable[[str, str], None]:
    """Opens windows as the bot of the rules."""
    alerts = CloudAlerts(parts)

    def ask(trigger: str, incident: str) -> None:
        from cali.adapters.sinks.registry import names
        from cali.adapters.slack.answers import asking
        from cali.adapters.slack.bot import SlackBot

        try:
            bots = [alerts.sinks(name) for name in names(alerts.rules)]
            bot = next(one for one in bots if isinstance(one, SlackBot))
        except (StopIteration, CaliError) as error:
            raise Misconfigured("the rules name no bot that could ask for a cause") from error
        asking(bot.api, words(parts.settings.language))(trigger, incident)

    return ask
