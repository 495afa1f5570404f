"""The one place that builds adapters. Each is imported and built when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cali.bootstrap.reasoner import NO_KEY, build_reasoner, model_gateway, model_name
from cali.core.settings import Settings
from cali.stages.retrieve import Retrieved, retrieve

if TYPE_CHECKING:
    from cali.core.ports import KnowledgeIndex
    from cali.stages.reason import ModelGateway, Reasoner
    from cali.stages.refine.redact import Redactor
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures


@dataclass(frozen=True)
class Embedded:
    """The parts of CALI on one machine: no server, and no network unless a model is configured."""

    settings: Settings
    ask: bool = True  # whether a configured model may be asked

    @cached_property
    def knowledge(self) -> Knowledge:
        from cali.stages.retrieve import knowledge

        team = self.settings.knowledge_dir
        return knowledge.load(team=Path(team).expanduser() if team else None, cache=self.cache)

    @cached_property
    def cache(self) -> Path:
        return Path(self.settings.cache_dir or "~/.cache/cali").expanduser()

    @cached_property
    def signatures(self) -> Signatures:
        return self.knowledge.signatures()

    @cached_property
    def index(self) -> KnowledgeIndex:
        """Milvus: a server if one is configured, else Milvus Lite in the cache folder. It opens with the first search
        that nobody has made before."""
        from cali.adapters.milvus.cached_index import RememberedHits
        from cali.adapters.milvus.index import MilvusIndex
        from cali.adapters.wordllama.embedder import WordLlamaEmbedder

        embedder = WordLlamaEmbedder()
        uri = self.settings.milvus_uri or str(self.cache / "milvus")
        index = RememberedHits(
            MilvusIndex(uri, embedder, self.settings.milvus_token), self.cache, embedder.name
        )
        index.ensure(self.knowledge.version, list(self.knowledge.entries.values()))
        return index

    def retrieve(self, text: str) -> Retrieved:
        """What is known about a redacted text. The index is asked only when no signature holds."""
        found = retrieve(text, self.signatures)
        return found if found.known else retrieve(text, self.signatures, self.index)

    def reasoner(self, redactor: Redactor, versions: dict[str, str]) -> Reasoner:
        gateway = self._gateway(redactor) if self.model else None
        return build_reasoner(
            self.settings, self.knowledge, self.retrieve, redactor, versions, gateway, self.model
        )

    @property
    def model(self) -> str:
        """Return the name of the model to ask, or an empty text if none is chosen or none may be asked."""
        return model_name(self.settings) if self.ask else ""

    def _gateway(self, redactor: Redactor) -> ModelGateway:
        from cali.adapters.sqlite.answers import AnswersFile

        settings = self.settings
        answers = AnswersFile(self.cache / "answers.db", settings.calls_per_day, settings.dollars_per_day)
        return model_gateway(
            settings, self.model, settings.openai_api_key or NO_KEY, redactor, answers, answers
        )
