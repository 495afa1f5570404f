"""Settings of CALI, read once from `CALI_*` environment variables. No other module reads the environment."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "CALI_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Values of the environment variables: `logs_stream` is CALI_LOGS_STREAM. An empty variable counts as not set."""

    stage: str = "dev"  # Chalice stage of the deployment: `dev` or `prod`
    cluster: str = ""  # Cluster name in the scope of every incident
    logs_stream: str = ""  # Name of the Kinesis stream of log records
    incidents_stream: str = ""  # Name of the Kinesis stream of incident changes
    incidents_table: str = ""  # Name of the DynamoDB table of incidents
    logs_bucket: str = ""  # Name of the S3 bucket for raw logs, quarantine, new errors and releases
    cache_dir: str = ""  # Cache folder of the command line. Default: ~/.cache/cali
    knowledge_dir: str = ""  # Folder of your team's entries. They replace shipped entries with the same id
    milvus_uri: str = ""  # URI of the Milvus server. Without it, functions match signatures only, and the command line searches in memory
    milvus_token: str = ""  # `user:password` for Milvus, for the command line
    milvus_secret: str = ""  # Id of the secret with the Milvus token: {"token": ...}
    slack_secret: str = (
        ""  # Id of the Slack secret: {"webhook_url": ..., "signing_secret": ..., "bot_token": ...}
    )
    openai_secret: str = ""  # Id of the secret with the API key: {"api_key": ...}
    openai_api_key: str = ""  # API key for the command line. Functions read theirs from the secret
    openai_base_url: str = (
        ""  # URL of any server with an OpenAI-compatible API. Set CALI_MODEL too if the server needs no key
    )
    model: str = ""  # Model name. Without it, functions call no model, and the command line uses gpt-4o-mini if it has a key
    model_timeout: float = 20.0  # Timeout of one model call, in seconds
    embedder: str = (
        "hashed"  # `hashed`, `openai` (see CALI_EMBEDDING_MODEL), or `wordllama` if it is installed
    )
    embedding_model: str = "text-embedding-3-small"  # Model of the `openai` embedder
    embedding_size: int = 512  # Dimensions of a vector of the `openai` embedder
    calls_per_day: int = 200  # Daily limit of model calls, for all functions together
    dollars_per_day: float = 5.0  # Daily budget for the model in US dollars, for all functions together
    language: str = "en"  # Language of alerts and of model answers: `en` or `ko`
    settle: float = 0.5  # Seconds to wait for the rest of a stack trace
    fresh: float = (
        10.0  # Age in seconds above which a batch counts as part of a backlog. A cold start takes some of it
    )
    batch_size: int = (
        1000  # Batch size of analyze's event source mapping. A full batch counts as part of a backlog
    )
    alert_wait: float = 1.5  # Seconds that an alert waits for its diagnosis
    alert_from: str = "warning"  # Minimum severity of an alert
    alert_rules: str = ""  # Key of the alert rules in the logs bucket, such as config/alerts.yaml. Without it, every alert goes to Slack
    slack_channel: str = (
        ""  # Id of the Slack channel for alerts without rules. Needs `bot_token` in the Slack secret
    )
    quiet_after: float = 1800.0  # Seconds without an event before an incident becomes quiet
    console_url: str = ""  # URL of the link in an alert. `{id}` is replaced by the incident's id
    firehose_drop_below: str = ""  # Minimum severity of the records that enrich keeps. Empty: it keeps all
    learning_approval: str = (
        "manual"  # How a learnt release is put in force: `auto`, `pull-request` or `manual`
    )
    learning_days: int = 7  # Days of logs that the replay gate checks
    learning_wrong: int = (
        2  # A learnt entry is withdrawn when its `wrong` votes exceed its `right` votes by this number
    )
    learning_keep_days: int = 90  # Days before the output of the learning jobs is deleted
    learning_post: str = ""  # `yes` posts the weekly report to the webhook in the Slack secret
    github_repository: str = ""  # Repository (owner/name) for pull requests with learnt entries
    github_branch: str = "main"  # Base branch of these pull requests
    github_folder: str = "knowledge"  # Folder in that repository for learnt entries
    github_url: str = "https://api.github.com"  # URL of any server with GitHub's REST API
    github_secret: str = ""  # Id of the secret with the GitHub token: {"token": ...}
    github_token: str = ""  # GitHub token for the command line

    def need(self, *names: str) -> Settings:
        """Return these settings. Raise Misconfigured with the names of all variables in `names` that are not set."""
        missing = [PREFIX + name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise Misconfigured(f"{', '.join(missing)}: not set in the environment")
        return self


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings in an environment. Raise Misconfigured with the name of a variable whose value is invalid."""
    values: dict[str, object] = {}
    for field in fields(Settings):
        text = environ.get(PREFIX + field.name.upper(), "").strip()
        if text:
            values[field.name] = _value(field.name, str(field.type), text)
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def from_environment() -> Settings:
    """Return the settings of this process."""
    import os

    return read(os.environ)


def variables() -> Iterable[str]:
    """Return the names of all variables, in the order of the fields."""
    return (PREFIX + field.name.upper() for field in fields(Settings))


def _value(name: str, kind: str, text: str) -> object:
    try:
        number = {"int": int, "float": float}.get(kind, str)(text)
    except ValueError as error:
        raise Misconfigured(f"{PREFIX}{name.upper()}: {text!r} is not a number") from error
    if isinstance(number, int | float) and not number >= 0:
        raise Misconfigured(f"{PREFIX}{name.upper()}: {text!r} is below 0")
    return number
