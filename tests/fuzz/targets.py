"""The stages and the envelopes as targets. Instances live as long as a target is fuzzed, so their caches must be
bounded."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from itertools import islice
from urllib.parse import quote

from aws_kinesis_agg.aggregator import RecordAggregator

from cali.adapters.memory.alerts import MemoryClaims, MemoryFeedback
from cali.adapters.memory.incidents import MemoryIncidents
from cali.core.errors import CaliError
from cali.core.models import Block, Incident, Quarantined, Record, Scope, Severity, Template
from cali.simulator import enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.decode import kinesis_records as envelopes
from cali.stages.join import Joiner
from cali.stages.notify.actions import sign
from cali.stages.refine.redact import Redactor
from cali.stages.refine.refiner import Refiner
from cali.usecases.answer_alert import ActionHandler, ActionPorts
from cali.usecases.shard_batch import ShardBatch
from tests.fuzz.loop import Run, Target

SECRET, NOW = "fuzz-signing-secret", 1_800_000_000.0
KINDS = ("fluentbit", "cri", "kubectl", "raw")
SCOPE = Scope("c", "n", "w", "x")


@cache
def simulated(kind: str, count: int = 400) -> tuple[bytes, ...]:
    """Return lines as a collector writes them."""
    wrap = enveloper(kind)
    written = simulate(load_scenario("shop"), seed=5, lines=20_000, start=NOW)
    troubled = (line for number, line in enumerate(written) if line.fault or number % 60 == 0)
    return tuple(wrap(line).encode() for line in islice(troubled, count))


def _lines() -> list[bytes]:
    docker = [json.dumps({"log": line.decode() + "\n", "stream": "stderr", "time": "2026-11-20T22:00:00.123Z"}).encode() for line in simulated("raw", 60)]  # fmt: skip
    others = [
        b'ts=2026-11-20T22:00:00Z level=error caller=a.go:1 msg="it broke" err="no"',
        b"E1120 22:00:00.123456       1 reflector.go:147] it broke",
        b"<11>1 2026-11-20T22:00:00Z host app 1 - - it broke",
        b'{"level":50,"time":1800000000000,"msg":"it broke","err":{"stack":"Error: no\\n    at a (b.js:1:2)"}}',
    ]
    return [*others, *docker, *(line for kind in KINDS for line in simulated(kind, 120))]


def _decode() -> Run:
    decoder = Decoder("c", year=2026)

    def run(data: bytes) -> str:
        kinds = []
        for number, line in enumerate(data.split(b"\n")[:50], 1):
            got = decoder.decode(line, number)
            if isinstance(got, Quarantined):
                kinds.append("q")
            elif got is not None:
                assert got.message is not None
                kinds.append(f"{got.severity}{got.time is not None}{bool(got.scope[1])}{got.partial}")
        decoder.rest(before=1_000_000)
        return " ".join(kinds[:3])

    return run


def _join() -> Run:
    joiner = Joiner()

    def run(data: bytes) -> str:
        text = data.decode(errors="replace").split("\n")[:200]
        blocks: list[Block] = []
        for number, line in enumerate(text, 1):
            blocks += joiner.push(Record(number, line, 1.0 + number, stream="s"))
        blocks += joiner.flush()
        assert sum(len(block.records) for block in blocks) == len(text), "a line was lost"
        return f"{min(len(blocks), 9)} {min(max(len(block.records) for block in blocks), 9)}"

    return run


def _refine() -> Run:
    refiner = Refiner()

    def run(data: bytes) -> str:
        records = tuple(
            Record(number, line, None, None, SCOPE, "s")
            for number, line in enumerate(data.decode(errors="replace").split("\n")[:100], 1)
        )
        event = refiner.refine(Block(records))
        again = Refiner.refine(refiner, Block(records))
        assert again.template.id == event.template.id, "the same block has two fingerprints"
        return f"{event.severity.label} {min(event.template.text.count('<'), 12)}"

    return run


def _redact() -> Run:
    redactor = Redactor()

    def run(data: bytes) -> str:
        once = redactor.text(data.decode(errors="replace"))
        twice = redactor.text(once)
        assert twice == redactor.text(twice), "redacting does not come to an end"
        return f"{min(once.count('<'), 12)} {len(once) == len(data)}"

    return run


FRESH = 5_000  # number of inputs after which an instance that keeps all records is replaced


def _handler() -> ActionHandler:
    return ActionHandler(
        ActionPorts(
            secret=lambda: SECRET,
            incidents=_incidents(),
            apply=lambda _name, step: (step(None), None)[1],
            feedback=MemoryFeedback(),
            claims=MemoryClaims(),
            now=lambda: NOW,
            redact=lambda text: text,
            ask=lambda _trigger, _incident: None,
        )
    )


def _slack() -> Run:
    handler, used = _handler(), 0
    forms = {"content-type": "application/x-www-form-urlencoded"}

    def run(data: bytes) -> str:
        """Send signed requests, so that the code behind the signature is reached. Half of them carry damaged JSON."""
        nonlocal handler, used
        used += 1
        if used % FRESH == 0:
            handler = _handler()
        body = b"payload=" + quote(data).encode() if data[:1] == b"{" else data
        signed = handler.request({**forms, **sign(body, SECRET, NOW)}, body)
        head, _, tail = data.partition(b"\n")
        forged = handler.request({"X-Slack-Signature": head.decode("latin-1"), "X-Slack-Request-Timestamp": tail.decode("latin-1")}, body)  # fmt: skip
        assert signed.code in (200, 400, 409, 413, 503), signed
        assert forged.code in (401, 413), forged
        return f"{signed.code} {signed.why[:40]} {signed.thanks} {forged.why[:12]}"

    return run


def _incidents() -> MemoryIncidents:
    from cali.core.life import StoredIncident

    store = MemoryIncidents()
    template = Template("0" * 16, "it broke")
    incident = Incident(
        "00aa11bb22cc33dd", SCOPE, template, "it broke", Severity.ERROR, 1, 1, 1, NOW, NOW, ()
    )
    store.put(StoredIncident(incident, heard_at=NOW))
    return store


def _presses() -> list[bytes]:
    found = []
    for answer in ("right", "wrong", "not_an_error", "mute", "mute_hour", "mute_day", "resolve", "link"):
        action = {"action_id": f"cali:{answer}", "value": "00aa11bb22cc33dd", "action_ts": "1800000000.1"}
        press = {"type": "block_actions", "user": {"id": "U1", "username": "kim"}, "trigger_id": "1.2", "actions": [action],
                 "response_url": "https://hooks.slack.com/actions/T0/1/x"}  # fmt: skip
        found.append(json.dumps(press).encode())
        found.append(b"payload=" + quote(json.dumps(press)).encode())
    values = {"cause": {"cause": {"type": "plain_text_input", "value": "the disk was full"}}}
    view = {"id": "V1", "callback_id": "cali:cause", "private_metadata": "00aa11bb22cc33dd", "state": {"values": values}}  # fmt: skip
    found.append(json.dumps({"type": "view_submission", "user": {"id": "U1"}, "view": view}).encode())
    return [*found, b"v0=00\n1800000000", b"", b"payload="]


def _envelopes() -> Run:
    def run(data: bytes) -> str:
        try:
            lines = envelopes.split(data)
            again = envelopes.lines_of(base64.b64encode(data))
        except CaliError as error:
            return str(error)[:40]
        assert list(lines) == list(again)
        assert sum(map(len, lines)) <= 200_000_000
        return f"{min(len(lines), 20)}"

    return run


def _packed() -> list[bytes]:
    event = {
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/c/cluster", "logStream": "kube-apiserver-1",
        "subscriptionFilters": ["f"], "logEvents": [{"id": "1", "timestamp": 1_800_000_000_000, "message": "E it broke"}] * 3,
    }  # fmt: skip
    control = {"messageType": "CONTROL_MESSAGE", "logEvents": []}
    aggregate = RecordAggregator()
    for number, line in enumerate(simulated("fluentbit", 6)):
        aggregate.add_user_record(f"key-{number}", line)
    kpl = aggregate.clear_and_get().get_contents()[2]
    plain = [json.dumps(event).encode(), json.dumps(control).encode(), b"\n".join(simulated("fluentbit", 3))]
    return [*plain, *(gzip.compress(one, 6, mtime=0) for one in plain), gzip.compress(gzip.compress(plain[0])), kpl, *simulated("raw", 9)]  # fmt: skip


def resealed(run: Run) -> Run:
    """Return aggregates with a valid checksum and valid compression, so that the code behind the checks is reached."""

    def both(data: bytes) -> str:
        said = run(data)
        inner = data[4:-16] if data[:4] == b"\xf3\x89\x9a\xc2" else data
        run(b"\xf3\x89\x9a\xc2" + inner + hashlib.md5(inner, usedforsecurity=False).digest())
        run(gzip.compress(data, 1, mtime=0))
        return said

    return both


def _batch() -> Run:
    """Run a whole batch, as Lambda delivers it, through decode, join and refine. No line may be lost, and each must
    have a position."""
    decoder, refiner = Decoder("c", year=2026), Refiner()

    def run(data: bytes) -> str:
        parts = data.split(b"\x1e")[:20]
        items = [
            {"kinesis": {"data": base64.b64encode(part).decode(), "sequenceNumber": str(9**40 + number), "approximateArrivalTimestamp": NOW}}
            for number, part in enumerate(parts)
        ]  # fmt: skip
        events: list[object] = []
        delivery = ShardBatch(items, (), decoder, refiner, events.append)
        delivery.read()
        left = delivery.settle(lambda _: False)
        return f"{min(delivery.tally.lines, 9)} {min(len(events), 9)} {len(delivery.quarantined) > 0} {len(left) > 0}"

    return run


def _batches() -> list[bytes]:
    rows: Sequence[bytes] = simulated("fluentbit", 60)
    return [b"\x1e".join(rows[start : start + 5]) for start in range(0, 60, 5)] + _packed()


STAGES: dict[str, Target] = {
    "decode": Target(_decode, _lines),
    "join": Target(_join, lambda: [b"\n".join(simulated("raw")[at : at + 8]) for at in range(0, 400, 8)]),
    "refine": Target(_refine, lambda: list(simulated("raw"))),
    "redact": Target(_redact, lambda: [*simulated("raw", 150), *_secrets()]),
    "slack": Target(_slack, _presses),
    "envelopes": Target(lambda: resealed(_envelopes()), _packed),
    "batch": Target(_batch, _batches),
}


def _secrets() -> list[bytes]:
    return [
        b"user kim@example.com from 10.1.2.3 card 4111 1111 1111 1111 key AKIA" + b"IOSFODNN7EXAMPLE",
        b"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        b"postgres://app:s3cr3t@db:5432/shop password=hunter2&token=abc",
        b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
        "주민등록번호 900101-1234567 전화 010-1234-5678".encode(),
    ]
