"""`cali doctor` on this machine and against fake servers: all checks pass, then each part is broken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.bootstrap.doctor import doctor_context
from cali.core.settings import Settings
from cali.doctor import CheckResult, State, examine, reach
from tests.functional.shell import inside, outside
from tests.stand_in import Asked, OneCallServer, Said

NOWHERE = "http://127.0.0.1:9"
STAGE = "dev"


# This machine.


def test_with_nothing_configured_this_machine_is_looked_at_and_it_says_so(
    cache: Path, tmp_path: Path
) -> None:
    done = inside("doctor", "--config", tmp_path / "none.json")

    assert done.code == 0
    assert "nothing else is configured" in done.text
    assert done.text.splitlines()[-1].endswith("ok, 0 warn, 0 fail")


def test_json_holds_the_same(cache: Path) -> None:
    text, plain = (
        inside("doctor", "--offline").text.splitlines(),
        inside("doctor", "--offline", "--format", "json").report,
    )

    assert len(text) == len(plain["findings"]) + 1
    assert plain["summary"]["fail"] == 0
    assert {"state", "what", "detail", "then"} == set(plain["findings"][0])


def test_a_setting_that_cannot_be_used_fails_and_the_rest_is_looked_at(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALI_BATCH_SIZE", "many")
    monkeypatch.setenv("CALI_SETTLE", "-1")
    monkeypatch.setenv("CALI_MODLE", "small")

    done = inside("doctor", "--offline")

    assert done.code == 1
    assert (
        "fail  settings        CALI_BATCH_SIZE: 'many' is not a number  -> correct that variable" in done.text
    )
    assert "CALI_SETTLE: '-1' is below 0" in done.text
    assert "warn  settings        nothing reads CALI_MODLE" in done.text
    assert str(cache) in done.text  # the valid settings are used


def test_a_team_entry_that_cannot_be_read_fails(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("area: x\nentries: 3\n")
    monkeypatch.setenv("CALI_KNOWLEDGE_DIR", str(tmp_path))

    done = inside("doctor", "--offline")

    assert done.code == 1
    assert "fail  team knowledge" in done.text


def test_a_cache_that_cannot_be_written_fails(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CALI_CACHE_DIR", str(tmp_path / "file" / "cache"))

    done = inside("doctor", "--offline")

    assert done.code == 1
    assert "cannot be written" in done.text


def test_damaged_files_are_told_with_what_to_do(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "cache"
    monkeypatch.setenv("CALI_CACHE_DIR", str(home))
    state = tmp_path / "state.db"
    SqliteIncidents(state)
    assert inside("doctor", "--offline", "--state", state).code == 0

    (home / "answers.db").write_bytes(b"no database at all, but long enough to be read as a file of one" * 20)
    state.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    done = inside("doctor", "--offline", "--state", state)

    assert done.code == 1
    assert "warn  answers" in done.text
    assert "fail  incidents" in done.text


def test_another_file_than_that_of_watch_is_told(cache: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE x (y)")

    assert (
        "not a file of cali watch --state"
        in inside("doctor", "--offline", "--state", tmp_path / "other.db").text
    )
    assert "not there" in inside("doctor", "--offline", "--state", tmp_path / "none.db").text


def test_bad_usage_is_exit_code_2(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[")

    assert inside("doctor", "--format", "xml").code == 2
    assert inside("doctor", "--stage", STAGE, "--config", tmp_path / "none.json").code == 2
    assert inside("doctor", "--stage", STAGE, "--config", tmp_path / "bad.json").code == 2


# Servers.


@pytest.mark.parametrize(
    "section",
    [
        {"environment_variables": ["CALI_MODEL"]},
        {"environment_variables": None},
        {"environment_variables": {"CALI_BATCH_SIZE": 5}},
        {"lambda_functions": []},
        {"lambda_functions": {"analyze": None}},
        {"lambda_functions": {"analyze": {"environment_variables": []}}},
    ],
)
def test_a_declaration_of_another_form_is_one_line(cache: Path, tmp_path: Path, section: object) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"stages": {STAGE: section}}))

    done = inside("doctor", "--offline", "--stage", STAGE, "--config", config)

    assert done.code == 2
    assert f"--config {config}: stage {STAGE}: " in done.err


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    """Start a server that gives every GET the same response, and requires a key."""

    def answer(request: Asked) -> Said:
        return Said(status if request.headers["authorization"] == "Bearer right-key" else 401, body)

    with OneCallServer(answer) as server:
        yield f"{server.url}/v1"


def asked(url: str, key: str = "right-key", model: str = "small") -> CheckResult:
    settings = Settings(openai_base_url=url, openai_api_key=key, model=model)
    (found,) = examine([reach.model], doctor_context(settings, _no_aws, lambda: 0.0))
    return found


def test_a_models_server_is_asked_for_its_models() -> None:
    with serving(200, json.dumps({"data": [{"id": "small"}]}).encode()) as url:
        assert asked(url).state is State.OK
        wrong_key, wrong_model = asked(url, key="wrong-key"), asked(url, model="large")
    with serving(500, b"") as url:
        broken = asked(url)
    with serving(200, b"<html>") as url:
        page = asked(url)
    with serving(404, b"") as url:
        lists_none = asked(url)
    away, odd = asked(f"{NOWHERE}/v1"), asked("ftp://x")

    assert [one.state for one in (wrong_key, wrong_model, broken, page, away, odd)] == [State.FAIL] * 6
    assert lists_none.state is State.WARN
    assert "has no model large; it has small" in wrong_model.detail
    assert "wrong-key" not in wrong_key.detail


def test_a_base_url_alone_is_no_choice_of_a_model() -> None:
    found = asked(f"{NOWHERE}/v1", key="", model="")

    assert (found.state, found.then) == (State.WARN, "set CALI_MODEL to a model of that server")


def test_a_milvus_that_is_away_fails() -> None:
    settings = Settings(milvus_uri=NOWHERE, milvus_token="root:secret-word")
    (found,) = examine([reach.milvus], doctor_context(settings, _no_aws, lambda: 0.0, timeout=1.0))
    (odd,) = examine([reach.milvus], doctor_context(Settings(milvus_uri="milvus"), _no_aws, lambda: 0.0))

    assert (found.state, odd.state) == (State.FAIL, State.FAIL)
    assert "secret-word" not in found.detail


def test_the_whole_command_hides_the_key_it_uses(cache: Path) -> None:
    env = {
        "CALI_OPENAI_API_KEY": "plain-secret-word",
        "CALI_OPENAI_BASE_URL": f"{NOWHERE}/plain-secret-word/v1",
    }

    done = outside("doctor", env=env)

    assert done.code == 1
    assert "fail  model" in done.text
    assert "plain-secret-word" not in done.text + done.err


def _no_aws(service: str) -> Any:
    raise AssertionError(f"nobody may ask {service}")
