"""The model through the command line, against a local server with OpenAI's protocol."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from cali.bootstrap.reasoner import DEFAULT_MODEL
from cali.testing.model_server import BROKEN, Fault, ModelServer, explanation
from tests.functional.shell import inside

PARTS = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima",
    "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
]  # fmt: skip
KNOWN = "write /data/wal: no space left on device"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return ten thousand lines with twenty unknown templates and a known error between them."""
    path = tmp_path / "app.log"
    rows = []
    for n in range(10_000):
        stamp = f"2026-11-20T02:{n // 60 % 60:02d}:{n % 60:02d}Z"
        if n % 50 == 7:
            rows.append(f"{stamp} ERROR {PARTS[n // 50 % 20]} coupling lost phase on rack-{n}")
        elif n % 500 == 9:
            rows.append(f"{stamp} ERROR {KNOWN}")
        else:
            rows.append(f"{stamp} INFO request {n} served in {n % 90} ms")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.fixture(autouse=True)
def _own_answers(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are cached by the model's name, so tests share none. All tests share the index."""
    monkeypatch.setenv("CALI_MODEL", f"local-{tmp_path.name}")
    monkeypatch.setenv("CALI_MODEL_TIMEOUT", "2")
    monkeypatch.setenv("CALI_CALLS_PER_DAY", "1000")


def honest(asked: dict[str, Any]) -> str:
    line = asked["messages"][1]["content"].split("L1*| ")[1].split("\n")[0]
    part = next(part for part in PARTS if part in line)
    return explanation(f"The {part} coupling lost its phase.", ["L1"], ["Check the coupling."])


def origins(report: Any) -> list[str]:
    return sorted(one["diagnosis"]["origin"] for one in report["incidents"])


def test_twenty_unknown_templates_cost_at_most_twenty_calls_and_a_second_run_none(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(honest) as server:
        monkeypatch.setenv("CALI_OPENAI_BASE_URL", server.url)
        first = inside("analyze", log, "--format", "json")
        assert first.code == 0, first.err
        assert 0 < server.calls <= 20
        assert origins(first.report) == ["knowledge"] + ["model"] * 20
        calls = server.calls
        second = inside("analyze", log, "--format", "json")
        assert server.calls == calls
        assert second.out == first.out
        assert (
            origins(inside("analyze", log, "--format", "json", "--no-model").report)
            == ["knowledge"] + ["none"] * 20
        )
        assert server.calls == calls


@pytest.mark.parametrize(
    "reply", [BROKEN, Fault(slow=30), "I am sure it is the moon."], ids=["broken", "slow", "nonsense"]
)
def test_a_server_that_fails_costs_no_known_error_its_answer(
    reply: Any, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALI_MODEL_TIMEOUT", "0.2")
    with ModelServer(reply) as server:
        monkeypatch.setenv("CALI_OPENAI_BASE_URL", server.url)
        ran = inside("analyze", log, "--format", "json")
        assert server.calls <= 20
    assert ran.code == 0, ran.err
    assert origins(ran.report) == ["knowledge"] + ["none"] * 20
    assert ran.report["summary"]["lines"] == 10_000
    assert all(one["diagnosis"]["evidence"] for one in ran.report["incidents"])


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        ({"CALI_OPENAI_BASE_URL": "SERVER"}, ""),
        ({"CALI_MODEL": "local"}, ""),
        ({"CALI_MODEL": "local", "CALI_OPENAI_BASE_URL": "SERVER"}, "local"),
        ({"CALI_OPENAI_API_KEY": "a-key", "CALI_OPENAI_BASE_URL": "SERVER"}, DEFAULT_MODEL),
        ({"CALI_OPENAI_API_KEY": "a-key", "CALI_MODEL": "local", "CALI_OPENAI_BASE_URL": "SERVER"}, "local"),
    ],
)
def test_a_model_is_asked_only_when_a_key_or_a_name_chooses_it(
    chosen: dict[str, str], asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "one.log"
    one.write_text("2026-11-20T02:00:00Z ERROR alpha coupling lost phase\n", "utf-8")
    monkeypatch.setenv("CALI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CALI_MODEL")
    with ModelServer(honest) as server:
        for name, value in chosen.items():
            monkeypatch.setenv(name, server.url if value == "SERVER" else value)
        ran = inside("analyze", one, "--format", "json")
        (found,) = ran.report["incidents"]
        assert (server.calls, found["diagnosis"]["origin"]) == ((1, "model") if asked else (0, "none"))
        assert [sent["model"] for sent in server.requests] == ([asked] if asked else [])


def test_a_server_that_is_not_there(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CALI_OPENAI_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    ran = inside("analyze", log, "--format", "json")
    assert (ran.code, origins(ran.report)) == (0, ["knowledge"] + ["none"] * 20)
