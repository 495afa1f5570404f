"""Planted secrets appear in nothing that CALI writes, shows, stores or sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from cali.testing.model_server import ModelServer, explanation
from tests.functional.shell import inside

# Joined here, so that no file of the repository contains a text that looks like a secret.
SECRETS = {
    "an AWS key": "AKIA" + "Q3EGRZ5XJ7LM2N4P",
    "a GitHub token": "ghp" + "_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "a Slack token": "xox" + "b-2314567890-2314567890123-" + "AbCdEfGhIjKlMnOpQrStUvWx",
    "an OpenAI key": "sk-" + "proj-" + "Ab3dEf7hIj1kLm5nOp9qRs2tUv6wXy0z" + "Ab3dEf7hIj1k",
    "a JWT": ".".join(
        ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"]
    ),
    "an e-mail": "jane.roe" + "@" + "example.com",
    "a card": "4111 1111" + " 1111 1111",
    "a password": "hunter2" + "-Horse!",
    "a URL's password": "S3cr3t" + "W0rdInUrl",
    "a bearer": "q7W8e9R0t1Y2u3I4" + "o5P6a7S8d9F0",
}
PARTS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"]


def lines() -> list[str]:
    said = {
        "a password": "password={}",
        "a URL's password": "postgres://app:{}@db.shop:5432/orders",
        "a bearer": "Authorization: Bearer {}",
        "an e-mail": "recipient {}",
    }
    planted = [
        f"2026-11-20T02:00:{n:02d}Z ERROR {part} coupling lost phase, {said.get(name, 'key {}').format(secret)}"
        for n, (part, (name, secret)) in enumerate(zip(PARTS, SECRETS.items(), strict=True))
    ]
    trace = [
        "2026-11-20T02:01:00Z ERROR kilo coupling broke",
        "Traceback (most recent call last):",
        f'  File "/app/kilo.py", line 1, in kilo(token="{SECRETS["a GitHub token"]}")',
        f"kilo.Error: {SECRETS['an AWS key']} is not valid, user {SECRETS['an e-mail']}",
    ]
    return planted + trace


def honest(asked: dict[str, object]) -> str:
    del asked
    return explanation("The coupling lost its phase.", ["L1"], ["Check the coupling."])


def test_planted_secrets_are_in_no_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"  # a folder of its own, because every file in it is searched
    monkeypatch.setenv("CALI_CACHE_DIR", str(cache))
    log, book = tmp_path / "app.log", tmp_path / "my.book"
    log.write_text("\n".join(lines()) + "\n", "utf-8")
    sinks: dict[str, bytes] = {}
    with ModelServer(honest) as server:
        monkeypatch.setenv("CALI_OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("CALI_MODEL", "local")
        for form in ("text", "json", "html"):
            ran = inside("analyze", log, "--format", form)
            assert ran.code == 0, ran.err
            sinks[form] = ran.out + ran.err.encode()
        assert server.calls > 5
        sinks["the model's requests"] = b"\n".join(server.raw)
    sinks["each"] = inside("refine", "--each", log).out
    sinks["table"] = inside("refine", log).out
    assert inside("learn", log, "--out", book).code == 0
    sinks["book"] = book.read_bytes()
    state = tmp_path / "state.db"
    sinks["watch"] = _watched(log, state)
    kept = [path for path in (*cache.rglob("*"), *tmp_path.glob("state.db*")) if path.is_file()]
    assert state in kept
    assert len(kept) > 3
    sinks |= {str(path): path.read_bytes() for path in kept}
    assert b"coupling lost phase" in sinks["json"]
    leaks = [
        (sink, name)
        for sink, data in sinks.items()
        for name, secret in SECRETS.items()
        if secret.encode() in data
    ]
    assert leaks == []


def _watched(log: Path, state: Path) -> bytes:
    from tests.functional.shell import outside

    ran = outside("watch", "-", "--state", state, "--format", "json", "--no-model", stdin=log.read_bytes())
    assert ran.code == 0, ran.err
    return ran.out + ran.err.encode()
