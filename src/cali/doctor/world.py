"""What checks look at: settings, what was declared, and the ways out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cali.adapters.slack.api import URL
from cali.core.event_sources import APP, LOGS
from cali.core.settings import Settings
from cali.stages.refine.redact import Redactor

HIDDEN = "<hidden>"
SHORTEST = 4  # characters of a value that is hidden wherever it stands


@dataclass(frozen=True, slots=True)
class World:
    """`settings` are those of the environment, over those that were declared for the `stage`. `declared` is the stage's
    section in .chalice/config.json; `client` makes a client of AWS; `state` is a file of `cali watch --state`."""

    settings: Settings
    client: Callable[[str], Any]
    now: Callable[[], float]
    environ: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    declared: Mapping[str, Any] | None = None
    state: Path | None = None
    slack_url: str = URL
    timeout: float = 3.0
    secrets: set[str] = field(default_factory=set)  # values that were read while looking

    @property
    def cache(self) -> Path:
        return Path(self.settings.cache_dir or "~/.cache/cali").expanduser()

    @property
    def installation(self) -> str:
        """The installation's name, which its streams begin with."""
        name = self.settings.logs_stream.removesuffix(LOGS.removeprefix(APP))
        return name if name != self.settings.logs_stream else APP

    @property
    def on_aws(self) -> bool:
        """Whether anything on AWS is named."""
        wanted = self.settings
        return bool(wanted.logs_stream or wanted.incidents_table or wanted.logs_bucket or self.declared)

    def hide(self, text: str) -> str:
        """The text without any secret that is known here, and without what looks like one."""
        settings = self.settings
        known = {*self.secrets, settings.openai_api_key, settings.milvus_token}
        known |= {secret.strip() for secret in known}  # an error shows a value with a newline as `\\n`
        for secret in sorted(known, key=len, reverse=True):
            if len(secret) >= SHORTEST:
                text = text.replace(secret, HIDDEN)
        return Redactor().text(text)
