"""The contract of Embedder."""

from __future__ import annotations

import logging
from math import isclose
from typing import TYPE_CHECKING

import pytest
from tests.contracts.embedding_server import EmbeddingServer

from cali.adapters.memory.knowledge_index import HashedEmbedder
from cali.adapters.openai.embedder import OpenAIEmbedder
from cali.adapters.wordllama.embedder import WordLlamaEmbedder
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cali.core.ports import Embedder


def openai_like(server: EmbeddingServer) -> OpenAIEmbedder:
    return OpenAIEmbedder("key", model="small", size=256, base_url=server.url, timeout=5)


@pytest.fixture(params=["wordllama", "openai", "hashed"])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param == "openai":
        server = EmbeddingServer()
        yield openai_like(server)
        server.close()
    else:
        yield WordLlamaEmbedder() if request.param == "wordllama" else HashedEmbedder()


def test_a_vector_for_each_text_in_its_order(embedder: Embedder) -> None:
    texts = ["out of memory", "no such host", "out of memory"]
    vectors = embedder.embed(texts)
    assert [len(vector) for vector in vectors] == [embedder.size] * 3
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-6)
    assert vectors[1] == pytest.approx(embedder.embed(["no such host"])[0], abs=1e-6)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-3)


def test_what_shares_words_is_nearer_than_what_does_not(embedder: Embedder) -> None:
    asked, near, far = embedder.embed(
        ["memory limit exceeded", "the memory limit", "certificate expired yesterday"]
    )
    assert sum(a * b for a, b in zip(asked, near, strict=True)) > sum(
        a * b for a, b in zip(asked, far, strict=True)
    )


def test_vectors_have_length_one(embedder: Embedder) -> None:
    (vector,) = embedder.embed(["disk is full"])
    assert isclose(sum(x * x for x in vector), 1.0, rel_tol=1e-3)


def test_nothing_in_nothing_out_and_an_empty_text_has_a_vector(embedder: Embedder) -> None:
    assert embedder.embed([]) == []
    assert [len(vector) for vector in embedder.embed([""])] == [embedder.size]


def test_the_name_tells_models_apart(embedder: Embedder) -> None:
    assert embedder.name
    assert OpenAIEmbedder("k", model="a", size=8).name != OpenAIEmbedder("k", model="a", size=16).name


def test_wordllama_leaves_logging_as_it_was() -> None:
    before = (logging.getLogger().handlers[:], logging.getLogger().level)
    WordLlamaEmbedder().embed(["x"])
    assert (logging.getLogger().handlers[:], logging.getLogger().level) == before


def test_openai_asks_in_batches_at_the_base_url() -> None:
    server = EmbeddingServer()
    try:
        assert len(openai_like(server).embed([f"text {i}" for i in range(600)])) == 600
    finally:
        server.close()
    assert server.sizes == [256, 256, 88]
    assert set(server.paths) == {"/v1/embeddings"}


@pytest.mark.parametrize(("status", "error"), [(401, Misconfigured), (400, Misconfigured), (503, Retryable)])
def test_openai_errors_say_who_has_to_act(status: int, error: type[Exception]) -> None:
    server = EmbeddingServer(status)
    try:
        with pytest.raises(error, match=r"^embeddings of small: ") as caught:
            openai_like(server).embed(["x"])
    finally:
        server.close()
    assert "\n" not in str(caught.value)


def test_openai_does_not_accept_vectors_of_another_size() -> None:
    server = EmbeddingServer(size=8)
    try:
        with pytest.raises(Misconfigured, match="256 numbers"):
            openai_like(server).embed(["x"])
    finally:
        server.close()


def test_openai_unreachable_is_retryable() -> None:
    with pytest.raises(Retryable):
        OpenAIEmbedder("key", base_url="http://127.0.0.1:9/v1", timeout=1).embed(["x"])
