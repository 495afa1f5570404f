"""Composition of the alert sender for one machine: rules and secrets in files, incidents in an SQLite file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from cali.bootstrap.incident_stores import in_file
from cali.bootstrap.local import LocalParts, alert_store, local_sinks
from cali.core.errors import Misconfigured
from cali.core.models import Incident
from cali.core.settings import Settings
from cali.stages.notify.context import ContextBuilder
from cali.stages.notify.rules import Rules
from cali.stages.notify.rules_file import parse
from cali.stages.notify.words import words
from cali.usecases.alert import AlertPorts, Alerts
from cali.usecases.preview_alerts import AlertPreview, preview_alerts
from cali.usecases.send_unsent import SendResult, send_unsent


def alert_sender(
    settings: Settings,
    rules_path: Path,
    state: Path,
    secrets: Path | None,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    warn: Callable[[str], None],
) -> Callable[[], SendResult]:
    """Return a function that sends the unsent changes of a state file, once for each call."""
    stores, rules = in_file(state), read_rules(rules_path)
    parts = LocalParts(settings, ask_model=False)
    try:
        sinks = local_sinks(rules, partial(read_secret, secrets), now, sleep)
    except Misconfigured as error:
        raise Misconfigured(f"{rules_path}: {error}") from error
    alerts = Alerts(
        AlertPorts(
            stores.incidents,
            alert_store(state),
            rules,
            sinks,
            words(settings.language),
            now,
            sleep,
            entry=lambda name: parts.knowledge.entries.get(name),
            wait=settings.alert_wait,
            answers=False,  # no endpoint receives button presses
            warn=warn,
        )
    )
    return partial(send_unsent, stores.incidents, stores.apply, alerts, warn)


def alert_previews(
    settings: Settings, rules: Rules, incidents: Sequence[Incident], now: float
) -> list[AlertPreview]:
    """Return the alerts that the rules would send for incidents. Raise Misconfigured if a sink cannot be built."""
    from cali.adapters.memory.incidents import MemoryIncidents

    store, parts = MemoryIncidents(), LocalParts(settings, ask_model=False)
    sinks = local_sinks(rules, _no_secret, lambda: now, lambda _: None)
    entry = lambda name: parts.knowledge.entries.get(name)  # noqa: E731 - loads the knowledge only when needed
    contexts = ContextBuilder(rules, sinks, store, words(settings.language), entry)
    return preview_alerts(incidents, store, contexts, now)


def _no_secret(key: str) -> str:
    raise Misconfigured(f"{key}: a test sends nothing")


def read_rules(path: Path) -> Rules:
    """Return the alert rules in a file."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: not UTF-8: byte {error.start}") from error
    return parse(text, str(path))


def read_secret(path: Path | None, key: str) -> str:
    """Return the secret under a key of a JSON file."""
    if path is None:
        raise Misconfigured(f"--secrets: missing; a sink needs {key!r} from that file")
    try:
        secrets = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    except ValueError:
        raise Misconfigured(f"{path}: not JSON") from None  # the cause would show the secrets
    value = secrets.get(key) if isinstance(secrets, dict) else None
    if not isinstance(value, str) or not value:
        raise Misconfigured(f"{path}: has no string under the key {key!r}")
    return value
