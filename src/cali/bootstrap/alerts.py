"""Composition of the alerts on AWS, from the parts of the functions.

AwsAlerts(parts)            `alert` calls message(change), `sweep` calls run()
aws_action_handler(parts)   `api` calls request(headers, body)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Misconfigured
from cali.core.life import Change
from cali.core.models import KnowledgeEntry, Severity
from cali.stages.notify.rules import Destination, Route, Rules, When
from cali.stages.notify.words import words
from cali.usecases.alert import AlertPorts, AlertResult, Alerts, FlushResult

if TYPE_CHECKING:
    from cali.adapters.sinks.registry import Sinks
    from cali.core.ports import IncidentStore
    from cali.core.settings import Settings
    from cali.usecases.answer_alert import ActionHandler, Step

    Applied = Callable[[str, Step], Any]


REREAD = 60.0  # seconds after which the rules are read again


@dataclass(frozen=True, slots=True)
class AwsAlertParts:
    """Parts of the functions.

    `secret` returns a value of the secret for alerts by its key. `object_` returns the bytes of an object in the logs
    bucket. `entry` returns a knowledge entry. `apply` changes an incident and publishes the change.
    """

    settings: Settings
    client: Any  # boto3's client of DynamoDB
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
class _Loaded:
    """Rules, and the services built from them."""

    rules: Rules
    sinks: Sinks
    alerts: Alerts
    read_at: float


class AwsAlerts:
    """Alerts whose rules are read again once a minute."""

    def __init__(self, parts: AwsAlertParts) -> None:
        self._parts = parts
        self._loaded: _Loaded | None = None

    def message(self, message: object) -> AlertResult:
        """Handle one message of the incidents stream. Raise Retryable if it must be repeated."""
        return self._now.alerts.handle(message) if isinstance(message, Change) else AlertResult.NOTHING

    def run(self) -> FlushResult:
        """Send what is due."""
        return self._now.alerts.flush()

    @property
    def rules(self) -> Rules:
        return self._now.rules

    @property
    def sinks(self) -> Sinks:
        return self._now.sinks

    @property
    def _now(self) -> _Loaded:
        """Return the services of the current rules. If the rules cannot be read or used, warn and keep the previous
        ones."""
        loaded, now = self._loaded, self._parts.now()
        if loaded is not None and abs(now - loaded.read_at) < REREAD:
            return loaded
        try:
            rules = aws_rules(self._parts)
            if loaded is None or rules != loaded.rules:
                loaded = self._under(rules)
        except CaliError as error:
            if loaded is None:
                raise
            self._parts.warn(f"alert rules: the last ones stay in force: {error}")
        self._loaded = replace(loaded, read_at=now)
        return self._loaded

    def _under(self, rules: Rules) -> _Loaded:
        from cali.adapters.sinks.registry import SinkEnvironment, Sinks

        sinks = Sinks(rules, SinkEnvironment(self._parts.secret, self._parts.now, self._parts.sleep))
        return _Loaded(rules, sinks, self._alerts(rules, sinks), 0.0)

    def _alerts(self, rules: Rules, sinks: Sinks) -> Alerts:
        from cali.adapters.aws.dynamodb_alerts import DynamoAlerts

        parts, settings = self._parts, self._parts.settings
        return Alerts(
            AlertPorts(
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


def aws_rules(parts: AwsAlertParts) -> Rules:
    """Return the rules in the bucket. Without them, send everything to Slack, or to the log if there is no secret."""
    settings = parts.settings
    if settings.alert_rules:
        from cali.stages.notify.rules_file import parse

        try:
            text = parts.object_(settings.alert_rules).decode()
        except UnicodeDecodeError as error:
            raise Misconfigured(f"{settings.alert_rules}: not UTF-8: byte {error.start}") from error
        return parse(text, settings.alert_rules)
    send = Destination("console")
    if settings.slack_secret:
        send = (
            Destination("slack_bot", settings.slack_channel)
            if settings.slack_channel
            else Destination("slack_webhook")
        )
    name = settings.alert_from.upper()
    if name not in Severity.__members__:
        raise Misconfigured(
            f"CALI_ALERT_FROM: {settings.alert_from!r} is not a severity; use one of {_severities()}"
        )
    links = (("CALI", settings.console_url),) if settings.console_url else ()
    return Rules((Route("everything", replace(When(), severity=Severity[name]), (send,)),), links=links)


def _severities() -> str:
    return ", ".join(severity.label for severity in Severity)


def aws_action_handler(parts: AwsAlertParts) -> ActionHandler:
    """Return the handler of Slack's buttons."""
    from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
    from cali.adapters.aws.dynamodb_shared import DynamoClaims
    from cali.adapters.slack.bot import thanks
    from cali.usecases.answer_alert import ActionHandler, ActionPorts

    settings = parts.settings
    table = settings.need("incidents_table").incidents_table
    return ActionHandler(
        ActionPorts(
            secret=lambda: _signing_secret(parts),
            incidents=parts.incidents,
            apply=parts.apply,
            feedback=DynamoFeedback(parts.client, table),
            claims=DynamoClaims(parts.client, table),
            now=parts.now,
            redact=parts.redact,
            ask=_cause_forms(parts),
            thank=thanks(words(settings.language)),
        )
    )


def _signing_secret(parts: AwsAlertParts) -> str:
    try:
        return parts.secret("signing_secret")
    except Misconfigured as error:  # without the secret, every request is rejected
        parts.warn(str(error))
        return ""


def _cause_forms(parts: AwsAlertParts) -> Callable[[str, str], None]:
    """Return a function that opens the form for a cause, with the first Slack bot of the rules."""
    alerts = AwsAlerts(parts)

    def ask(trigger: str, incident: str) -> None:
        from cali.adapters.sinks.registry import names
        from cali.adapters.slack.bot import SlackBot, cause_form

        try:
            bots = [alerts.sinks(name) for name in names(alerts.rules)]
            bot = next(one for one in bots if isinstance(one, SlackBot))
        except (StopIteration, CaliError) as error:
            raise Misconfigured(
                "the alert rules have no sink slack_bot, which the form for a cause needs; add one"
            ) from error
        cause_form(bot.api, words(parts.settings.language))(trigger, incident)

    return ask
