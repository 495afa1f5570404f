"""A local server with the part of GitHub's REST API that pull requests need: refs, contents, pulls."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.stand_in import Asked, OneCallServer, Said

TOKEN = "github_pat_local"


class GitHubServer(OneCallServer):
    """One repository, `team/knowledge`. `branches` hold files by path, `pulls` the pull requests, `calls` the
    requests. A call in `fails` (method and last part of the path) gets that status once. A call in `says` gets
    that body each time. `headers` are in every response."""

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, str]] = {"main": {"README.md": "Ours.\n"}}
        self.pulls: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.fails: dict[str, int] = {}
        self.says: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        super().__init__(self._respond)

    def _respond(self, asked: Asked) -> Said:
        status, said = self._found(asked.method, asked.path, asked.body, asked.headers)
        sent = self._said(asked.method, asked.path) or json.dumps(said).encode()
        return Said(status, sent, self.headers, "application/json; charset=utf-8")

    def _said(self, method: str, target: str) -> bytes:
        path = unquote(urlsplit(target).path).removeprefix("/repos/team/knowledge/")
        return next((said for call, said in self.says.items() if f"{method} {path}".startswith(call)), b"")

    def _found(self, method: str, target: str, body: bytes, headers: Any) -> tuple[int, Any]:
        url = urlsplit(target)
        path = unquote(url.path).removeprefix("/repos/team/knowledge/")
        self.calls.append(f"{method} {path}")
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if not headers.get("user-agent") or headers.get("x-github-api-version") != "2022-11-28":
            return 403, {"message": "Request forbidden by administrative rules."}
        for call in list(self.fails):
            if f"{method} {path}".startswith(call):
                return self.fails.pop(call), {"message": "try later"}
        asked = json.loads(body) if body else {}
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if found := re.fullmatch(r"git/ref/heads/(.+)", path):
            return self._ref(found[1])
        if path == "git/refs":
            return self._branch(asked)
        if found := re.fullmatch(r"contents/(.+)", path):
            return self._file(method, found[1], query, asked)
        if path == "pulls":
            return self._pull(method, query, asked)
        return 404, {"message": "Not Found"}

    def _ref(self, branch: str) -> tuple[int, Any]:
        if branch not in self.branches:
            return 404, {"message": "Not Found"}
        return 200, {
            "ref": f"refs/heads/{branch}",
            "object": {"type": "commit", "sha": _sha(self.branches[branch])},
        }

    def _branch(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = str(asked["ref"]).removeprefix("refs/heads/")
        if name in self.branches:
            return 422, {"message": "Reference already exists"}
        base = next(files for files in self.branches.values() if _sha(files) == asked["sha"])
        self.branches[name] = dict(base)
        return 201, {"ref": asked["ref"]}

    def _file(self, method: str, path: str, query: dict[str, str], asked: dict[str, Any]) -> tuple[int, Any]:
        branch = self.branches[str(asked.get("branch") or query["ref"])]
        if method == "GET":
            if path not in branch:
                return 404, {"message": "Not Found"}
            lines = b64encode(branch[path].encode()).decode()
            wrapped = "\n".join(lines[i : i + 60] for i in range(0, len(lines), 60))
            return 200, {"content": wrapped, "encoding": "base64", "sha": _sha(branch[path])}
        if path in branch and asked.get("sha") != _sha(branch[path]):
            return 409, {"message": f"{path} does not match {asked.get('sha')}"}
        branch[path] = b64decode(asked["content"]).decode()
        return 200, {"content": {"path": path}}

    def _pull(self, method: str, query: dict[str, str], asked: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            return 200, [one for one in self.pulls if f"team:{one['head']}" == query.get("head")]
        if any(one["head"] == asked["head"] for one in self.pulls):
            return 422, {
                "message": "Validation Failed",
                "errors": [{"message": "A pull request already exists"}],
            }
        if self.branches[asked["head"]] == self.branches[asked["base"]]:
            return 422, {"message": "Validation Failed", "errors": [{"message": "No commits between them"}]}
        number = len(self.pulls) + 1
        self.pulls.append(
            {**asked, "number": number, "html_url": f"https://github.local/team/knowledge/pull/{number}"}
        )
        return 201, self.pulls[-1]


def _sha(value: object) -> str:
    return sha1(json.dumps(value, sort_keys=True).encode()).hexdigest()  # noqa: S324 - as Git names things
