"""Event source mappings as on Lambda: a new or changed mapping is in transition for a while, and rejects changes
meanwhile.

moto enables mappings at once. Here a mapping stays `Creating` or `Updating` for three reads or rejected changes.
Counting instead of timing keeps the tests independent of the machine's speed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

PATH = "/2015-03-31/event-source-mappings"
PATIENCE = 3  # reads until the transition ends
Start = Callable[..., Any]


class SlowMappings:
    """A WSGI application around moto's."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], patience: int = PATIENCE) -> None:
        self._inner = inner
        self._patience = patience
        self._busy: dict[str, tuple[str, int]] = {}  # UUID -> state, remaining reads

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"].rstrip("/")
        if not path.startswith(PATH):
            return self._inner(environ, start)
        method, uuid = environ["REQUEST_METHOD"], path.removeprefix(PATH).strip("/")
        state = self._look(uuid) if uuid and method in ("GET", "PUT") else ""
        if state and method == "PUT":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _refused(start, f"Cannot update the event source mapping because it is in {state} state.")
        status, headers, body = _answered(self._inner, environ)
        if status.startswith("2"):
            held = json.loads(body)
            if method in ("POST", "PUT"):
                self._busy[held["UUID"]] = ("Creating" if method == "POST" else "Updating", self._patience)
                held["State"] = self._busy[held["UUID"]][0]
            elif uuid:
                held["State"] = state or held["State"]
            for mapping in held.get("EventSourceMappings", ()):
                mapping["State"] = self._look(mapping["UUID"]) or mapping["State"]
            body = json.dumps(held).encode()
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _look(self, uuid: str) -> str:
        """Return the state of a mapping in transition, or an empty text after its end."""
        state, left = self._busy.pop(uuid, ("", 0))
        if left > 0:
            self._busy[uuid] = (state, left - 1)
        return state if left > 0 else ""


def settled(client: Any, uuid: str) -> None:
    """Read a mapping until its transition has ended."""
    while client.get_event_source_mapping(UUID=uuid)["State"].endswith("ing"):
        continue


def _answered(
    inner: Callable[..., Iterable[bytes]], environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    said: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
        said[:] = [status, headers]
        return lambda _: None

    body = b"".join(inner(environ, start))
    return said[0], said[1], body


def _refused(start: Start, why: str) -> Iterable[bytes]:
    body = json.dumps({"Type": "User", "Message": why}).encode()
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ResourceInUseException")]
    start("400 Bad Request", [*headers, ("Content-Length", str(len(body)))])
    return [body]
