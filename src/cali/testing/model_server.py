"""Fake models: one that answers from a script, and a local server with OpenAI's protocol.

model = ScriptedModel([explanation("the cause", ["L1"]), Retryable("busy")])
with ModelServer(explanation("the cause", ["L1"]), Fault.SLOW) as server:
    OpenAIModel("key", "test", base_url=server.url)
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

from cali.adapters.memory.knowledge_index import HashedEmbedder
from cali.core.ports import Answer, Request

Said = str | Answer | Exception | Callable[[Request], "str | Answer | Exception"]


def explanation(
    cause: str,
    evidence: Sequence[str],
    fix: Sequence[str] = (),
    *,
    understood: bool = True,
    category: str = "unknown",
    could_be_known: bool = False,
    **more: object,
) -> str:
    """Return the JSON of an answer that matches the schema. `more` adds unexpected fields."""
    return json.dumps(
        {
            "understood": understood,
            "cause": cause,
            "fix": list(fix),
            "evidence": list(evidence),
            "category": category,
            "could_be_known": could_be_known,
            **more,
        }
    )


def lines_of(request: Request) -> dict[str, str]:
    """Return the log lines of a request by id, as sent to the model."""
    return dict(re.findall(r"^(L\d+)\*?\| (.*)$", request.user, re.M))


class ScriptedModel:
    """A model that returns the answers of a script in order, then repeats the last one. `history` holds the requests."""

    def __init__(self, script: Iterable[Said], name: str = "scripted-1") -> None:
        self.name = name
        self.history: list[Request] = []
        self._script = deque(script)
        self._lock = Lock()

    def explain(self, request: Request) -> Answer:
        with self._lock:
            self.history.append(request)
            reply = self._script.popleft() if len(self._script) > 1 else self._script[0]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else Answer(reply, len(request.user) // 4, len(reply) // 4)


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of a server.

    The server sends `status`, `headers` and `body`. `slow` is a delay in seconds. `drop` closes the connection instead of
    responding, or in the middle of the body.
    """

    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    slow: float = 0.0
    drop: bool = False


def limited(after: str = "") -> Fault:
    """Return a 429 response (too many requests), with Retry-After if given."""
    headers = (("Retry-After", after),) if after else ()
    return Fault(429, _error("Rate limit reached", "rate_limit_exceeded"), headers)


def refused(status: int, message: str, code: str = "") -> Fault:
    """Return an error response in OpenAI's format."""
    return Fault(status, _error(message, code))


BROKEN = Fault(500, '{"error": {"message": "The server had an error"}}')
NONSENSE = Fault(200, "<html>It works!</html>")
DROPPED = Fault(drop=True)
CUT = Fault(200, '{"id": "x", "choi', drop=True)
EMPTY = Fault(200, "{}")

Reply = str | Fault | Callable[[dict[str, Any]], "str | Fault"]


class ModelServer:
    """A local server for `/v1/chat/completions` and `/v1/embeddings`.

    Completions come from a script, whose last reply repeats. A text reply becomes the content of a completion. Embeddings
    are hashed vectors. `requests` holds the parsed bodies, `raw` the original bytes, `keys` the Authorization headers.
    `say` replaces the script at any time.
    """

    def __init__(self, *script: Reply, port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.keys: list[str] = []
        self.script: deque[Reply] = deque(script or (explanation("", [], understood=False),))
        self._lock = Lock()
        self._closing = Event()
        outer = self

        class ModelHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = _Server(("127.0.0.1", port), ModelHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def calls(self) -> int:
        return len(self.requests)

    def say(self, *script: Reply) -> None:
        """Replace the rest of the script."""
        with self._lock:
            self.script = deque(script)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        asked: dict[str, Any] = json.loads(raw)
        if handler.path.endswith("/embeddings"):
            _send(handler, Fault(200, json.dumps(_vectors(asked))))
            return
        if not handler.path.endswith("/chat/completions"):
            _send(handler, refused(404, f"no such path: {handler.path}"))
            return
        with self._lock:
            self.requests.append(asked)
            self.raw.append(raw)
            self.keys.append(handler.headers.get("Authorization", ""))
            reply = self.script.popleft() if len(self.script) > 1 else self.script[0]
        if callable(reply):
            reply = reply(asked)
        if isinstance(reply, str):
            reply = Fault(200, json.dumps(_completion(asked, reply)))
        if reply.slow and self._closing.wait(reply.slow):
            handler.close_connection = True
            return
        _send(handler, reply)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore closed connections, which some tests cause on purpose."""


def _send(handler: BaseHTTPRequestHandler, reply: Fault) -> None:
    body = (reply.body or (json.dumps(_completion({}, "")) if reply.slow else "")).encode()
    if reply.drop:
        handler.close_connection = True
        if not body:
            return
    with suppress(OSError):
        handler.send_response(reply.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body) + (100 if reply.drop else 0)))
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


def _completion(asked: dict[str, Any], content: str) -> dict[str, Any]:
    read = sum(len(message["content"]) for message in asked.get("messages", ())) // 4
    wrote = len(content) // 4
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 0,
        "model": asked.get("model", "local"),
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote},
    }


def _vectors(asked: dict[str, Any]) -> dict[str, Any]:
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    size = int(asked.get("dimensions") or HashedEmbedder.size)
    vectors = [(vector * (size // len(vector) + 1))[:size] for vector in HashedEmbedder().embed(texts)]
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    return {
        "object": "list",
        "data": data,
        "model": asked.get("model", "local"),
        "usage": {"prompt_tokens": len(texts), "total_tokens": len(texts)},
    }


def _error(message: str, code: str) -> str:
    return json.dumps(
        {"error": {"message": message, "type": code or "invalid_request_error", "code": code or None}}
    )
