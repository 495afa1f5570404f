"""Embeddings from OpenAI, or from any server with a compatible API (`base_url`)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openai import OpenAI

BATCH = 256  # maximum texts per request; OpenAI accepts 2048, smaller servers less


class OpenAIEmbedder:
    """Embedder of a hosted model with `size` dimensions.

    It raises Retryable if the service fails, and Misconfigured if it rejects the key, the model or the request.
    """

    def __init__(
        self,
        api_key: str | Callable[[], str],
        model: str = "text-embedding-3-small",
        size: int = 512,
        base_url: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._api_key = api_key
        self._model = model
        self._size = size
        self._base_url = base_url
        self._timeout = timeout

    @property
    def name(self) -> str:
        return f"{self._model}-{self._size}"

    @property
    def size(self) -> int:
        return self._size

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += self._batch(
                [text or " " for text in texts[start : start + BATCH]]
            )  # it refuses empty texts
        return vectors

    def _batch(self, texts: list[str]) -> list[list[float]]:
        import openai

        try:
            answer = self._client.embeddings.create(
                model=self._model, input=texts, dimensions=self._size, encoding_format="float"
            )
        except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
            raise Retryable(f"embeddings of {self._model}: {_line(error)}") from error
        except openai.OpenAIError as error:
            raise Misconfigured(f"embeddings of {self._model}: {_line(error)}") from error
        vectors = [list(item.embedding) for item in sorted(answer.data, key=lambda item: item.index)]
        if len(vectors) != len(texts) or any(len(vector) != self._size for vector in vectors):
            raise Misconfigured(
                f"embeddings of {self._model}: asked for {len(texts)} vectors of {self._size} numbers, got others"
            )
        return vectors

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(api_key=self._api_key, base_url=self._base_url, timeout=self._timeout, max_retries=2)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
