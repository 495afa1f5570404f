"""What a person can set from outside. This is the only reader of the environment: `CALI_*` variables, read once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "CALI_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the variable of its name: `logs_stream` is CALI_LOGS_STREAM. An empty text is not set."""

    stage: str = "dev"  # of the deployment, `dev` or `prod`
    cluster: str = ""  # goes into every scope
    logs_stream: str = ""  # name of the Kinesis stream that lines come from
    incidents_stream: str = ""  # name of the Kinesis stream that tells of incidents
    incidents_table: str = ""  # name of the DynamoDB table that holds them
    logs_bucket: str = ""  # name of the S3 bucket for raw lines, quarantine, new errors and releases
    cache_dir: str = ""  # of the command line; ~/.cache/cali without it
    knowledge_dir: str = ""  # a team's own entries; they win over the shipped ones
    milvus_uri: str = ""  # without one, functions search signatures alone, the command line has Milvus Lite
    milvus_token: str = ""  # `user:password`, of the command line
    milvus_secret: str = ""  # id of a secret {"token": ...}
    slack_secret: str = ""  # id of a secret {"webhook_url": ..., "signing_secret": ..., "bot_token": ...}
    openai_secret: str = ""  # id of a secret {"api_key": ...}
    openai_api_key: str = ""  # of the command line; functions take theirs from the secret
    openai_base_url: str = ""  # of any server that speaks OpenAI's protocol; alone it asks no model
    model: str = (
        ""  # without it functions ask no model, and the command line asks gpt-4o-mini if it has a key
    )
    model_timeout: float = 20.0  # seconds for one call
    embedder: str = "hashed"  # `hashed`, `openai` for the model below, or `wordllama` where it is installed
    embedding_model: str = "text-embedding-3-small"  # with the embedder `openai`
    embedding_size: int = 512  # numbers in a vector, with the embedder `openai`
    calls_per_day: int = 200  # of the model, for all functions together
    dollars_per_day: float = 5.0  # for the model, for all functions together
    language: str = "en"  # of alerts and of a model's answers: `en` or `ko`
    settle: float = 0.5  # seconds in which the rest of a stack trace may still arrive
    fresh: float = (
        10.0  # a batch that is older than so many seconds has more behind it; a cold start takes some
    )
    batch_size: int = 1000  # of analyze's mapping: a full batch has more behind it
    alert_wait: float = 1.5  # seconds that an alert waits for its diagnosis
    alert_from: str = "warning"  # severity below which nobody is told
    alert_rules: str = (
        ""  # key of the rules in the logs bucket, such as config/alerts.yaml; without it all goes to Slack
    )
    slack_channel: str = (
        ""  # id of the channel of a bot whose token is in the secret, when there are no rules
    )
    quiet_after: float = 1800.0  # seconds without an event until an incident is quiet
    console_url: str = ""  # where an alert's link leads; `{id}` becomes the incident's id
    firehose_drop_below: str = ""  # severity below which enrich drops a record; empty keeps all
    learning_approval: str = (
        "manual"  # who lets what was learnt into force: `auto`, `pull-request` or `manual`
    )
    learning_days: int = 7  # that the replay gate looks back over
    learning_wrong: int = 2  # people who call a learnt entry wrong, more than right, until it is withdrawn
    learning_keep_days: int = 90  # for which what the jobs made is kept
    learning_post: str = ""  # `yes` posts the weekly report to the webhook of the Slack secret
    github_repository: str = ""  # owner/name that takes pull requests with what was learnt
    github_branch: str = "main"  # that they are to be merged into
    github_folder: str = "knowledge"  # of that repository
    github_url: str = "https://api.github.com"  # of any server that speaks GitHub's REST API
    github_secret: str = ""  # id of a secret {"token": ...}
    github_token: str = ""  # of the command line

    def need(self, *names: str) -> Settings:
        """Itself, if all of these are set. Otherwise Misconfigured, naming every variable that is missing."""
        missing = [PREFIX + name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise Misconfigured(f"{', '.join(missing)}: not set in the environment")
        return self


def read(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment. Misconfigured names the variable whose value cannot be used."""
    values: dict[str, object] = {}
    for field in fields(Settings):
        text = environ.get(PREFIX + field.name.upper(), "").strip()
        if text:
            values[field.name] = _value(field.name, str(field.type), text)
    return Settings(**values)  # type: ignore[arg-type]  # each was converted to its field's type


def from_environment() -> Settings:
    """The settings of this process."""
    import os

    return read(os.environ)


def variables() -> Iterable[str]:
    """The names of all variables, in order."""
    return (PREFIX + field.name.upper() for field in fields(Settings))


def _value(name: str, kind: str, text: str) -> object:
    try:
        number = {"int": int, "float": float}.get(kind, str)(text)
    except ValueError as error:
        raise Misconfigured(f"{PREFIX}{name.upper()}: {text!r} is not a number") from error
    if isinstance(number, int | float) and not number >= 0:
        raise Misconfigured(f"{PREFIX}{name.upper()}: {text!r} is below 0")
    return number
