"""The model over OpenAI's protocol: the cost of a working model, and the results without a working one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.openai.model import OpenAIModel
from cali.adapters.sqlite.answers import AnswersFile
from cali.core.errors import Misconfigured
from cali.core.models import Incident, Origin
from cali.core.ports import Request
from cali.stages.reason import Breaker, ModelGateway, Reasoner, ReasonSettings, Retries, Runtime, prices
from cali.testing.clock import NOON
from cali.testing.model_server import (
    BROKEN,
    CUT,
    DROPPED,
    EMPTY,
    NONSENSE,
    Fault,
    ModelServer,
    Reply,
    explanation,
    limited,
    refused,
)
from tests.unit.reason.fakes import KNOWLEDGE, REDACTOR, incident, known

KEY = "sk-test-0000000000000000"
PARTS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
]


def honest(asked: dict[str, Any]) -> str:
    """Answer with the part that the first line of the incident names."""
    line = asked["messages"][1]["content"].split("L1*| ")[1].split("\n")[0]
    return explanation(f"The {line.split()[1]} coupling lost its phase.", ["L1"], ["Check the coupling."])


def unknown(part: str, where: int) -> Incident:
    return incident(f"ERROR {part} coupling lost phase on rack-{where}", template=f"t-{part}", line=where)


def day() -> list[Incident]:
    """Return twenty unknown templates in ten places each, with known errors between them."""
    strange = [unknown(part, 1 + 10 * n + place) for n, part in enumerate(PARTS) for place in range(10)]
    return [*strange, *(incident("write: no space left on device", line=900 + n) for n in range(5))]


class Run:
    """One run of CALI against a server, with its own client. `seconds` is its duration without sleeps."""

    def __init__(
        self, url: str, folder: Path, timeout: float = 0.2, now: float = NOON, calls: int | None = None
    ) -> None:
        self.model = OpenAIModel(KEY, "local-model", base_url=url, timeout=timeout)
        self.store = AnswersFile(folder / "answers.db", calls=calls)
        world = Runtime(lambda: now, lambda _: None, lambda: 0.5)
        asking = ModelGateway(
            self.model, self.store, self.store, Breaker(), world, prices(), REDACTOR.text, Retries(attempts=2)
        )
        self.reasoner = Reasoner(KNOWLEDGE, known, REDACTOR.text, asking, self.model.name, ReasonSettings())

    def of(self, incidents: list[Incident]) -> list[Incident]:
        try:
            return list(self.reasoner.diagnose_all(incidents))
        finally:
            self.model.close()
            self.store.close()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(honest) as running:
        yield running


def origins(done: list[Incident]) -> list[Origin]:
    return [one.diagnosis.origin for one in done if one.diagnosis]


def test_twenty_unknown_templates_cost_twenty_calls_and_a_second_run_none(
    server: ModelServer, tmp_path: Path
) -> None:
    incidents = day()
    first = Run(server.url, tmp_path, timeout=10)
    done = first.of(incidents)
    assert server.calls == len(PARTS)
    assert origins(done) == [Origin.MODEL] * 200 + [Origin.KNOWLEDGE] * 5
    assert [one.id for one in done] == [one.id for one in incidents]
    assert all(one.diagnosis and one.diagnosis.evidence[0].line == one.first_line for one in done)
    assert first.reasoner.spend.calls == 20
    assert first.reasoner.spend.tokens_in > 20 * 500
    assert not first.reasoner.spend.priced

    second = Run(server.url, tmp_path)
    again = second.of(incidents)
    assert server.calls == 20
    assert second.reasoner.spend.calls == 0
    assert [one.diagnosis for one in again] == [one.diagnosis for one in done]


@pytest.mark.parametrize(
    ("reply", "most", "why"),
    [
        (Fault(slow=30), 8, "no answer in 0.2 s"),
        (limited(), 8, "Rate limit reached"),
        (limited("1"), 8, "Rate limit reached"),
        (limited("3600"), 4, "Rate limit reached"),
        (BROKEN, 8, "had an error"),
        (DROPPED, 8, "cannot be reached"),
        (CUT, 8, "the server"),
        (NONSENSE, 8, "cannot be understood"),
        (EMPTY, 8, "no completion"),
        (Fault(200, "null"), 8, "no completion"),
        (Fault(200, '"text"'), 8, "no completion"),
        (Fault(200, '{"choices": [{"message": "hi"}]}'), 8, "no completion"),
        (refused(401, f"Incorrect API key provided: {KEY}"), 4, "Incorrect API key"),
        (refused(404, "no such model"), 4, "no such model"),
        (refused(429, "You exceeded your quota", "insufficient_quota"), 4, "quota"),
        ("I am sure it is the network.", 20, "match the schema"),
        ('{"cause": "x"}', 20, "match the schema"),
        (explanation("The moon is full.", ["L1"]), 20, "shares too little"),
        (explanation("The coupling lost its phase.", ["L77"]), 20, "not a line id"),
    ],
)
def test_whatever_the_server_does_the_run_ends_and_nothing_is_lost(
    reply: Reply, most: int, why: str, tmp_path: Path
) -> None:
    incidents = day()
    with ModelServer(reply) as server:
        run = Run(server.url, tmp_path)
        done = run.of(incidents)
        assert server.calls <= most
    assert [one.id for one in done] == [one.id for one in incidents]
    assert origins(done) == [Origin.NONE] * 200 + [Origin.KNOWLEDGE] * 5
    gates = {one.diagnosis.versions.get("gate", "") for one in done if one.diagnosis}
    assert any(why in gate for gate in gates), gates
    assert KEY not in str(gates)
    assert all(one.diagnosis and one.diagnosis.evidence for one in done)


def test_nobody_at_the_address_is_no_reason_to_fail(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    done = Run(url, tmp_path).of(day())
    assert origins(done) == [Origin.NONE] * 200 + [Origin.KNOWLEDGE] * 5


@pytest.mark.parametrize("failure", [limited("2"), limited(), BROKEN, DROPPED, CUT, Fault(slow=30)])
def test_a_server_that_fails_once_is_asked_again(failure: Fault, tmp_path: Path) -> None:
    with ModelServer(failure, honest) as server:
        assert origins(Run(server.url, tmp_path, timeout=1).of([unknown("alpha", 1)])) == [Origin.MODEL]
        assert server.calls == 2


def test_a_planted_secret_never_reaches_the_server(server: ModelServer, tmp_path: Path) -> None:
    secrets = [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "jane.doe@example.com",
        "s3cr3t-Pa55",
    ]
    lines = [f"ERROR {part} coupling lost phase {secrets[n]}" for n, part in enumerate(PARTS[:3])]
    lines.append(f"ERROR delta coupling lost phase postgres://app:{secrets[3]}@db/orders")
    folder = tmp_path / "cache"
    done = Run(server.url, folder, timeout=10).of([incident(line) for line in lines])
    assert server.calls == 4
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    for secret in secrets:
        assert all(secret.encode() not in raw for raw in server.raw)
        assert secret not in str([one.diagnosis for one in done])
        assert secret.encode() not in kept


def test_the_request_is_a_strict_schema_at_temperature_0_without_tools(
    server: ModelServer, tmp_path: Path
) -> None:
    Run(server.url, tmp_path, timeout=10).of([unknown("alpha", 1)])
    asked = server.requests[0]
    assert asked["response_format"]["type"] == "json_schema"
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["temperature"] == 0
    assert "tools" not in asked
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]


def choosy(asked: dict[str, Any]) -> str | Fault:
    """A server without schemas, JSON mode, temperature and max_tokens."""
    for field in ("response_format", "temperature", "max_tokens"):
        if field in asked:
            return refused(
                400,
                f"Unsupported parameter: '{field}' is not supported with this model.",
                "unsupported_parameter",
            )
    return honest(asked)


def test_what_a_server_refuses_is_left_out_and_not_tried_again(tmp_path: Path) -> None:
    with ModelServer(choosy) as server:
        done = Run(server.url, tmp_path, timeout=10).of([unknown("alpha", 1)])
        assert origins(done) == [Origin.MODEL]
        assert [request.get("response_format", {}).get("type") for request in server.requests][:3] == [
            "json_schema",
            "json_object",
            None,
        ]
        model = OpenAIModel(KEY, "local-model", base_url=server.url, timeout=10)
        request = Request("say", "L1*| ERROR zulu broke", {"type": "object"}, 10)
        model.explain(request)
        before = server.calls
        model.explain(request)
        model.close()
        assert server.calls == before + 1


def test_a_key_that_was_rotated_is_used_with_the_next_question() -> None:
    keys = iter(["old", "new"])
    with ModelServer(explanation("it broke", ["L1"])) as server:
        model = OpenAIModel(lambda: next(keys), "local-model", base_url=server.url, timeout=10)
        for _ in range(2):
            model.explain(Request("say", "L1*| ERROR zulu broke", {"type": "object"}, 10))
        model.close()
        assert server.keys == ["Bearer old", "Bearer new"]


def test_a_key_that_is_given_when_it_is_needed_is_never_repeated() -> None:
    with ModelServer(refused(401, "the key sesame is not valid")) as server:
        model = OpenAIModel(lambda: "sesame", "local-model", base_url=server.url, timeout=10)
        with pytest.raises(Misconfigured, match="the key <openai-key> is not") as said:
            model.explain(Request("say", "L1*| ERROR zulu broke", {"type": "object"}, 10))
        model.close()
    assert "sesame" not in str(said.value)


def test_a_reply_that_the_service_refuses_to_give_says_nothing(tmp_path: Path) -> None:
    refusal = {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": None, "refusal": "no"},
            }
        ]
    }
    with ModelServer(Fault(200, json.dumps(refusal))) as server:
        done = Run(server.url, tmp_path).of([unknown("alpha", 1)])
    assert origins(done) == [Origin.NONE]


def test_the_budget_of_the_day_holds_over_runs(server: ModelServer, tmp_path: Path) -> None:
    Run(server.url, tmp_path, timeout=10, calls=7).of(day())
    done = Run(server.url, tmp_path, timeout=10, calls=7).of(day())
    assert server.calls == 7
    gates = [
        one.diagnosis.versions.get("gate")
        for one in done
        if one.diagnosis and one.diagnosis.origin is Origin.NONE
    ]
    assert set(gates) == {"the model's budget for today is exhausted"}
    Run(server.url, tmp_path, timeout=10, calls=7, now=NOON + 86_400).of(day())
    assert server.calls == 14


def test_the_server_also_embeds(server: ModelServer) -> None:
    from cali.adapters.openai.embedder import OpenAIEmbedder

    embedder = OpenAIEmbedder(KEY, size=256, base_url=server.url)
    vectors = embedder.embed(["disk full", "disk is full", "no such host"])
    embedder._client.close()
    assert [len(vector) for vector in vectors] == [256] * 3
