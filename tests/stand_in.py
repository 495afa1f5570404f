"""A fake HTTP server for an external service, which can be down or slow. Tests of one call use OneCallServer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Mode(StrEnum):
    """The mode of a fake. `down` closes connections without a response, `busy` responds with 429."""

    UP = "up"
    DOWN = "down"
    SLOW = "slow"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a fake."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """Its response."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"


BUSY = Said(429, b'{"ok":false,"error":"ratelimited"}', {"Retry-After": "1"})


class StandIn:
    """A server of `answer` on a port of its own. `mode` may be changed at any time."""

    slow_seconds = 20.0
    protocol = "HTTP/1.1"

    def __init__(self, answer: Callable[[Asked], Said]) -> None:
        self.mode = Mode.UP
        self._answer = answer
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = self.protocol
            disable_nagle_algorithm = True

            def do_any(self) -> None:
                outer._serve(self)

            do_GET = do_POST = do_PUT = do_any  # noqa: N815 - the names are http.server's

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        mode = self.mode
        if mode is Mode.DOWN or (mode is Mode.SLOW and self._closing.wait(self.slow_seconds)):
            handler.close_connection = True
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        said = (
            BUSY if mode is Mode.BUSY else self._answer(Asked(handler.command, handler.path, headers, body))
        )
        with suppress(OSError):  # the client did not wait
            handler.send_response(said.status)
            for name, value in {"Content-Type": said.kind, **said.headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(said.body)))
            handler.end_headers()
            handler.wfile.write(said.body)


class OneCallServer(StandIn):
    """A StandIn that closes each connection after its response, so no open socket outlives a test."""

    protocol = "HTTP/1.0"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that closed the connection."""
