"""The multiline rules make one event of one log call, and CALI reads it as it would read the single lines."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import pytest
import yaml

from cali.core.models import Block, Record, Severity
from cali.simulator import SimulatedLine, enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.join import Joiner, gist
from cali.stages.join import text as whole
from tests.addons.fluent_bit_rules import RULES, events

TRACES: dict[str, str] = {
    name: trace.rstrip("\n")
    for name, trace in yaml.safe_load(Path(__file__).with_name("traces.yaml").read_text("utf-8")).items()
}
SINGLE = {
    "klog": "E1122 09:06:16.165000       1 reflector.go:147] failed to list *v1.Pod: connection refused",
    "nginx": "2025/11/22 09:06:16 [error] 7#7: *9 upstream timed out (110: Connection timed out)",
    "json": r'{"level":"error","msg":"x failed","stack":"E: x\n    at f (a.js:1:1)"}',
    "logfmt": 'ts=2025-11-22T09:06:16Z level=error msg="dial failed"',
    "info": "2025-11-22 09:06:16,165 INFO [main] com.shop.Main - started, 0 errors",
    "combined": '10.0.0.1 - - [22/Nov/2025:09:06:16 +0000] "GET / HTTP/1.1" 500 12 "-" "curl"',
    "postgres": "2025-11-22 09:06:16.165 UTC [72] ERROR:  deadlock detected",
    "ruby crash": "app.rb:3:in `price': undefined method `tariff' for nil (NoMethodError)",
}
BEFORE, BETWEEN = (
    "2025-11-22 09:06:15,001 INFO [main] a.B - one",
    "2025-11-22 09:06:17,001 INFO [main] a.B - two",
)
TIME = 1763802376.165
CONNECTION = re.compile(r"closing AMQP connection|missed heartbeats from client")


def cri(text: str) -> list[str]:
    """Return the lines of a log call as containerd writes them."""
    return [f"2025-11-22T09:06:16.165{n:06d}Z stdout F {line}" for n, line in enumerate(text.split("\n"))]


def sent(event: str, metadata: object = None, time: str = "2025-11-22T09:06:16.165Z") -> bytes:
    """Return a record in the form that Fluent Bit 5.1.1 sent."""
    return orjson.dumps({"stream": "stdout", "log": event, "kubernetes": metadata or {}, "@timestamp": time})


def blocks(lines: Iterable[bytes]) -> list[Block]:
    """Return what CALI's decode and join make of lines."""
    decoder, joiner = Decoder(), Joiner()
    records = [decoder.decode(line, number) for number, line in enumerate(lines, 1)]
    read = (each for each in records if isinstance(each, Record))  # an empty line is no record
    return [*(block for each in read for block in joiner.push(each)), *joiner.flush()]


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_one_event_and_its_neighbours_stay_apart(name: str) -> None:
    lines = [BEFORE, *TRACES[name].split("\n"), BETWEEN, *TRACES[name].split("\n")]
    assert list(events(lines, RULES)) == [BEFORE, TRACES[name], BETWEEN, TRACES[name]]


@pytest.mark.parametrize("name", TRACES)
def test_the_event_says_what_cali_would_have_joined_itself(name: str) -> None:
    (here,) = blocks([sent(TRACES[name])])
    (there,) = blocks(line.encode() for line in cri(TRACES[name]))
    assert gist(whole(here)) == gist(whole(there))


@pytest.mark.parametrize("name", SINGLE)
def test_single_lines_stay_single(name: str) -> None:
    assert list(events([SINGLE[name]] * 3, RULES)) == [SINGLE[name]] * 3


def test_an_object_printed_in_lines_is_one_event() -> None:
    lines = ["config loaded {", "  port: 8080,", "  pool: 5", "}", "ready"]
    assert list(events(lines, RULES)) == ["\n".join(lines[:4]), "ready"]


def test_whatever_shard_a_record_takes_the_troubles_are_the_same() -> None:
    lines = list(simulate(load_scenario("shop"), seed=3, lines=12_000, start=TIME))
    records = [record for found in _by_pod(lines) for record in found]
    random.Random(1).shuffle(records)

    expected = Counter(_troubles(blocks(enveloper("fluentbit")(each).encode() for each in lines)))
    found = Counter(_troubles(block for record in records for block in blocks([record])))

    assert sum(expected.values()) > 50
    assert found == expected


def _by_pod(lines: Iterable[SimulatedLine]) -> Iterator[list[bytes]]:
    files = defaultdict(list)
    for each in lines:
        files[each.pod].append(each)
    for pod, file in files.items():
        made = (event for event in events((each.text for each in file), RULES))
        yield [sent(event, orjson.loads(pod.metadata)) for event in made]


def _troubles(found: Iterable[Block]) -> Iterable[tuple[object, str]]:
    for block in found:
        if CONNECTION.search(block.records[0].message):
            continue  # RabbitMQ repeats its header on the second line, so Fluent Bit sends two records
        if any((each.severity or Severity.INFO) >= Severity.WARNING for each in block.records):
            yield block.records[0].scope, gist(whole(block))
