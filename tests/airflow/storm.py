"""A proxy for S3 that rejects some calls, as S3 does under load or for missing permissions."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

SLOW_DOWN, DENIED = (503, "SlowDown"), (403, "AccessDenied")
ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
NOT_SENT_ON = {"connection", "expect", "host", "transfer-encoding"}


def _refused(says: tuple[int, str]) -> tuple[int, list[tuple[str, str]], bytes]:
    status, code = says
    body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
    return status, [("Content-Type", "application/xml")], body


class Storm:
    """A proxy that forwards requests, but rejects those in `refuses`: a method and the end of a path, such as "PUT
    /gate.json". `says` is the response. `may` is the caller's policy, called with an action and a key or prefix.
    As on S3, a missing key gives 403 if the caller may not list it."""

    def __init__(self, endpoint: str, may: Callable[[str, str], bool] = lambda _action, _key: True) -> None:
        self.refuses = ""
        self.says = SLOW_DOWN
        self._to = urlsplit(endpoint).netloc
        self._may = may
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                outer._pass(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815 - the names are http.server's

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        method, _, end = self.refuses.partition(" ")
        asked = urlsplit(handler.path)
        key = asked.path.lstrip("/").partition("/")[2]
        action = ACTIONS.get(handler.command, "") if key else "s3:ListBucket"
        listed = key or parse_qs(asked.query).get("prefix", [""])[0]
        if method == handler.command and asked.path.endswith(end):
            status, headers, said = _refused(self.says)
        elif not self._may(action, listed):
            status, headers, said = _refused(DENIED)
        else:
            status, headers, said = self._asked(handler, body)
            if status == 404 and not self._may("s3:ListBucket", listed):
                status, headers, said = _refused(DENIED)
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in {*NOT_SENT_ON, "content-length", "server", "date"}:
                handler.send_header(name, value)
        length = dict(headers).get("Content-Length", len(said)) if handler.command == "HEAD" else len(said)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(said)

    def _asked(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(self._to, timeout=30)
        try:
            sent = {name: value for name, value in handler.headers.items() if name.lower() not in NOT_SENT_ON}
            connection.request(handler.command, handler.path, body, {**sent, "Host": self._to})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
