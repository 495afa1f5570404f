"""The parts of a function that depend on a release: the knowledge in force, and the template book."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from cali.bootstrap.aws import AwsParts
    from cali.core.models import Severity
    from cali.core.ports import KnowledgeIndex
    from cali.stages.reason import Reasoner
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve import Retrieved
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures
    from cali.usecases.analyze_batch import Analyze
    from cali.usecases.diagnose import Diagnose
    from cali.usecases.enrich import Enrich
    from cali.usecases.sweep import Sweep

FOLDER = Path("/tmp/cali")  # noqa: S108 - the one place where a function may write
INDEX_PAUSE = 30.0  # seconds without searches after the index failed


class KnowledgeParts:
    """The parts that depend on one release of the knowledge."""

    def __init__(self, parts: AwsParts) -> None:
        self._parts = parts
        self._index_back_at = 0.0

    @cached_property
    def knowledge(self) -> Knowledge:
        return self._parts.releases.knowledge

    @cached_property
    def signatures(self) -> Signatures:
        return self.knowledge.signatures()

    @cached_property
    def diagnose(self) -> Diagnose:
        from cali.usecases.diagnose import Diagnose

        parts = self._parts
        parts.settings.need("logs_bucket", "incidents_table", "incidents_stream")
        return Diagnose(parts.incidents, parts.publisher, self._reasoner(), parts.bucket, parts.now)

    def _reasoner(self) -> Reasoner:
        from cali.bootstrap.reasoner import build_reasoner

        parts, refiner = self._parts, self._parts.refiner
        return build_reasoner(
            parts.settings,
            self.knowledge,
            self._retrieve,
            refiner.redactor,
            {"masks": refiner.masks.version},
            parts.gateway,
            parts.settings.model,
        )

    def _retrieve(self, text: str) -> Retrieved:
        """Return the knowledge about a text. If the index does not answer, use only the signatures."""
        from cali.stages.retrieve import retrieve

        parts = self._parts
        if self._index is not None and parts.now() >= self._index_back_at:
            try:
                return retrieve(text, self.signatures, self._index)
            except Retryable as error:
                self._index_back_at = parts.now() + INDEX_PAUSE
                parts.warn(
                    f"knowledge index failed; signatures alone are used for {INDEX_PAUSE:.0f} s: {error}"
                )
        return retrieve(text, self.signatures)

    @cached_property
    def _index(self) -> KnowledgeIndex | None:
        parts, wanted = self._parts, self._parts.settings
        if not wanted.milvus_uri:
            return None
        from cali.adapters.milvus.cached_index import RememberedHits
        from cali.adapters.milvus.index import MilvusIndex
        from cali.bootstrap.reasoner import embedder

        token = ""
        if wanted.milvus_secret:
            try:
                token = parts.secrets.value(wanted.milvus_secret, "token", "")
            except Misconfigured as error:  # empty if Milvus needs no token
                parts.warn(f"Milvus is used without a token: {error}")
        vectors = embedder(wanted, parts.api_key)
        # The index opens on the first search that neither a signature nor the cache can answer.
        index = RememberedHits(
            MilvusIndex(wanted.milvus_uri, vectors, token, timeout=5.0), FOLDER, vectors.name
        )
        index.ensure(self.knowledge.version, list(self.knowledge.entries.values()))
        return index


class BookParts:
    """The parts that depend on one template book."""

    def __init__(self, parts: AwsParts) -> None:
        self._parts = parts

    @cached_property
    def refiner(self) -> Refiner:
        return self._parts.build_refiner(self._parts.releases.book)

    @cached_property
    def analyze(self) -> Analyze:
        from cali.stages.notify.feedback_rules import Suppressions
        from cali.usecases.analyze_batch import Analyze, SettleRules

        parts = self._parts
        wanted = parts.settings.need("logs_bucket", "incidents_table", "incidents_stream")
        feedback = DynamoFeedback(parts.table_client, wanted.incidents_table)
        return Analyze(
            parts.decoder,
            self.refiner,
            parts.known_severity,
            parts.publisher,
            parts.blobs,
            parts.quarantine,
            parts.now,
            SettleRules(wanted.settle, wanted.fresh, wanted.batch_size),
            parts.life_policy,
            parts.stream(wanted.logs_stream) if wanted.logs_stream else None,
            Suppressions(feedback, parts.now, parts.warn),
        )

    @cached_property
    def enrich(self) -> Enrich:
        from cali.usecases.enrich import Enrich

        least = self._parts.settings.firehose_drop_below
        return Enrich(self._parts.decoder, self.refiner, _severity(least) if least else None)

    @cached_property
    def sweep(self) -> Sweep:
        from cali.usecases.sweep import Sweep

        parts = self._parts
        wanted = parts.settings.need("logs_stream", "incidents_table", "incidents_stream")
        shards = parts.stream(wanted.logs_stream)
        return Sweep(parts.incidents, parts.publisher, self.analyze, shards, parts.now, parts.life_policy)


def _severity(name: str) -> Severity:
    from cali.core.models import Severity

    try:
        return Severity[name.upper()]
    except KeyError as error:
        names = ", ".join(severity.label for severity in Severity)
        raise Misconfigured(
            f"CALI_FIREHOSE_DROP_BELOW: {name!r} is not a severity; use one of {names}"
        ) from error
