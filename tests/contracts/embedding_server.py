"""A local server with OpenAI's embedding protocol that returns hashed vectors."""

from __future__ import annotations

import json
from typing import Any

from tests.stand_in import Asked, OneCallServer, Said

from cali.adapters.memory.knowledge_index import HashedEmbedder


class EmbeddingServer(OneCallServer):
    """A server that records the size of each request in `sizes`. With a `status` other than 200 it rejects every
    request."""

    def __init__(self, status: int = 200, size: int = 256) -> None:
        self.sizes: list[int] = []
        self.paths: list[str] = []
        self._status, self._size = status, size
        super().__init__(self._embed)
        self.url += "/v1"

    def _embed(self, asked: Asked) -> Said:
        content = json.loads(asked.body)
        self.sizes.append(len(content["input"]))
        self.paths.append(asked.path)
        good = self._status == 200
        answer = _answer(content, self._size) if good else {"error": {"message": "no"}}
        return Said(self._status, json.dumps(answer).encode())


def _answer(asked: dict[str, Any], size: int) -> dict[str, Any]:
    vectors = HashedEmbedder().embed(asked["input"])
    data = [{"object": "embedding", "index": i, "embedding": v[:size]} for i, v in enumerate(vectors)]
    return {
        "object": "list",
        "data": data[::-1],
        "model": asked["model"],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
