"""Builders of the Reasoner, its model and its embedder, for the CLI, the functions on AWS and the nightly jobs."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali.stages.reason import Reasoner, ReasonSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali.core.ports import AnswerCache, Budget, Embedder
    from cali.core.settings import Settings
    from cali.stages.reason import Breaker, ModelGateway, Retries
    from cali.stages.refine.redact import Redactor
    from cali.stages.retrieve import Retrieved
    from cali.stages.retrieve.knowledge import Knowledge

DEFAULT_MODEL = "gpt-4o-mini"  # used if a key is set and CALI_MODEL is not
NO_KEY = "none"  # a self-hosted server may need no key, but the client requires a value


def model_name(settings: Settings) -> str:
    """Return the model that the CLI asks, or an empty text. A base URL alone does not select a model."""
    if settings.openai_api_key:
        return settings.model or DEFAULT_MODEL
    return settings.model if settings.openai_base_url else ""


def model_gateway(
    settings: Settings,
    model: str,
    api_key: str | Callable[[], str],
    redactor: Redactor,
    answers: AnswerCache,
    budget: Budget,
    breaker: Breaker | None = None,
    retries: Retries | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> ModelGateway:
    """Build the gateway to a model: redaction, cached answers, budget, circuit breaker, retries and client."""
    from cali.adapters.openai.model import OpenAIModel
    from cali.stages.reason import Breaker, ModelGateway, Runtime, prices

    client = OpenAIModel(api_key, model, settings.openai_base_url or None, settings.model_timeout)
    runtime = Runtime(now, sleep, random.random)
    return ModelGateway(
        client, answers, budget, breaker or Breaker(), runtime, prices(), redactor.text, retries
    )


def build_reasoner(
    settings: Settings,
    knowledge: Knowledge,
    retrieve: Callable[[str], Retrieved],
    redactor: Redactor,
    versions: Mapping[str, str],
    gateway: ModelGateway | None = None,
    model: str = "",
) -> Reasoner:
    """Build the Reasoner of a knowledge base. Without a gateway no model is asked."""
    reason_settings = ReasonSettings(language=settings.language, versions=versions)
    return Reasoner(knowledge, retrieve, redactor.text, gateway, model, reason_settings)


def embedder(settings: Settings, api_key: Callable[[], str]) -> Embedder:
    """Build the embedder that CALI_EMBEDDER names."""
    if settings.embedder == "hashed":
        from cali.adapters.memory.knowledge_index import HashedEmbedder

        return HashedEmbedder()
    if settings.embedder == "wordllama":
        from cali.adapters.wordllama.embedder import WordLlamaEmbedder

        return WordLlamaEmbedder()
    if settings.embedder == "openai":
        from cali.adapters.openai.embedder import OpenAIEmbedder

        url = settings.openai_base_url or None
        return OpenAIEmbedder(api_key, settings.embedding_model, settings.embedding_size, url)
    raise Misconfigured(f"CALI_EMBEDDER: {settings.embedder!r} is not valid; use hashed, openai or wordllama")
