"""Pull requests on GitHub, or any server that speaks the same part of its REST API (version 2022-11-28).

    branch from the base, unless it exists -> write each file on it -> pull request, unless one is open

Each call is idempotent, so the next run completes a run that failed. No message contains the token.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cali.adapters.http.client import HttpResponse, accepted, request
from cali.core.errors import Misconfigured, Poison, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WHO = "GitHub"
URL = "https://api.github.com"
VERSION = "2022-11-28"


class GitHub:
    """PullRequests in one repository (`owner/name`). `token` returns the secret on demand."""

    def __init__(self, repository: str, token: Callable[[], str], base: str = "main", url: str = URL) -> None:
        if repository.count("/") != 1 or not all(repository.split("/")):
            raise Misconfigured(f"CALI_GITHUB_REPOSITORY: {repository!r} is not owner/name")
        self._repository = repository
        self._token = token
        self._base = base
        self._url = url.rstrip("/")

    def open(self, branch: str, title: str, body: str, files: Mapping[str, str]) -> str:
        self._branched(branch)
        for path, text in sorted(files.items()):
            self._written(path, text, branch, title)
        asked = {"title": title, "body": body, "head": branch, "base": self._base}
        answer = self._call("POST", "pulls", asked)
        if answer.status == 422:  # the branch has a pull request, or does not differ from the base
            return self._open_already(branch, answer)
        return str(_read(_accepted(answer), "html_url"))

    def _branched(self, branch: str) -> None:
        held = self._call("GET", f"git/ref/heads/{quote(branch)}")
        if held.status != 404:
            _accepted(held)
            return
        base = _accepted(self._call("GET", f"git/ref/heads/{quote(self._base)}"))
        asked = {"ref": f"refs/heads/{branch}", "sha": _read(base, "object", "sha")}
        answer = self._call("POST", "git/refs", asked)
        if answer.status != 422:  # another run has created it
            _accepted(answer)

    def _written(self, path: str, text: str, branch: str, why: str) -> None:
        place = f"contents/{quote(path)}"
        held = self._call("GET", f"{place}?ref={quote(branch)}")
        asked: dict[str, Any] = {
            "message": why,
            "content": b64encode(text.encode()).decode(),
            "branch": branch,
        }
        if held.status != 404:
            there = _accepted(held)
            asked["sha"] = _read(there, "sha")
            if "".join(str(_read(there, "content")).split()) == asked["content"]:
                return
        _accepted(self._call("PUT", place, asked))

    def _open_already(self, branch: str, refused: HttpResponse) -> str:
        owner = self._repository.split("/")[0]
        found = _accepted(self._call("GET", f"pulls?state=all&head={quote(f'{owner}:{branch}', safe=':')}"))
        if not _read(found):
            _accepted(refused)
        return str(_read(found, 0, "html_url"))

    def _call(self, method: str, path: str, asked: Mapping[str, Any] | None = None) -> HttpResponse:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json",
            "User-Agent": "cali",
            "X-GitHub-Api-Version": VERSION,
        }
        body = json.dumps(asked).encode() if asked is not None else None
        return request(WHO, method, f"{self._url}/repos/{self._repository}/{path}", body, headers)


def _accepted(answer: HttpResponse) -> HttpResponse:
    """Return a successful response. Raise Retryable also for a rate limit (403) and for a concurrent write (409)."""
    waits = answer.retry_after is not None or answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == 409 or (answer.status == 403 and waits):
        raise Retryable(f"{WHO}: {answer.status}, for a while", after=answer.retry_after)
    return accepted(WHO, answer)


def _read(answer: HttpResponse, *path: str | int) -> Any:
    """Return the value at a path in a JSON response."""
    try:
        found = json.loads(answer.body)
        for step in path:
            found = found[step]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        where = ".".join(map(str, path))
        raise Poison(f"{WHO}: its answer is not JSON{f' with {where}' if where else ''}") from error
    return found
