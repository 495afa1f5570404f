"""The calls of each function to AWS: recorded by the emulator, stored in calls.json, compared with Terraform's
policies.

    python -m tests.cloud.recorded        uses every part of the local cloud, and writes calls.json

Each function signs with an access key of its own name, which identifies its requests. Numbers, dates and names that
differ from run to run are left out: the first folder stands for an object, the name for a secret.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from tests.cloud.aws import Account

KEPT = Path(__file__).with_name("calls.json")
PREFIX = "cali-local"  # prefix of the functions' names; the function behind the routes has only the prefix
SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
OBJECTS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}


class Called(NamedTuple):
    """One kind of call. `resource` is its ARN without service, region and account: `table/cali-incidents`."""

    who: str
    action: str
    resource: str


class Recorder:
    """A recorder of all requests to the emulator that keeps those of functions."""

    def __init__(self) -> None:
        self._seen: set[Called] = set()
        self._lock = Lock()

    def hear(self, environ: dict[str, Any]) -> None:
        """Record a request without changing it."""
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None or signed[1] == "local":
            return
        for call in _calls(_who(signed[1]), signed[2], environ):
            with self._lock:
                self._seen.add(call)

    def all(self) -> list[Called]:
        with self._lock:
            return sorted(self._seen)


def heard(account: Account) -> set[Called]:
    """Return the calls of the account's functions so far."""
    return {Called(*call) for call in account.calls()}


def kept(path: Path = KEPT) -> set[Called]:
    """Return the content of calls.json."""
    held: dict[str, dict[str, list[str]]] = json.loads(path.read_text())
    return {
        Called(who, action, resource)
        for who, calls in held.items()
        for action, resources in calls.items()
        for resource in resources
    }


def dumps(calls: Iterable[Called]) -> str:
    """Return the calls in the format of calls.json, sorted."""
    held: dict[str, dict[str, list[str]]] = {}
    for who, action, resource in sorted(calls):
        held.setdefault(who, {}).setdefault(action, []).append(resource)
    return json.dumps(held, indent=2) + "\n"


def _who(key: str) -> str:
    return key.removeprefix(PREFIX).removeprefix("-") or "api"


def _calls(who: str, service: str, environ: dict[str, Any]) -> list[Called]:
    if service == "s3":
        return [_of_s3(who, environ)]
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if not action:
        path = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        send = service == "ses" and path == "POST /v2/email/outbound-emails"
        return [Called(who, "ses:SendEmail" if send else f"{service}:{path}", "identity/*")]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    asked: dict[str, Any] = {}
    with suppress(ValueError):
        asked = json.loads(body or b"{}")
    return [Called(who, f"{service}:{action}", resource) for resource in _resources(service, asked)]


def _resources(service: str, asked: dict[str, Any]) -> list[str]:
    match service:
        case "dynamodb":
            table = f"table/{asked.get('TableName', '')}"
            return [f"{table}/index/{asked['IndexName']}" if asked.get("IndexName") else table]
        case "kinesis":
            return [f"stream/{_stream(asked)}"]
        case "secretsmanager":
            return [f"secret:{str(asked.get('SecretId', '')).rpartition(':secret:')[2]}"]
    return ["*"]


def _stream(asked: dict[str, Any]) -> str:
    """Return a stream's name. The emulator's iterators contain it."""
    if asked.get("StreamName"):
        return str(asked["StreamName"])
    if asked.get("ShardIterator"):
        return base64.b64decode(asked["ShardIterator"]).decode().partition(":")[0]
    return str(asked.get("StreamARN", "")).rpartition("/")[2]


def _of_s3(who: str, environ: dict[str, Any]) -> Called:
    _, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    if not key:
        prefix = parse_qs(environ.get("QUERY_STRING", "")).get("prefix", [""])[0]
        return Called(who, "s3:ListBucket", _folder(prefix))
    return Called(who, OBJECTS[environ["REQUEST_METHOD"]], _folder(key))


def _folder(key: str) -> str:
    return f"{key.partition('/')[0]}/*"


def main() -> int:
    from tests.cloud.exercise import exercised

    calls = exercised(lambda line: print(line, flush=True))
    before = kept() if KEPT.exists() else set()
    KEPT.write_text(dumps(calls))
    for sign, changed in (("+", calls - before), ("-", before - calls)):
        for call in sorted(changed):
            print(sign, *call)
    print(f"{KEPT.name}: {len(calls)} calls of {len({call.who for call in calls})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
