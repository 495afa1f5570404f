"""Registry of sinks by kind. A sink is a module with STYLE, OPTIONS, `sink(options, environment)` and `preview(message)`.

BUILT_IN lists CALI's own. An installed package adds a kind by an entry point of the group `cali.sinks`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import client
from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.stages.notify.content import Message
    from cali.stages.notify.rules import Rules, SinkUse
    from cali.stages.notify.sink import Sink, Style


BUILT_IN = {
    "console": "cali.adapters.sinks.console",
    "email": "cali.adapters.sinks.email",
    "pagerduty": "cali.adapters.sinks.pagerduty",
    "slack_bot": "cali.adapters.slack.bot",
    "slack_webhook": "cali.adapters.slack.webhook",
    "webhook": "cali.adapters.sinks.webhook",
}


@dataclass(frozen=True, slots=True)
class SinkEnvironment:
    """Services for sinks. `secret` returns a secret by its key, or raises Misconfigured; `aws` returns the client of an
    AWS service."""

    secret: Callable[[str], str]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    aws: Callable[[str], Any] = client


class Sinks:
    """The sinks of the rules, each built when it is first used: `sinks("team")`."""

    def __init__(self, rules: Rules, environment: SinkEnvironment) -> None:
        self._rules = rules
        self._world = environment
        self._made: dict[str, Sink] = {}
        for name in names(rules):  # report an unknown kind now, not with the first incident
            style(rules.use(name), name)

    def __call__(self, name: str) -> Sink:
        if name not in self._made:
            use = self._rules.use(name)
            found = style(use, name)
            try:
                self._made[name] = _module(use.kind).sink(dict(use.options), self._world)
            except Misconfigured as error:
                self._made[name] = BrokenSink(found, f"sink {name!r}: {error}")
        return self._made[name]

    def check(self) -> None:
        """Build all sinks. Raise Misconfigured if one cannot be built."""
        for name in names(self._rules):
            made = self(name)
            if isinstance(made, BrokenSink):
                raise Misconfigured(made.why)


@dataclass(frozen=True, slots=True)
class BrokenSink:
    """A Sink that could not be built. It raises, so that the other sinks still work."""

    style: Style
    why: str

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - as all sinks are called
        raise Misconfigured(self.why)


def names(rules: Rules) -> list[str]:
    """Return the names of the sinks of all routes."""
    return sorted({send.sink for route in rules.routes for send in route.send})


def style(use: SinkUse, name: str) -> Style:
    """Return the style of a sink. Raise Misconfigured if there is no such kind, or it has no such option."""
    module: Any = _module(use.kind) if use.kind in kinds() else None
    if not hasattr(module, "STYLE"):
        raise Misconfigured(f"sink {name!r}: no kind {use.kind!r}; there are {', '.join(sorted(kinds()))}")
    unknown = sorted(set(use.options) - module.OPTIONS)
    if unknown:
        known = ", ".join(sorted(module.OPTIONS)) or "none"
        raise Misconfigured(f"sink {name!r}: {use.kind} has no option {unknown[0]!r}; it has {known}")
    found: Style = module.STYLE
    return found


def preview(use: SinkUse, message: Message) -> Any:
    """Return the text or the plain data that a sink of this kind would send."""
    return _module(use.kind).preview(message)


@cache
def kinds() -> dict[str, str]:
    """Return the module of each kind. Imports none of them."""
    return {point.name: point.value for point in entry_points(group="cali.sinks")} | BUILT_IN


def _module(kind: str) -> Any:
    return importlib.import_module(kinds()[kind])
