"""All deployed functions and mappings. The fleet follows later deployments and changes of mappings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.cloud.artefact import Shelf, function
from tests.cloud.aws import Account
from tests.cloud.batches import Outcome, settings_of
from tests.cloud.poller import Deliveries, Progress, ShardPoller, Source, keep_in_s3
from tests.cloud.runtime import Heard, Host
from tests.cloud.streams import Streams

WATCH_SECONDS = 2.0


def _as_lambda_does(_: str) -> Deliveries:
    return Deliveries()


class Fleet:
    """A runner of the deployed functions. `watch` follows deployments until `close`."""

    def __init__(
        self,
        account: Account,
        home: Path,
        streams: Streams,
        heard: Heard | None = None,
        deliveries: Callable[[str], Deliveries] = _as_lambda_does,
        processes: int = 2,
    ) -> None:
        self._account = account
        self._home = home
        self._streams = streams
        self._heard = heard
        self._deliveries = deliveries
        self._processes = processes
        self._lambda = account.client("lambda")
        self._keep = keep_in_s3(account.client("s3"))
        self._shelf = Shelf(account, home / "code")
        self._hosts: dict[str, Host] = {}
        self._retired: list[Host] = []
        self._pollers: dict[str, list[ShardPoller]] = {}
        self._ended: list[tuple[str, Progress]] = []
        self._names: dict[str, str] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def watch(self) -> None:
        """Follow deployments from now on."""
        self.refresh()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="watch mappings")
        self._watcher.start()

    def refresh(self) -> None:
        """Update hosts and pollers to the current deployment."""
        deployed = {found["FunctionName"] for found in self._all("list_functions", "Functions")}
        mappings = {
            found["UUID"]: found for found in self._all("list_event_source_mappings", "EventSourceMappings")
        }
        with self._lock:
            for uuid in self._pollers.keys() - mappings.keys():
                self._end(uuid)
            for name in self._hosts.keys() - deployed:
                self._hosts.pop(name).close()
            for uuid, mapping in mappings.items():
                if mapping["FunctionArn"].rsplit(":", 1)[1] in deployed:
                    self._follow(uuid, mapping)
            for name in self._hosts:
                self._renew(name)

    def host(self, name: str) -> Host:
        """Return the processes of a deployed function, with its newest code."""
        with self._lock:
            return self._hosts.get(name) or self._renew(name)

    def hosts(self) -> dict[str, Host]:
        with self._lock:
            return dict(self._hosts)

    def invoke(self, name: str, payload: bytes) -> Outcome:
        return self.host(name).invoke(payload)

    @property
    def idle(self) -> bool:
        """Return whether every record of every mapped stream was read and is done."""
        with self._lock:
            return all(poller.idle for pollers in self._pollers.values() for poller in pollers)

    def progress(self) -> Iterable[tuple[str, Progress]]:
        """Return the progress of each mapping in each shard, with the name of its function."""
        with self._lock:
            running = [
                (self._names[uuid], poller.progress) for uuid, pollers in self._pollers.items() for poller in pollers
            ]  # fmt: skip
            return [*self._ended, *running]

    def close(self) -> None:
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join()
        with self._lock:
            hosts = [*self._hosts.values(), *self._retired]
            self._hosts.clear()
        for host in hosts:  # first, so that no poller waits for a slow function
            host.close()
        for uuid in list(self._pollers):
            self._end(uuid)

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_SECONDS):
            try:
                self.refresh()
            except (BotoCoreError, ClientError):
                continue  # the emulator is stopping, or a function was deleted in the meantime

    def _follow(self, uuid: str, mapping: dict[str, Any]) -> None:
        settings = settings_of(mapping)
        if uuid in self._pollers:
            for poller in self._pollers[uuid]:
                poller.settings = settings
            return
        arn = mapping["FunctionArn"]
        name = arn.rsplit(":", 1)[1]
        role = self.host(name).function.role
        source = Source(uuid, mapping["EventSourceArn"], arn, role, lambda: self.host(name), self._keep)
        readers = self._streams.readers(mapping["EventSourceArn"].rsplit("/", 1)[1])
        self._names[uuid] = name
        self._pollers[uuid] = [
            ShardPoller(source, reader, settings, self._deliveries(name)) for reader in readers
        ]

    def _end(self, uuid: str) -> None:
        for poller in self._pollers.pop(uuid):
            poller.close()
            self._ended.append((self._names[uuid], poller.progress))

    def _renew(self, name: str) -> Host:
        found = function(self._lambda, name)
        held = self._hosts.get(name)
        if held is not None and held.function.revision == found.revision:
            return held
        host = Host(
            found,
            self._shelf.files(found),
            self._account.environment(),
            self._home / "run" / name,
            self._processes,
        )
        host.on_line = self._heard or host.on_line
        self._hosts[name] = host
        if held is not None:
            self._retired.append(held)  # it finishes the current work
        return host

    def _all(self, operation: str, key: str) -> list[dict[str, Any]]:
        pages = self._lambda.get_paginator(operation).paginate()
        return [item for page in pages for item in page[key]]


class Invocations:
    """An HTTP server that forwards the emulator's Invoke calls to the fleet."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        payload = handler.rfile.read(int(handler.headers.get("Content-Length", "0"))) or b"{}"
        if self.fleet is None:
            handler.send_error(503)
            return
        name, fleet = handler.path.strip("/"), self.fleet
        if handler.headers.get("X-Amz-Invocation-Type") == "Event":
            threading.Thread(target=fleet.invoke, args=(name, payload), daemon=True).start()
            outcome, status = Outcome(b""), 202
        else:
            outcome, status = fleet.invoke(name, payload), 200
        body = outcome.body
        handler.send_response(status)
        if outcome.error:
            handler.send_header("X-Amz-Function-Error", "Unhandled")
            body = b'{"errorMessage": "see the function\'s log"}'
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
