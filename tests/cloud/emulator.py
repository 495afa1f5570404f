"""moto's server as a separate process, with additions: `python -m tests.cloud.emulator PORT [RUNTIME_PORT]`.

Added: layers by ARN, the code of functions and layers, invocations (forwarded to RUNTIME_PORT), DynamoDB throttling,
APIs in Swagger 2, mappings in transition, a size limit of layers in a request. Replaced: the trigger that would start
Docker for every record, and shards whose cost grew with their content and whose sequence numbers were 1, 2, 3. The
process ends when its standard input is closed, so it never outlives its parent.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.awslambda.models import LambdaBackend, lambda_backends
from moto.kinesis import models as kinesis
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.cloud.mappings import SlowMappings
from tests.cloud.outages import Outages
from tests.cloud.recorded import Recorder
from tests.cloud.shards import SteadyShard

ACCOUNT = "000000000000"
REGION = "ap-northeast-2"
LARGEST = 70_167_211  # maximum bytes of a request to Lambda: a zip of 50 MB in base64
Start = Callable[..., Any]


def _no_trigger(*_: Any, **__: Any) -> None:
    """Do nothing: poller.py polls the mappings. moto has no setting for this. Without Docker its own trigger fails
    silently."""


class Extended:
    """The WSGI application: the additions first, then moto."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], runtime_port: int | None) -> None:
        self._inner = SlowMappings(inner)
        self._runtime_port = runtime_port
        self._throttled = 0.0
        self._random = Random(7)
        self._recorder = Recorder()
        self._outages = Outages()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        self._recorder.hear(environ)
        path = environ["PATH_INFO"]
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_") and self._is_throttled():
            _body(environ)
            kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            said = {"__type": kind, "message": "The level of configured provisioned throughput was exceeded"}
            return _json(start, "400 Bad Request", said)
        refused = self._outages.refused(environ)
        if refused:
            _body(environ)
            status, kind, content = refused
            start(status, [("Content-Type", kind), ("Content-Length", str(len(content)))])
            return [content]
        if path.startswith("/_local/"):
            return self._own(path.split("/")[2:], environ, start)
        if path.startswith("/2018-10-31/layers") and "find=LayerVersion" in environ.get("QUERY_STRING", ""):
            layer = _layer(parse_qs(environ["QUERY_STRING"])["Arn"][0])
            return _found(start, layer and layer.get_layer_version())
        if path.startswith("/2018-10-31/layers") and int(environ.get("CONTENT_LENGTH") or 0) > LARGEST:
            _body(environ)
            return _json(
                start,
                "413 Request Entity Too Large",
                {"Message": f"Request must be smaller than {LARGEST} bytes"},
            )
        if path.endswith("/invocations") and self._runtime_port:
            return self._invoke(path.split("/")[-2], environ, start)
        if path.startswith("/restapis") and environ["REQUEST_METHOD"] in ("POST", "PUT"):
            _modernise(environ)
        return self._inner(environ, start)

    def _is_throttled(self) -> bool:
        return self._throttled > 0 and self._random.random() < self._throttled

    def _own(self, parts: list[str], environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        match parts:
            case ["throttle"]:
                self._throttled = float(json.loads(_body(environ))["share"])
                return _json(start, "200 OK", {"share": self._throttled})
            case ["asked"]:
                return _json(start, "200 OK", self._outages.asked)
            case ["outage", service]:
                return _json(start, "200 OK", self._outages.set(service, _body(environ)))
            case ["calls"]:
                return _json(start, "200 OK", self._recorder.all())
            case ["code", "function", name]:
                held: Any = lambda_backends[ACCOUNT][REGION].get_function(unquote(name))
            case ["code", "layer", arn]:
                held = _layer(unquote(arn))
            case _:
                held = None
        if held is None:
            return _found(start, None)
        start("200 OK", [("Content-Type", "application/zip"), ("Content-Length", str(len(held.code_bytes)))])
        return [held.code_bytes]

    def _invoke(self, name: str, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        connection = HTTPConnection("127.0.0.1", self._runtime_port)
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        connection.request(
            "POST", f"/{name.rsplit(':', 1)[-1]}", _body(environ), {"X-Amz-Invocation-Type": kind}
        )
        answer = connection.getresponse()
        body = answer.read()
        headers = [(key, value) for key, value in answer.getheaders() if key.lower().startswith("x-amz-")]
        start(f"{answer.status} {answer.reason}", [*headers, ("Content-Length", str(len(body)))])
        return [body]


def _modernise(environ: dict[str, Any]) -> None:
    """Convert Chalice's Swagger 2 document to OpenAPI 3, the only version that moto reads. Paths and integrations are
    the same in both."""
    body = _body(environ)
    with suppress(ValueError, TypeError, KeyError):
        document = json.loads(body)
        if document.pop("swagger", None):
            document = {"openapi": "3.0.0", "info": document["info"], "paths": document["paths"]}
        document["info"].setdefault("description", "")
        body = json.dumps(document).encode()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _layer(arn: str) -> Any:
    return lambda_backends[ACCOUNT][REGION].layers_versions_by_arn(arn)


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _found(start: Start, held: Any) -> Iterable[bytes]:
    if not held:
        return _json(start, "404 Not Found", {"Type": "User", "Message": "no such resource"})
    return _json(start, "200 OK", held)


def _json(start: Start, status: str, content: Any) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"  # clients keep their connections open

    def log_request(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: one line per request would be too much."""


def main(port: int, runtime_port: int | None = None) -> None:
    """Serve until standard input is closed."""
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    LambdaBackend.send_kinesis_message = _no_trigger  # type: ignore[method-assign]
    kinesis.Shard = SteadyShard  # type: ignore[misc]
    application = Extended(DomainDispatcherApplication(create_backend_app), runtime_port)
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
