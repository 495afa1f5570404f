"""A local server with OpenAI's embedding protocol that returns hashed vectors."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cali.adapters.memory.knowledge_index import HashedEmbedder


class EmbeddingServer:
    """A server that records the size of each request in `sizes`. With a `status` other than 200 it rejects every
    request."""

    def __init__(self, status: int = 200, size: int = 256) -> None:
        self.sizes: list[int] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.sizes.append(len(asked["input"]))
                outer.paths.append(self.path)
                body = json.dumps(
                    _answer(asked, size) if status == 200 else {"error": {"message": "no"}}
                ).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(asked: dict[str, Any], size: int) -> dict[str, Any]:
    vectors = HashedEmbedder().embed(asked["input"])
    data = [{"object": "embedding", "index": i, "embedding": v[:size]} for i, v in enumerate(vectors)]
    return {
        "object": "list",
        "data": data[::-1],
        "model": asked["model"],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
