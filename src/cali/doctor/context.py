"""Context of the checks: settings, declaration, and access to the outside of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cali.core.event_sources import APP, LOGS
from cali.core.settings import Settings
from cali.stages.refine.redact import Redactor

if TYPE_CHECKING:
    from cali.usecases.releases import Releases

HIDDEN = "<hidden>"
SHORTEST = 4  # minimum length of a secret that is hidden in every text


class Outside(Protocol):
    """Access to files, servers and AWS. `bootstrap/doctor.py` implements it."""

    @property
    def client(self) -> Callable[[str], Any]:
        """Return a factory of AWS clients by service name."""

    def aws_errors(self, what: str) -> AbstractContextManager[None]:
        """Map AWS exceptions to a CaliError that names `what`."""

    def get_json(self, server: str, url: str, key: str, timeout: float) -> tuple[int, Any]:
        """Return the status of a response and its JSON, None if the request failed."""

    def post_json(self, server: str, url: str, key: str, timeout: float) -> Any:
        """Return the JSON of a successful response."""

    def milvus_collections(self, uri: str, token: str, timeout: float) -> Sequence[str]:
        """Return the names of the collections. Raise Misconfigured if the URI names no server."""

    def mapping_differences(self, stage: str, bucket: str, installation: str) -> Sequence[tuple[str, bool]]:
        """Return what differs from the table of event sources, and whether the mapping is missing."""

    def releases(self, bucket: str) -> Releases: ...


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """Everything that a check may look at.

    `settings` are those of the environment, over those declared for the `stage`. `declared` is the stage's section in
    .chalice/config.json. `state` is a file of `cali watch --state`.
    """

    settings: Settings
    outside: Outside
    now: Callable[[], float]
    slack_url: str
    environ: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    declared: Mapping[str, Any] | None = None
    state: Path | None = None
    timeout: float = 3.0
    secrets: set[str] = field(default_factory=set)  # values read by the checks

    @property
    def cache(self) -> Path:
        return Path(self.settings.cache_dir or "~/.cache/cali").expanduser()

    @property
    def installation(self) -> str:
        """Name of the installation, with which the names of its streams begin."""
        name = self.settings.logs_stream.removesuffix(LOGS.removeprefix(APP))
        return name if name != self.settings.logs_stream else APP

    @property
    def on_aws(self) -> bool:
        """Return whether the settings name anything on AWS."""
        wanted = self.settings
        return bool(wanted.logs_stream or wanted.incidents_table or wanted.logs_bucket or self.declared)

    @property
    def has_servers(self) -> bool:
        """Return whether the settings name a model, Milvus or Slack."""
        wanted = self.settings
        return any(
            (
                wanted.openai_api_key,
                wanted.openai_base_url,
                wanted.openai_secret,
                wanted.milvus_uri,
                wanted.slack_secret,
            )
        )

    def hide(self, text: str) -> str:
        """Return the text without known secrets and without strings that look like secrets."""
        settings = self.settings
        known = {*self.secrets, settings.openai_api_key, settings.milvus_token}
        known |= {secret.strip() for secret in known}  # an error shows a value with a newline as `\\n`
        for secret in sorted(known, key=len, reverse=True):
            if len(secret) >= SHORTEST:
                text = text.replace(secret, HIDDEN)
        return Redactor().text(text)
