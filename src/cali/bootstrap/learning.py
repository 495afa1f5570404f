"""Builds what the nightly jobs are made of: over AWS from the environment, or on a folder of this machine.

learning()           parts over the logs bucket and the incidents table
learning(data=DIR)   parts on a folder: objects below it, incidents.db, and knowledge.db for Milvus Lite
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.bootstrap.reasoner import NO_KEY, model_name
from cali.core import settings as settings_
from cali.core.errors import Misconfigured
from cali.usecases.learn import Approval, LearnContext, LearnPolicy
from cali.usecases.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.models import Diagnosis, Incident
    from cali.core.ports import AnswerCache, Budget, Embedder
    from cali.core.settings import Settings
    from cali.stages.retrieve.knowledge import Knowledge


def learning(
    settings: Settings | None = None, data: Path | None = None, now: Callable[[], float] = time.time
) -> LearnContext:
    """The parts, each built with the first step that uses it. Misconfigured names every variable that is missing."""
    read = settings or settings_.from_environment()
    return _Local(read, data, now).parts() if data is not None else _Cloud(read, now).parts()


class _Builder:
    """What both have."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self.settings = settings
        self.now = now

    def policy(self) -> LearnPolicy:
        wanted = self.settings
        try:
            approval = Approval(wanted.learning_approval)
        except ValueError as error:
            names = ", ".join(Approval)
            raise Misconfigured(
                f"CALI_LEARNING_APPROVAL: {wanted.learning_approval!r} is none of {names}"
            ) from error
        return LearnPolicy(
            approval=approval,
            days=wanted.learning_days,
            wrong=wanted.learning_wrong,
            keep_days=wanted.learning_keep_days,
            folder=wanted.github_folder,
        )

    def made(self, objects: Any, **more: Any) -> LearnContext:
        from cali.adapters.sources.raw_records import readable
        from cali.stages.decode import Decoder
        from cali.stages.refine.refiner import Refiner

        year = time.gmtime(self.now()).tm_year
        return LearnContext(
            objects=objects,
            pointers=objects,
            releases=Releases(objects, objects),
            shipped=cache(self._shipped),
            refiner=cache(Refiner),
            decoder=lambda: Decoder(self.settings.cluster, year=year),
            unpack=readable,
            now=self.now,
            pull_requests=self._pulls if self.settings.github_repository else None,
            policy=self.policy(),
            **more,
        )

    def _shipped(self) -> Knowledge:
        from cali.stages.retrieve.knowledge import load

        wanted = self.settings
        team = Path(wanted.knowledge_dir).expanduser() if wanted.knowledge_dir else None
        return load(team=team, cache=Path(wanted.cache_dir or "~/.cache/cali").expanduser())

    def _pulls(self) -> Any:
        from cali.adapters.github.pull_requests import GitHub

        wanted = self.settings
        return GitHub(wanted.github_repository, self._token, wanted.github_branch, wanted.github_url)

    def _token(self) -> str:
        if not self.settings.github_token:
            raise Misconfigured("CALI_GITHUB_TOKEN: not set in the environment")
        return self.settings.github_token

    def embedder(self) -> Embedder:
        from cali.bootstrap.aws import AwsParts
        from cali.bootstrap.reasoner import embedder

        return embedder(self.settings, AwsParts(self.settings).api_key)

    def explaining(
        self,
        model: str,
        key: Callable[[], str],
        answers: Callable[[], AnswerCache],
        budget: Callable[[], Budget],
    ) -> Callable[[Knowledge], Callable[[Incident], Diagnosis]]:
        """A reasoner over a knowledge. It shares answers and budget with the functions: what was asked once is not paid again."""

        def over(knowledge: Knowledge) -> Callable[[Incident], Diagnosis]:
            from cali.bootstrap.reasoner import build_reasoner, model_gateway
            from cali.stages.refine.refiner import Refiner
            from cali.stages.retrieve import retrieve

            refiner, signatures = Refiner(), knowledge.signatures()
            gateway = model_gateway(
                self.settings, model, key(), refiner.redactor, answers(), budget(), now=self.now
            )
            return build_reasoner(
                self.settings,
                knowledge,
                lambda text: retrieve(text, signatures),
                refiner.redactor,
                {"masks": refiner.masks.version},
                gateway,
                model,
            ).diagnose

        return over


class _Cloud(_Builder):
    """Over AWS."""

    def parts(self) -> LearnContext:
        from cali.adapters.aws import clients as aws
        from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
        from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
        from cali.adapters.aws.dynamodb_shared import DynamoAnswers, DynamoBudget
        from cali.adapters.aws.s3 import S3Objects

        wanted = self.settings.need("logs_bucket", "incidents_table")
        table, now = wanted.incidents_table, self.now

        def dynamo() -> Any:
            return aws.client("dynamodb")

        def budget() -> DynamoBudget:
            return DynamoBudget(dynamo(), table, now, wanted.calls_per_day, wanted.dollars_per_day)

        explain = None
        if wanted.model:
            explain = self.explaining(
                wanted.model, self._key, lambda: DynamoAnswers(dynamo(), table, now), budget
            )
        return self.made(
            S3Objects(aws.client("s3"), wanted.logs_bucket),
            feedback=cache(lambda: DynamoFeedback(dynamo(), table)),
            incidents=cache(lambda: DynamoIncidents(dynamo(), table)),
            explain=explain,
            spent=cache(budget),
            collections=cache(self._collections) if wanted.milvus_uri else None,
            post=self._post if wanted.learning_post and wanted.slack_secret else None,
        )

    def _collections(self) -> Any:
        from cali.adapters.milvus.collections import MilvusCollections

        token = self.settings.milvus_token
        if self.settings.milvus_secret:
            token = self._secret(self.settings.milvus_secret, "token", "")
        return MilvusCollections(self.settings.milvus_uri, self.embedder(), token)

    def _key(self) -> str:
        if self.settings.openai_secret:
            return self._secret(self.settings.openai_secret, "api_key")
        if self.settings.openai_api_key or self.settings.openai_base_url:
            return self.settings.openai_api_key or "none"  # a server of one's own may ask for no key
        raise Misconfigured("CALI_OPENAI_SECRET: not set in the environment, and CALI_MODEL asks for a model")

    def _token(self) -> str:
        if self.settings.github_secret:
            return self._secret(self.settings.github_secret, "token")
        return super()._token()

    def _post(self, text: str) -> None:
        from cali.adapters.slack.blocks import escaped
        from cali.adapters.slack.webhook import SlackWebhook

        hook = SlackWebhook(lambda: self._secret(self.settings.slack_secret, "webhook_url"))
        hook.post({"text": escaped(text)})  # titles are lines of logs: `<!channel>` in one must call nobody

    def _secret(self, name: str, key: str, default: str | None = None) -> str:
        from cali.adapters.aws import clients as aws
        from cali.adapters.aws.secrets import Secrets

        return Secrets(lambda: aws.client("secretsmanager")).value(name, key, default)


class _Local(_Builder):
    """On a folder, laid out as the bucket is."""

    def __init__(self, settings: Settings, data: Path, now: Callable[[], float]) -> None:
        super().__init__(settings, now)
        self._data = data.expanduser()

    def parts(self) -> LearnContext:
        from cali.adapters.files.objects import FolderObjects
        from cali.adapters.sqlite.alerts import SqliteFeedback
        from cali.adapters.sqlite.answers import AnswersFile
        from cali.adapters.sqlite.incidents import SqliteIncidents

        wanted, state = self.settings, self._data / "incidents.db"

        @cache
        def answers() -> AnswersFile:
            return AnswersFile(self._data / "answers.db", wanted.calls_per_day, wanted.dollars_per_day)

        explain = None
        if model := model_name(wanted):
            explain = self.explaining(model, lambda: wanted.openai_api_key or NO_KEY, answers, answers)
        return self.made(
            FolderObjects(self._data),
            feedback=cache(lambda: SqliteFeedback(state)),
            incidents=cache(lambda: SqliteIncidents(state)),
            explain=explain,
            spent=answers,
            collections=cache(self._collections),
        )

    def _collections(self) -> Any:
        from cali.adapters.milvus.collections import MilvusCollections

        uri = self.settings.milvus_uri or str(self._data / "knowledge.db")
        return MilvusCollections(uri, self.embedder(), self.settings.milvus_token)
