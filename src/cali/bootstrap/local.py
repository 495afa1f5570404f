"""Composition root of the local commands: without a server, and without network access unless a model is configured.

`LocalParts` has one method per use case. Each adapter is imported and built when it is first needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.adapters.sources.files import lines as read_lines
from cali.core.settings import Settings

if TYPE_CHECKING:
    from cali.adapters.sinks.registry import Sinks
    from cali.adapters.sources.tail import Tail
    from cali.core.ports import AlertStore, KnowledgeIndex
    from cali.stages.notify.content import Message
    from cali.stages.notify.rules import Rules, SinkUse
    from cali.stages.reason import ModelGateway, Reasoner
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve import Retrieved
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures
    from cali.usecases.analyze_files import Analysis
    from cali.usecases.watch_stream import BackgroundDiagnoses, StreamWatcher

    Lines = Iterable[tuple[int, bytes]]

REMEMBERED = 2_000  # incidents that a watch without a state file keeps in memory

__all__ = [
    "LocalParts",
    "alert_store",
    "benchmark_indexes",
    "build_refiner",
    "local_sinks",
    "preview_message",
    "read_lines",
]


def build_refiner(book_path: Path | None = None) -> Refiner:
    """Build the newest Refiner, with the template book of a file if one is given."""
    from cali.stages.refine import book, masks
    from cali.stages.refine.refiner import Refiner

    return Refiner(book=book.load(book_path, masks.LATEST) if book_path else None)


@contextmanager
def benchmark_indexes(folder: str) -> Iterator[dict[str, KnowledgeIndex]]:
    """Build the indexes that `cali bench retrieval` compares, by name. Milvus Lite keeps its file in the folder."""
    from cali.adapters.memory.knowledge_index import HashedEmbedder, LexicalIndex
    from cali.adapters.milvus.index import MilvusIndex

    with closing(MilvusIndex(str(Path(folder, "index.db")), HashedEmbedder())) as milvus:
        yield {"milvus lite": milvus, "in memory": LexicalIndex()}


def local_sinks(
    rules: Rules, secret: Callable[[str], str], now: Callable[[], float], sleep: Callable[[float], None]
) -> Sinks:
    """Build the sinks of the rules. Raise Misconfigured if one of them cannot be built."""
    from cali.adapters.sinks.registry import SinkEnvironment, Sinks

    sinks = Sinks(rules, SinkEnvironment(secret, now, sleep))
    sinks.check()
    return sinks


def preview_message(sink: SinkUse, message: Message) -> Any:
    """Return what a sink would send for a message."""
    from cali.adapters.sinks.registry import preview

    return preview(sink, message)


def alert_store(state: Path) -> AlertStore:
    """Open the alert states in a file of `cali watch --state`."""
    from cali.adapters.sqlite.alerts import SqliteAlerts

    return SqliteAlerts(state)


class WatchParts(NamedTuple):
    """Parts of one `cali watch`. Without a model, nothing runs in the background."""

    tail: Tail
    live: StreamWatcher
    background: BackgroundDiagnoses | None


@dataclass(frozen=True)
class LocalParts:
    """The parts of the local commands. Without `ask_model`, no model is asked even if one is configured."""

    settings: Settings
    ask_model: bool = True

    def analyze(
        self,
        sources: Sequence[str],
        book_path: Path | None = None,
        progress: Callable[[Lines], Lines] = iter,
    ) -> Analysis:
        """Analyze files. `progress` wraps the lines, to count them."""
        from cali.stages.decode import Decoder
        from cali.stages.detect import Detector, DetectPolicy
        from cali.stages.group import MOMENTS, SILENCE
        from cali.usecases.analyze_files import analyze_files
        from cali.usecases.pipeline import Pipeline, known_severity

        refiner = build_refiner(book_path)
        versions = {"masks": refiner.masks.version, "redaction": refiner.redactor.version}
        return analyze_files(
            sources,
            progress(read_lines(*sources)),
            Pipeline(Decoder(self.settings.cluster, year=time.gmtime().tm_year), refiner),
            Detector(
                lambda event: known_severity(event, self.knowledge, self.signatures),
                DetectPolicy(moments=MOMENTS, silence=SILENCE),
            ),
            self.knowledge,
            self.reasoner(refiner, versions),
            versions,
        )

    def watch(
        self, sources: Sequence[str], from_start: bool, state: Path | None, book_path: Path | None
    ) -> WatchParts:
        """Build the parts that follow a stream.

        They search only signatures, because building an index would delay the reading.
        """
        from cali.adapters.memory.incidents import MemoryIncidents
        from cali.adapters.sources.tail import Tail
        from cali.adapters.sqlite.alerts import SqliteFeedback
        from cali.adapters.sqlite.incidents import SqliteIncidents
        from cali.bootstrap.reasoner import build_reasoner
        from cali.stages.decode import Decoder
        from cali.stages.detect import LifePolicy
        from cali.stages.notify.feedback_rules import Suppressions
        from cali.stages.retrieve import retrieve
        from cali.usecases.pipeline import known_severity
        from cali.usecases.watch_stream import BackgroundDiagnoses, StreamWatcher

        tail = Tail(sources, from_start)
        refiner = build_refiner(book_path)
        knowledge, signatures = self.knowledge, self.signatures
        versions = {"masks": refiner.masks.version, "redaction": refiner.redactor.version}
        quick = build_reasoner(
            self.settings, knowledge, lambda text: retrieve(text, signatures), refiner.redactor, versions
        )
        live = StreamWatcher(
            Decoder(self.settings.cluster, year=time.gmtime().tm_year),
            refiner,
            lambda event: known_severity(event, knowledge, signatures),
            quick.diagnose,
            SqliteIncidents(state) if state else MemoryIncidents(REMEMBERED),
            time.time(),
            LifePolicy(quiet_after=self.settings.quiet_after),
            Suppressions(SqliteFeedback(state), time.time) if state else (),
        )
        background = BackgroundDiagnoses(self.reasoner(refiner, versions).diagnose) if self.model else None
        return WatchParts(tail, live, background)

    @cached_property
    def cache(self) -> Path:
        return Path(self.settings.cache_dir or "~/.cache/cali").expanduser()

    @cached_property
    def knowledge(self) -> Knowledge:
        from cali.adapters.files.build_lock import build_lock
        from cali.stages.retrieve import knowledge

        team = self.settings.knowledge_dir
        return knowledge.load(
            team=Path(team).expanduser() if team else None,
            cache=self.cache,
            validating=build_lock(self.cache / ".knowledge.lock"),
        )

    @cached_property
    def signatures(self) -> Signatures:
        return self.knowledge.signatures()

    @cached_property
    def index(self) -> KnowledgeIndex:
        """The knowledge index: on the Milvus server if one is configured, else in memory."""
        settings = self.settings
        if settings.milvus_uri:
            from cali.adapters.milvus.cached_index import RememberedHits
            from cali.adapters.milvus.index import MilvusIndex
            from cali.bootstrap.reasoner import embedder

            vectors = embedder(settings, lambda: settings.openai_api_key)
            milvus = MilvusIndex(settings.milvus_uri, vectors, settings.milvus_token)
            index: KnowledgeIndex = RememberedHits(milvus, self.cache, vectors.name)
        else:
            from cali.adapters.memory.knowledge_index import LexicalIndex

            index = LexicalIndex()
        index.ensure(self.knowledge.version, list(self.knowledge.entries.values()))
        return index

    def retrieve(self, text: str) -> Retrieved:
        """Return the knowledge for a redacted text. The index is searched only if no signature matches."""
        from cali.stages.retrieve import retrieve

        found = retrieve(text, self.signatures)
        return found if found.known else retrieve(text, self.signatures, self.index)

    def reasoner(self, refiner: Refiner, versions: dict[str, str]) -> Reasoner:
        from cali.bootstrap.extras import require
        from cali.bootstrap.reasoner import build_reasoner

        model = self.model
        if model:
            require("openai")
        if self.settings.milvus_uri:
            require("pymilvus")
        gateway = self._gateway(model, refiner) if model else None
        return build_reasoner(
            self.settings, self.knowledge, self.retrieve, refiner.redactor, versions, gateway, model
        )

    @property
    def model(self) -> str:
        """The name of the model; empty if none is configured or none may be asked."""
        if not self.ask_model:
            return ""
        from cali.bootstrap.reasoner import model_name

        return model_name(self.settings)

    def _gateway(self, model: str, refiner: Refiner) -> ModelGateway:
        from cali.adapters.sqlite.answers import AnswersFile
        from cali.bootstrap.reasoner import NO_KEY, model_gateway

        settings = self.settings
        answers = AnswersFile(self.cache / "answers.db", settings.calls_per_day, settings.dollars_per_day)
        key = settings.openai_api_key or NO_KEY
        return model_gateway(settings, model, key, refiner.redactor, answers, answers)
