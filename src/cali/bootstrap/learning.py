"""Composition root of the nightly jobs: on AWS from the environment, or on a local folder.

learning()           the logs bucket and the incidents table
learning(data=DIR)   a folder: objects below it, incidents.db, and knowledge.db for Milvus Lite
"""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.bootstrap.reasoner import NO_KEY, build_reasoner, embedder, model_gateway, model_name
from cali.core.errors import Misconfigured
from cali.core.settings import from_environment
from cali.usecases.learn import Approval, LearnContext, LearnPolicy
from cali.usecases.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.models import Diagnosis, Incident
    from cali.core.ports import AnswerCache, Budget
    from cali.core.settings import Settings
    from cali.stages.retrieve.knowledge import Knowledge

    Secret = Callable[[str, str, str | None], str]  # (secret, key, default) -> value


def learning(
    settings: Settings | None = None, data: Path | None = None, now: Callable[[], float] = time.time
) -> LearnContext:
    """Build the context of the jobs. Adapters connect with the first step that uses them.

    Raise Misconfigured, which names every missing variable.
    """
    settings = settings or from_environment()
    if data is None:
        return _on_aws(settings, now)
    return _on_folder(settings, data.expanduser(), now)


def _on_aws(settings: Settings, now: Callable[[], float]) -> LearnContext:
    from cali.adapters.aws import clients as aws
    from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
    from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
    from cali.adapters.aws.dynamodb_shared import DynamoAnswers, DynamoBudget
    from cali.adapters.aws.s3 import S3Objects
    from cali.adapters.aws.secrets import Secrets

    settings.need("logs_bucket", "incidents_table")
    secret = Secrets(partial(aws.client, "secretsmanager")).value
    table = partial(aws.client, "dynamodb"), settings.incidents_table

    def budget() -> DynamoBudget:
        client, name = table
        return DynamoBudget(client(), name, now, settings.calls_per_day, settings.dollars_per_day)

    def answers() -> DynamoAnswers:
        return DynamoAnswers(table[0](), table[1], now)

    explain = None
    if settings.model:
        key = partial(_api_key, settings, secret)
        explain = partial(_explainer, settings, now, settings.model, key, answers, budget)
    return _context(
        settings,
        now,
        S3Objects(aws.client("s3"), settings.logs_bucket),
        secret,
        feedback=cache(lambda: DynamoFeedback(table[0](), table[1])),
        incidents=cache(lambda: DynamoIncidents(table[0](), table[1])),
        explain=explain,
        spent=cache(budget),
        collections=cache(lambda: _collections(settings, secret, settings.milvus_uri))
        if settings.milvus_uri
        else None,
        post=partial(post_to_slack, partial(secret, settings.slack_secret, "webhook_url", None))
        if settings.learning_post and settings.slack_secret
        else None,
    )


def _on_folder(settings: Settings, data: Path, now: Callable[[], float]) -> LearnContext:
    """Build the context on a folder with the layout of the logs bucket."""
    from cali.adapters.files.objects import FolderObjects
    from cali.adapters.sqlite.alerts import SqliteFeedback
    from cali.adapters.sqlite.answers import AnswersFile
    from cali.adapters.sqlite.incidents import SqliteIncidents

    answers = cache(
        lambda: AnswersFile(data / "answers.db", settings.calls_per_day, settings.dollars_per_day)
    )
    explain = None
    if model := model_name(settings):
        key = settings.openai_api_key or NO_KEY
        explain = partial(_explainer, settings, now, model, lambda: key, answers, answers)
    milvus = settings.milvus_uri or str(data / "knowledge.db")
    return _context(
        settings,
        now,
        FolderObjects(data),
        None,
        feedback=cache(lambda: SqliteFeedback(data / "incidents.db")),
        incidents=cache(lambda: SqliteIncidents(data / "incidents.db")),
        explain=explain,
        spent=answers,
        collections=cache(lambda: _collections(settings, None, milvus)),
    )


def _context(
    settings: Settings, now: Callable[[], float], objects: Any, secret: Secret | None, **more: Any
) -> LearnContext:
    from cali.adapters.sources.raw_records import readable
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

    return LearnContext(
        objects=objects,
        pointers=objects,
        releases=Releases(objects, objects),
        shipped=cache(lambda: _shipped(settings)),
        refiner=cache(Refiner),
        decoder=lambda: Decoder(settings.cluster, year=time.gmtime(now()).tm_year),
        unpack=readable,
        now=now,
        pull_requests=partial(_pull_requests, settings, secret) if settings.github_repository else None,
        policy=_policy(settings),
        **more,
    )


def _policy(settings: Settings) -> LearnPolicy:
    try:
        approval = Approval(settings.learning_approval)
    except ValueError as error:
        names = ", ".join(Approval)
        raise Misconfigured(
            f"CALI_LEARNING_APPROVAL: {settings.learning_approval!r} is not valid; use one of {names}"
        ) from error
    return LearnPolicy(
        approval=approval,
        days=settings.learning_days,
        wrong=settings.learning_wrong,
        keep_days=settings.learning_keep_days,
        folder=settings.github_folder,
    )


def _shipped(settings: Settings) -> Knowledge:
    from cali.stages.retrieve.knowledge import load

    team = Path(settings.knowledge_dir).expanduser() if settings.knowledge_dir else None
    return load(team=team, cache=Path(settings.cache_dir or "~/.cache/cali").expanduser())


def _explainer(
    settings: Settings,
    now: Callable[[], float],
    model: str,
    api_key: Callable[[], str],
    answers: Callable[[], AnswerCache],
    budget: Callable[[], Budget],
    knowledge: Knowledge,
) -> Callable[[Incident], Diagnosis]:
    """Build a Reasoner over a knowledge base. It shares cached answers and the budget with the functions."""
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve import retrieve

    refiner, signatures = Refiner(), knowledge.signatures()
    gateway = model_gateway(settings, model, api_key(), refiner.redactor, answers(), budget(), now=now)
    return build_reasoner(
        settings,
        knowledge,
        lambda text: retrieve(text, signatures),
        refiner.redactor,
        {"masks": refiner.masks.version},
        gateway,
        model,
    ).diagnose


def _api_key(settings: Settings, secret: Secret | None) -> str:
    if settings.openai_secret and secret is not None:
        return secret(settings.openai_secret, "api_key", None)
    if settings.openai_api_key or settings.openai_base_url:
        return settings.openai_api_key or NO_KEY
    raise Misconfigured("CALI_OPENAI_SECRET: not set in the environment; CALI_MODEL needs its key")


def _collections(settings: Settings, secret: Secret | None, uri: str) -> Any:
    from cali.adapters.milvus.collections import MilvusCollections

    token = settings.milvus_token
    if settings.milvus_secret and secret is not None:
        token = secret(settings.milvus_secret, "token", "")
    return MilvusCollections(uri, embedder(settings, partial(_api_key, settings, secret)), token)


def _pull_requests(settings: Settings, secret: Secret | None) -> Any:
    from cali.adapters.github.pull_requests import GitHub

    def token() -> str:
        if settings.github_secret and secret is not None:
            return secret(settings.github_secret, "token", None)
        if not settings.github_token:
            raise Misconfigured("CALI_GITHUB_TOKEN: not set in the environment; pull requests need it")
        return settings.github_token

    return GitHub(settings.github_repository, token, settings.github_branch, settings.github_url)


def post_to_slack(webhook_url: Callable[[], str], text: str) -> None:
    """Post an escaped text. Titles are log lines, so `<!channel>` in one must not notify the channel."""
    from cali.adapters.slack.blocks import escaped
    from cali.adapters.slack.webhook import SlackWebhook

    SlackWebhook(webhook_url).post({"text": escaped(text)})
