"""Lambda's Runtime API for one process, through which the runtime client gets events and returns results."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from uuid import uuid4

from tests.cloud.batches import Outcome

INIT_SECONDS = 30.0  # Lambda allows 10 s; two busy cores are slower


class _Invocation(NamedTuple):
    id: str
    payload: bytes
    timeout: float


class RuntimeApi:
    """A server of the four paths of the Runtime API on an address of its own."""

    def __init__(self, function_arn: str) -> None:
        self._arn = function_arn
        self._turn = threading.Condition()
        self._next: _Invocation | None = None
        self._current = ""
        self._fetched = 0.0  # time at which the process took the invocation; 0 before
        self._outcome: Outcome | None = None
        self._dead = ""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = (
                True  # headers and body are sent separately; waiting for the acknowledgement costs 40 ms
            )

            def do_GET(self) -> None:
                api._give(self)

            def do_POST(self) -> None:
                api._take(self)

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        )
        self._thread.start()

    def invoke(self, payload: bytes, timeout: float) -> Outcome | None:
        """Return the result of an event, or None after a timeout. The timeout starts when the process takes the
        event; the start of the process has its own limit."""
        with self._turn:
            self._outcome, self._fetched = None, 0.0
            self._next = _Invocation(str(uuid4()), payload, timeout)
            self._current = self._next.id
            self._turn.notify_all()
            started = time.monotonic()
            while self._outcome is None and not self._dead:
                limit = self._fetched + timeout if self._fetched else started + INIT_SECONDS
                left = limit - time.monotonic()
                if left <= 0:
                    return None
                self._turn.wait(left)
            self._next, self._current = None, ""
            return self._outcome or Outcome(error=self._dead)

    def died(self, why: str) -> None:
        """Report that the process has ended, so that no caller waits for it."""
        with self._turn:
            self._dead = self._dead or why
            self._turn.notify_all()

    def close(self) -> None:
        self.died("Runtime.ExitError: killed")
        self._server.shutdown()
        self._server.server_close()

    def _give(self, handler: BaseHTTPRequestHandler) -> None:
        with self._turn:
            while self._next is None and not self._dead:
                self._turn.wait()
            invocation, self._next = self._next, None
            self._fetched = time.monotonic()
            self._turn.notify_all()
        if invocation is None:
            handler.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + invocation.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{invocation.id.replace('-', '')[:24]};Sampled=0",
        }
        _send(handler, 200, invocation.payload, headers)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        parts = handler.path.split("/")
        if parts[-2:] == ["init", "error"]:
            self.died(_described(body))
        else:
            outcome = Outcome(body) if parts[-1] == "response" else Outcome(error=_described(body))
            with self._turn:
                if parts[-2] == self._current:
                    self._outcome = outcome
                    self._turn.notify_all()
        _send(handler, 202, b'{"status":"OK"}', {"Content-Type": "application/json"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore closed connections of killed processes."""


def _described(body: bytes) -> str:
    try:
        said = json.loads(body)
        trace = "".join(said.get("stackTrace") or ())
        return f"{said.get('errorType', 'Error')}: {said.get('errorMessage', '')}\n{trace}".rstrip()
    except (ValueError, AttributeError, TypeError):
        return body.decode(errors="replace") or "Error"


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
