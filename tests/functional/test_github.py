"""Pull requests against a server with GitHub's protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cali.adapters.github.pull_requests import GitHub
from cali.core.errors import Misconfigured, Poison, Retryable
from tests.functional.github import TOKEN, GitHubServer

FILES = {"knowledge/learnt-2026-11-20.yaml": "version: 2026-11-20\narea: learnt\nentries: []\n" * 20}
BRANCH = "cali/learnt-2026-11-20"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as made:
        yield made


def hub(server: GitHubServer, token: str = TOKEN) -> GitHub:
    return GitHub("team/knowledge", lambda: token, url=server.url)


def opened(server: GitHubServer, token: str = TOKEN) -> str:
    return hub(server, token).open(BRANCH, "Know 1 new entry", "By the model.", FILES)


def test_a_pull_request_holds_the_files_on_a_branch_of_its_own(server):
    assert opened(server) == "https://github.local/team/knowledge/pull/1"
    assert server.branches[BRANCH] == {"README.md": "Ours.\n", **FILES}
    assert server.branches["main"] == {"README.md": "Ours.\n"}
    (pull,) = server.pulls
    assert (pull["title"], pull["head"], pull["base"]) == ("Know 1 new entry", BRANCH, "main")


def test_opened_again_is_opened_once_and_writes_nothing(server):
    first = opened(server)
    server.calls.clear()
    assert opened(server) == first
    assert len(server.pulls) == 1
    assert not [call for call in server.calls if call.startswith("PUT")]


def test_other_content_goes_over_the_file_of_the_branch(server):
    opened(server)
    hub(server).open(BRANCH, "Again", "", {next(iter(FILES)): "version: 2026-11-21\n"})
    assert server.branches[BRANCH][next(iter(FILES))] == "version: 2026-11-21\n"
    assert len(server.pulls) == 1


@pytest.mark.parametrize("call", ["GET git/ref", "POST git/refs", "PUT contents", "POST pulls"])
def test_what_failed_in_between_is_finished_by_the_next_run(server, call):
    server.fails[call] = 503
    with pytest.raises(Retryable, match="503"):
        opened(server)
    assert opened(server).endswith("/pull/1")
    assert len(server.pulls) == 1


def test_a_wrong_token_is_said_and_not_shown(server):
    with pytest.raises(Misconfigured, match="GitHub: 401") as failure:
        opened(server, "github_pat_wrong")
    assert "github_pat_wrong" not in str(failure.value)


def test_a_branch_without_a_difference_is_refused(server):
    with pytest.raises(Poison, match="No commits between them"):
        hub(server).open("empty", "Nothing", "", {"README.md": "Ours.\n"})


def test_a_server_that_is_away_may_be_asked_later(server):
    away = GitHub("team/knowledge", lambda: TOKEN, url="http://127.0.0.1:9")
    with pytest.raises(Retryable, match="GitHub: cannot be reached"):
        away.open(BRANCH, "x", "", FILES)


@pytest.mark.parametrize("name", ["", "knowledge", "a/b/c", "/x"])
def test_a_repository_has_an_owner_and_a_name(name):
    with pytest.raises(Misconfigured, match="is not owner/name"):
        GitHub(name, lambda: TOKEN)


@pytest.mark.parametrize("headers", [{"Retry-After": "60"}, {"X-RateLimit-Remaining": "0"}])
def test_a_limit_of_calls_is_waited_for_and_a_refusal_is_not(server, headers):
    server.fails["GET git/ref"] = 403
    with pytest.raises(Misconfigured, match="GitHub: 403"):
        opened(server)
    server.fails["GET git/ref"], server.headers = 403, headers
    with pytest.raises(Retryable, match="GitHub: 403"):
        opened(server)


def test_a_branch_that_another_run_writes_to_is_tried_again(server):
    server.fails["PUT contents"] = 409
    with pytest.raises(Retryable, match="409"):
        opened(server)
    assert opened(server).endswith("/pull/1")


@pytest.mark.parametrize("body", [b"<html>proxy</html>", b"[]", b"{}", b'{"object": 1}', b"[" * 100_000])
@pytest.mark.parametrize("call", ["GET git/ref/heads/main", "GET contents", "POST pulls"])
def test_an_answer_of_another_form_is_one_line(server, call, body):
    server.branches["main"][next(iter(FILES))] = "old\n"
    server.says[call] = body
    with pytest.raises(Poison, match="GitHub: its answer is not JSON"):
        opened(server)
