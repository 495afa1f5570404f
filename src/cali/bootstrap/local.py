"""The one place that builds adapters. Each is imported and built when it is first needed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cali.core.settings import Settings
from cali.stages.retrieve import Retrieved, retrieve

if TYPE_CHECKING:
    from cali.core.ports import KnowledgeIndex
    from cali.stages.reason import ModelGateway, Reasoner
    from cali.stages.refine.redact import Redactor
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures

DEFAULT_MODEL = "gpt-4o-mini"


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
        from cali.stages.reason import Reasoner, ReasonSettings

        settings = ReasonSettings(language=self.settings.language, versions=versions)
        asking = self._asking(redactor.text)
        return Reasoner(
            self.knowledge, self.retrieve, redactor.text, asking, self.model if asking else "", settings
        )

    @property
    def model(self) -> str:
        """The name of the model to ask; empty when none is configured or none may be asked."""
        reachable = self.settings.openai_api_key or self.settings.openai_base_url
        return (self.settings.model or DEFAULT_MODEL) if reachable and self.ask else ""

    def _asking(self, redact: Callable[[str], str]) -> ModelGateway | None:
        if not self.model:
            return None
        from cali.adapters.openai.model import OpenAIModel
        from cali.adapters.sqlite.answers import AnswersFile
        from cali.stages.reason import Breaker, ModelGateway, Runtime, prices

        settings = self.settings
        answers = AnswersFile(self.cache / "answers.db", settings.calls_per_day, settings.dollars_per_day)
        key = (
            settings.openai_api_key or "none"
        )  # a server of one's own may want no key; the client wants a text
        client = OpenAIModel(key, self.model, settings.openai_base_url or None, settings.model_timeout)
        runtime = Runtime(now=time.time, sleep=time.sleep, chance=random.random)
        return ModelGateway(client, answers, answers, Breaker(), runtime, prices(), redact)
