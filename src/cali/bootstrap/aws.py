"""Builds the adapters of the functions on AWS, each part when it is first used; `bootstrap.py` does it for one machine.

A part that a function does not use is never imported: `analyze` runs without pymilvus and openai.
"""

from __future__ import annotations

import logging
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cali.adapters.aws import clients as aws
from cali.core import settings as settings_
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
    from cali.adapters.aws.dynamodb_shared import DynamoBlobs
    from cali.adapters.aws.kinesis import KinesisStream
    from cali.adapters.aws.s3 import S3Objects
    from cali.adapters.aws.secrets import Secrets
    from cali.bootstrap.alerts import CloudAlerts, CloudParts
    from cali.core.models import Event, Severity
    from cali.core.ports import Embedder, KnowledgeIndex
    from cali.core.settings import Settings
    from cali.stages.decode import Decoder
    from cali.stages.detect import LifePolicy
    from cali.stages.reason import ModelGateway, Reasoner
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve import Retrieved
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures
    from cali.usecases.analyze_batch import Analyze
    from cali.usecases.answer_alert import Desk
    from cali.usecases.diagnose import Diagnose
    from cali.usecases.enrich import Enrich
    from cali.usecases.publish_changes import ChangePublisher
    from cali.usecases.quarantine import Quarantine
    from cali.usecases.releases import ReleaseWatch
    from cali.usecases.sweep import Sweep

AWAY = 30.0  # seconds for which an index that failed is left alone
# What is built anew when another release is in force, by its kind.
MADE_OF = {
    "knowledge": ("_knowledge", "_signatures", "_retriever", "_index", "_reasoner", "diagnose"),
    "books": ("_refiner", "analyze", "enrich", "sweep"),
}
KEPT = Path("/tmp/cali")  # noqa: S108 - the one place where a function may write


class AwsParts:
    """What the functions on AWS are made of. Everything is built once for a process."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`warn` is told, in one line, what a function does without."""
        self.settings = settings
        self._now = now
        self._sleep = sleep
        self._warn = warn

    def renewed(self) -> AwsParts:
        """Itself, without the parts that another release replaced: they are built anew when they are asked for. It looks at
        most once a minute."""
        if "_released" in self.__dict__:
            for kind in self._released.look():
                for part in MADE_OF[kind]:
                    self.__dict__.pop(part, None)
        return self

    @property
    def release_failures(self) -> int:
        """How often this process failed to load what was released. It went on with what it had."""
        return self._released.failures if "_released" in self.__dict__ else 0

    def age(self, time: float) -> float:
        """Seconds since a time, by the clock of these parts."""
        return self._now() - time

    @cached_property
    def analyze(self) -> Analyze:
        from cali.usecases.analyze_batch import Analyze, SettleRules

        wanted = self.settings.need("logs_bucket", "incidents_table", "incidents_stream")
        return Analyze(
            self._decoder,
            self._refiner,
            self._raises,
            self._publisher,
            self._notes,
            self._quarantine,
            self._now,
            SettleRules(wanted.settle, wanted.fresh, wanted.batch_size),
            self._life_policy,
            self._stream(wanted.logs_stream) if wanted.logs_stream else None,
            _Asked(lambda: self._suppressions),
        )

    @cached_property
    def diagnose(self) -> Diagnose:
        from cali.usecases.diagnose import Diagnose

        self.settings.need("logs_bucket", "incidents_table", "incidents_stream")
        return Diagnose(self._incidents, self._publisher, self._reasoner, self._bucket, self._now)

    @cached_property
    def alert(self) -> CloudAlerts:
        """Takes the messages of the incidents stream, and does what is due later."""
        from cali.bootstrap.alerts import CloudAlerts

        return CloudAlerts(self._alert_parts)

    @cached_property
    def desk(self) -> Desk:
        """Takes the answers to alerts."""
        from cali.bootstrap.alerts import cloud_desk

        return cloud_desk(self._alert_parts)

    @cached_property
    def _suppressions(self) -> Container[str]:
        from cali.bootstrap.alerts import suppressions

        return suppressions(self._alert_parts)

    @cached_property
    def _alert_parts(self) -> CloudParts:
        from cali.bootstrap.alerts import CloudParts

        settings = self.settings.need("incidents_table")
        return CloudParts(
            settings,
            aws.client("dynamodb"),
            self._incidents,
            self._alert_secret,
            self._object,
            self._now,
            self._sleep,
            lambda incident, step: self._publisher.apply(incident, step),
            lambda text: self._refiner.redactor.text(text),
            lambda name: self._knowledge.entries.get(name),
            self._warn,
        )

    def _object(self, name: str) -> bytes:
        body = self._bucket.get(name)
        if body is None:
            raise Misconfigured(f"s3://{self._bucket.name}/{name}: not there")
        return body

    def _alert_secret(self, name: str) -> str:
        if not self.settings.slack_secret:
            raise Misconfigured("CALI_SLACK_SECRET: not set in the environment")
        return self._secrets.value(self.settings.slack_secret, name)

    @cached_property
    def sweep(self) -> Sweep:
        from cali.usecases.sweep import Sweep

        self.settings.need("logs_stream", "incidents_table", "incidents_stream")
        return Sweep(
            self._incidents,
            self._publisher,
            self.analyze,
            self._stream(self.settings.logs_stream),
            self._now,
            self._life_policy,
        )

    @cached_property
    def enrich(self) -> Enrich:
        from cali.usecases.enrich import Enrich

        least = self.settings.firehose_drop_below
        return Enrich(self._decoder, self._refiner, _severity(least) if least else None)

    def keep_unread(self, event: str, data: str, reason: str) -> None:
        """Keeps a message of the incidents stream that nobody can read; `event` is shard and sequence number."""
        from cali.usecases.quarantine import UnreadLine

        shard, _, sequence = event.partition(":")
        source = f"{self.settings.incidents_stream}/{shard}"
        raw = data.encode()
        self._quarantine.keep(source, [UnreadLine(int(sequence or 0), reason, raw)], self._now())

    @cached_property
    def _publisher(self) -> ChangePublisher:
        from cali.usecases.publish_changes import ChangePublisher

        return ChangePublisher(self._incidents, self._stream(self.settings.incidents_stream), self._sleep)

    @cached_property
    def _life_policy(self) -> LifePolicy:
        from cali.stages.detect import LifePolicy

        return LifePolicy(quiet_after=self.settings.quiet_after)

    @cached_property
    def _decoder(self) -> Decoder:
        from cali.stages.decode import Decoder

        return Decoder(self.settings.cluster, year=time.gmtime(self._now()).tm_year)

    @cached_property
    def _refiner(self) -> Refiner:
        from cali.stages.refine.refiner import Refiner

        return Refiner(book=self._released.book)

    @cached_property
    def _knowledge(self) -> Knowledge:
        return self._released.knowledge

    @cached_property
    def _released(self) -> ReleaseWatch:
        from cali.bootstrap.releases import followed
        from cali.stages.retrieve.knowledge import in_layer

        return followed(self.settings, lambda: in_layer() or KEPT, self._now, self._warn)

    @cached_property
    def _signatures(self) -> Signatures:
        return self._knowledge.signatures()

    def _raises(self, event: Event) -> Severity | None:
        """The severity of the known error that an event is. The knowledge is read with the first doubtful line."""
        from cali.usecases.pipeline import known_severity

        return known_severity(event, self._knowledge, self._signatures)

    @cached_property
    def _incidents(self) -> DynamoIncidents:
        from cali.adapters.aws.dynamodb_incidents import DynamoIncidents

        return DynamoIncidents(aws.client("dynamodb"), self.settings.incidents_table)

    @cached_property
    def _notes(self) -> DynamoBlobs:
        from cali.adapters.aws.dynamodb_shared import DynamoBlobs

        return DynamoBlobs(aws.client("dynamodb"), self.settings.incidents_table, self._now)

    @cached_property
    def _bucket(self) -> S3Objects:
        from cali.adapters.aws.s3 import S3Objects

        return S3Objects(aws.client("s3"), self.settings.logs_bucket)

    @cached_property
    def _quarantine(self) -> Quarantine:
        from cali.usecases.quarantine import Quarantine

        return Quarantine(self._bucket, self._refiner.redactor.text)

    def _stream(self, name: str) -> KinesisStream:
        from cali.adapters.aws.kinesis import KinesisStream

        return KinesisStream(aws.client("kinesis"), name, self._sleep)

    @cached_property
    def _secrets(self) -> Secrets:
        from cali.adapters.aws.secrets import Secrets

        return Secrets(lambda: aws.client("secretsmanager"))

    @cached_property
    def _reasoner(self) -> Reasoner:
        from cali.bootstrap.reasoner import build_reasoner

        return build_reasoner(
            self.settings,
            self._knowledge,
            self._retriever,
            self._refiner.redactor,
            {"masks": self._refiner.masks.version},
            self._gateway,
            self.settings.model,
        )

    @cached_property
    def _retriever(self) -> Callable[[str], Retrieved]:
        from cali.stages.retrieve import retrieve

        index = self._index
        away_until = 0.0

        def found(text: str) -> Retrieved:
            nonlocal away_until
            if index is not None and self._now() >= away_until:
                try:
                    return retrieve(text, self._signatures, index)
                except Retryable as error:  # signatures need no index; the rest goes on without neighbours
                    away_until = self._now() + AWAY
                    self._warn(f"searched without the index: {error}")
            return retrieve(text, self._signatures)

        return found

    @cached_property
    def _index(self) -> KnowledgeIndex | None:
        wanted = self.settings
        if not wanted.milvus_uri:
            return None
        from cali.adapters.milvus.cached_index import RememberedHits
        from cali.adapters.milvus.index import MilvusIndex

        token = ""
        if wanted.milvus_secret:
            try:
                token = self._secrets.value(wanted.milvus_secret, "token", "")
            except Misconfigured as error:  # Terraform makes the entry; who asks for no token leaves it empty
                self._warn(f"Milvus is asked without a token: {error}")
        embedder = self.embedder()
        # It is opened with the first question that no signature and no earlier answer settles.
        index = RememberedHits(
            MilvusIndex(wanted.milvus_uri, embedder, token, timeout=5.0), KEPT, embedder.name
        )
        index.ensure(self._knowledge.version, list(self._knowledge.entries.values()))
        return index

    def embedder(self) -> Embedder:
        """What texts are turned into vectors by, as it is configured."""
        wanted = self.settings
        if wanted.embedder == "hashed":
            from cali.adapters.memory.knowledge_index import HashedEmbedder

            return HashedEmbedder()
        if wanted.embedder == "wordllama":
            from cali.adapters.wordllama.embedder import WordLlamaEmbedder

            return WordLlamaEmbedder()
        if wanted.embedder == "openai":
            from cali.adapters.openai.embedder import OpenAIEmbedder

            url = wanted.openai_base_url or None
            return OpenAIEmbedder(self._api_key, wanted.embedding_model, wanted.embedding_size, url)
        raise Misconfigured(f"CALI_EMBEDDER: {wanted.embedder!r} is none of hashed, openai, wordllama")

    @cached_property
    def _gateway(self) -> ModelGateway | None:
        wanted = self.settings
        if not wanted.model:
            return None
        from cali.adapters.aws.dynamodb_breaker import SharedBreaker
        from cali.adapters.aws.dynamodb_shared import DynamoAnswers, DynamoBudget
        from cali.bootstrap.reasoner import model_gateway
        from cali.stages.reason import Retries
        from cali.stages.reason.limits import BreakerSettings

        self._api_key()  # fail now if the key is not configured, not with each question
        client, table = aws.client("dynamodb"), wanted.incidents_table
        return model_gateway(
            wanted,
            wanted.model,
            self._api_key,
            self._refiner.redactor,
            DynamoAnswers(client, table, self._now),
            DynamoBudget(client, table, self._now, wanted.calls_per_day, wanted.dollars_per_day),
            # Each minute sweep asks about incidents without a diagnosis, so a recovered model must be found soon.
            SharedBreaker(self._notes, BreakerSettings(longest=120.0)),
            Retries(attempts=2, longest=5.0),
            self._now,
            self._sleep,
        )

    def _api_key(self) -> str:
        if self.settings.openai_secret:
            return self._secrets.value(self.settings.openai_secret, "api_key")
        if self.settings.openai_base_url:
            return "none"  # a server of one's own that asks for no key
        raise Misconfigured("CALI_OPENAI_SECRET: not set in the environment, and CALI_MODEL asks for a model")


class _Asked:
    """What is made when it is first asked, such as with the first error."""

    def __init__(self, made: Callable[[], Container[str]]) -> None:
        self._made = made

    def __contains__(self, item: object) -> bool:
        return item in self._made()


_begun: list[AwsParts] = []


def cloud() -> AwsParts:
    """The parts of this process, as the releases in force have them: from its environment, unless `begin` gave others."""
    if not _begun:
        begin(AwsParts(settings_.from_environment(), warn=_log))
    return _begun[0].renewed()


def release_failures() -> int:
    """How often the parts of this process failed to load what was released; none before there are any."""
    return _begun[0].release_failures if _begun else 0


def begin(parts: AwsParts) -> None:
    """Makes these the parts of this process, such as parts with another clock."""
    _begun[:] = [parts]


def _severity(name: str) -> Severity:
    from cali.core.models import Severity

    try:
        return Severity[name.upper()]
    except KeyError as error:
        names = ", ".join(severity.label for severity in Severity)
        raise Misconfigured(f"{name!r} is no severity: {names}") from error


def _log(line: str) -> None:
    logging.getLogger("cali").warning(line)
