"""Composition root of the functions on AWS. Each part is built when it is first used.

    AwsParts             one for each process: stores, streams, secrets, the model, alerts
      +-- KnowledgeParts the parts that depend on the knowledge release: retrieval, Reasoner, diagnose (release_parts.py)
      +-- BookParts      the parts that depend on the template book: Refiner, analyze, enrich, sweep

A new release replaces the whole object. A part that a function does not use is never imported: `analyze` runs
without pymilvus and openai.
"""

from __future__ import annotations

import logging
import time
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from cali.adapters.aws import clients as aws
from cali.adapters.aws.aws_clock import AwsClock
from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.aws.dynamodb_shared import DynamoAnswers, DynamoBlobs, DynamoBudget
from cali.adapters.aws.kinesis import KinesisStream
from cali.adapters.aws.s3 import S3Objects
from cali.adapters.aws.secrets import Secrets
from cali.bootstrap.release_parts import FOLDER, BookParts, KnowledgeParts
from cali.core.errors import Misconfigured
from cali.core.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.bootstrap.alerts import AwsAlertParts, AwsAlerts
    from cali.core.models import Event, Severity
    from cali.core.settings import Settings
    from cali.stages.decode import Decoder
    from cali.stages.detect import LifePolicy
    from cali.stages.reason import ModelGateway
    from cali.stages.refine.book import Book
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.analyze_batch import Analyze
    from cali.usecases.answer_alert import ActionHandler
    from cali.usecases.diagnose import Diagnose
    from cali.usecases.enrich import Enrich
    from cali.usecases.publish_changes import ChangePublisher
    from cali.usecases.quarantine import Quarantine
    from cali.usecases.releases import Releases, ReleaseWatch
    from cali.usecases.sweep import Sweep


class AwsParts:
    """The parts of one process. `warn` gets one line for each optional part that fails.

    `shipped` and `refiner` replace two parts that are slow to build: the shipped knowledge, and the Refiner of a book.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        warn: Callable[[str], None] = lambda _: None,
        shipped: Callable[[], Knowledge] | None = None,
        refiner: Callable[[Book | None], Refiner] | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.sleep = sleep
        self.warn = warn
        self.build_refiner = refiner or _refiner
        self._shipped = cache(shipped or _shipped)
        self._watch: ReleaseWatch | None = None
        self._of_knowledge = KnowledgeParts(self)
        self._of_book = BookParts(self)

    def renewed(self) -> AwsParts:
        """Return these parts, with new objects for each release that has changed. The pointer is checked at most once
        a minute."""
        if self._watch is not None:
            from cali.usecases.releases import BOOKS, KNOWLEDGE

            changed = self._watch.look()
            if KNOWLEDGE in changed:
                self._of_knowledge = KnowledgeParts(self)
            if BOOKS in changed:
                self._of_book = BookParts(self)
        return self

    @property
    def releases(self) -> ReleaseWatch:
        """The releases in force; without a logs bucket, the shipped ones."""
        if self._watch is None:
            from cali.stages.refine import masks
            from cali.usecases.releases import ReleaseWatch

            bucket = cache(self._releases) if self.settings.logs_bucket else None
            self._watch = ReleaseWatch(bucket, self._shipped, masks.load().version, self.now, self.warn)
        return self._watch

    @property
    def release_failures(self) -> int:
        """Return how often this process failed to load a release and kept the previous one."""
        return self._watch.failures if self._watch is not None else 0

    def age(self, time: float) -> float:
        """Return the seconds since a time, by the clock of these parts."""
        return self.now() - time

    @property
    def analyze(self) -> Analyze:
        return self._of_book.analyze

    @property
    def enrich(self) -> Enrich:
        return self._of_book.enrich

    @property
    def sweep(self) -> Sweep:
        return self._of_book.sweep

    @property
    def diagnose(self) -> Diagnose:
        return self._of_knowledge.diagnose

    @cached_property
    def alert(self) -> AwsAlerts:
        from cali.bootstrap.alerts import AwsAlerts

        return AwsAlerts(self._alert_parts)

    @cached_property
    def action_handler(self) -> ActionHandler:
        """The handler of Slack's buttons."""
        from cali.bootstrap.alerts import aws_action_handler

        return aws_action_handler(self._alert_parts)

    @property
    def refiner(self) -> Refiner:
        return self._of_book.refiner

    @property
    def knowledge(self) -> Knowledge:
        return self._of_knowledge.knowledge

    def known_severity(self, event: Event) -> Severity | None:
        """Return the severity of the known error that matches an event. The first call loads the knowledge."""
        from cali.usecases.pipeline import known_severity

        return known_severity(event, self.knowledge, self._of_knowledge.signatures)

    @cached_property
    def table_client(self) -> Any:
        """The client of the table. Its answers correct the clock of these parts."""
        client = aws.client("dynamodb")
        if isinstance(self.now, AwsClock):
            self.now.follow(client)
        return client

    @cached_property
    def incidents(self) -> DynamoIncidents:
        return DynamoIncidents(self.table_client, self.settings.incidents_table, self.warn)

    @cached_property
    def blobs(self) -> DynamoBlobs:
        return DynamoBlobs(self.table_client, self.settings.incidents_table, self.now)

    @cached_property
    def bucket(self) -> S3Objects:
        return S3Objects(aws.client("s3"), self.settings.logs_bucket)

    @cached_property
    def publisher(self) -> ChangePublisher:
        from cali.usecases.publish_changes import ChangePublisher

        return ChangePublisher(self.incidents, self.stream(self.settings.incidents_stream), self.sleep)

    @cached_property
    def quarantine(self) -> Quarantine:
        from cali.usecases.quarantine import Quarantine

        return Quarantine(self.bucket, self.refiner.redactor.text)

    @cached_property
    def life_policy(self) -> LifePolicy:
        from cali.stages.detect import LifePolicy

        return LifePolicy(quiet_after=self.settings.quiet_after)

    @cached_property
    def decoder(self) -> Decoder:
        from cali.stages.decode import Decoder

        return Decoder(self.settings.cluster, year=time.gmtime(self.now()).tm_year)

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(lambda: aws.client("secretsmanager"))

    def stream(self, name: str) -> KinesisStream:
        return KinesisStream(aws.client("kinesis"), name, self.sleep)

    def quarantine_message(self, event: str, data: str, reason: str) -> None:
        """Quarantine an unreadable message of the incidents stream. `event` is its shard and sequence number."""
        from cali.usecases.quarantine import UnreadLine

        shard, _, sequence = event.partition(":")
        source = f"{self.settings.incidents_stream}/{shard}"
        self.quarantine.keep(source, [UnreadLine(int(sequence or 0), reason, data.encode())], self.now())

    @cached_property
    def gateway(self) -> ModelGateway | None:
        """The gateway to the model; None without CALI_MODEL."""
        wanted = self.settings
        if not wanted.model:
            return None
        from cali.adapters.aws.dynamodb_breaker import SharedBreaker
        from cali.bootstrap.reasoner import model_gateway
        from cali.stages.reason import Retries
        from cali.stages.reason.limits import BreakerSettings

        self.api_key()  # fail now if the key is missing, not at each question
        client, table = self.table_client, wanted.incidents_table
        return model_gateway(
            wanted,
            wanted.model,
            self.api_key,
            self.refiner.redactor,
            DynamoAnswers(client, table, self.now),
            DynamoBudget(client, table, self.now, wanted.calls_per_day, wanted.dollars_per_day),
            # `sweep` asks each minute about incidents without a diagnosis, so a recovered model must be noticed soon.
            SharedBreaker(self.blobs, BreakerSettings(longest=120.0)),
            Retries(attempts=2, longest=5.0),
            self.now,
            self.sleep,
        )

    def api_key(self) -> str:
        wanted = self.settings
        if wanted.openai_secret:
            return self.secrets.value(wanted.openai_secret, "api_key")
        if wanted.openai_base_url:
            return "none"  # a self-hosted server may need no key
        raise Misconfigured("CALI_OPENAI_SECRET: not set in the environment; CALI_MODEL needs its key")

    @cached_property
    def _alert_parts(self) -> AwsAlertParts:
        from cali.bootstrap.alerts import AwsAlertParts

        return AwsAlertParts(
            self.settings.need("incidents_table"),
            self.table_client,
            self.incidents,
            self._alert_secret,
            self._alert_rules,
            self.now,
            self.sleep,
            lambda incident, step: self.publisher.apply(incident, step),
            lambda text: self.refiner.redactor.text(text),
            lambda name: self.knowledge.entries.get(name),
            self.warn,
        )

    def _alert_rules(self, name: str) -> bytes:
        body = self.bucket.get(name)
        if body is None:
            raise Misconfigured(
                f"s3://{self.bucket.name}/{name}: no such object; upload the rules or unset CALI_ALERT_RULES"
            )
        return body

    def _alert_secret(self, name: str) -> str:
        if not self.settings.slack_secret:
            raise Misconfigured("CALI_SLACK_SECRET: not set in the environment")
        return self.secrets.value(self.settings.slack_secret, name)

    def _releases(self) -> Releases:
        """Build the releases of the logs bucket.

        A 403 on the pointer means that nothing was released yet. It is logged once.
        """
        from cali.usecases.releases import Releases

        objects = S3Objects(aws.client("s3"), self.settings.logs_bucket, self.warn)
        return Releases(objects, objects)


_process: list[AwsParts] = []


def aws_parts() -> AwsParts:
    """Return the parts of this process, with the releases in force.

    They are built from the environment, unless `begin` has set others.
    """
    if not _process:
        begin(AwsParts(from_environment(), AwsClock(), warn=log_warning))
    return _process[0].renewed()


def release_failures() -> int:
    """Return how often the parts of this process failed to load a release."""
    return _process[0].release_failures if _process else 0


def begin(parts: AwsParts) -> None:
    """Set the parts of this process, such as parts with another clock."""
    _process[:] = [parts]


def log_warning(line: str) -> None:
    logging.getLogger("cali").warning(line)


def _shipped() -> Knowledge:
    from cali.stages.retrieve.knowledge import in_layer, load

    return load(cache=in_layer() or FOLDER)


def _refiner(book: Book | None) -> Refiner:
    from cali.stages.refine.refiner import Refiner

    return Refiner(book=book)
