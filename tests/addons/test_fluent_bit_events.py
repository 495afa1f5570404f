"""What comes out of Fluent Bit is one record for each event, and CALI reads from it what it would have read from the file."""

from __future__ import annotations

import random
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from cali.core.models import Block, Record, Severity
from cali.simulator import enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.decode.kinesis_records import lines_of
from cali.stages.join import Joiner, gist
from cali.stages.join import text as whole
from tests.addons.fluent_bit_engine import multiline, record, tail
from tests.addons.fluent_bit_format import read, rules

FOLDER = Path(__file__).parents[2] / "eks_addons" / "fluent_bit"
CONFIG = read((FOLDER / "fluent-bit.conf").read_text())
(PARSER,) = read((FOLDER / "parsers.conf").read_text())
RULES = rules(PARSER)
REMOVED = next(each for each in CONFIG if each.all("remove_key")).all("remove_key")
OUTPUT = CONFIG[-1]
POD = {
    "pod_name": "orders-7d9f8b6c5d-x2k4p",
    "namespace_name": "shop",
    "pod_id": "0b0c7f5e-0000-4000-a000-000000000000",
    "labels": {"app.kubernetes.io/name": "orders", "pod-template-hash": "7d9f8b6c5d"},
    "host": "ip-10-0-1-7.eu-central-1.compute.internal",
    "container_name": "api",
    "docker_id": "0a1b",
    "container_image": "registry.example.com/shop/orders:2.41.3",
}
TIME = 1763802376.165

JAVA = """\
2025-11-22 09:06:16,165 ERROR [http-1] com.shop.Orders - Order o-17 failed
java.lang.IllegalStateException: no stock
\tat com.shop.Stock.take(Stock.java:41)
\tat com.shop.Orders.place(Orders.java:12)
\tSuppressed: java.io.IOException: closed
\t\tat com.shop.Pool.close(Pool.java:3)
Caused by: java.net.SocketTimeoutException: Read timed out
\tat java.base/java.net.Socket.read(Socket.java:99)
\t... 31 more"""
SPRING = """\
2025-11-22T09:06:16.165Z ERROR 1 --- [orders] [nio-8080-exec-3] c.s.o.OrderController : Pricing failed

com.shop.pricing.TariffRuleException: no successor
\tat com.shop.pricing.Tariff.next(Tariff.java:214) ~[pricing-7.2.0.jar!/:na]"""
PYTHON = """\
Traceback (most recent call last):
  File "/app/worker.py", line 14, in run
    job()
  File "/app/jobs.py", line 3, in job
    raise KeyError("tariff")
KeyError: 'tariff'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 9, in <module>
    run()
shop.errors.JobFailed: job 17 gave up"""
LOGGED_PYTHON = "ERROR:worker:job failed\n" + PYTHON
GO = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45cb40]

goroutine 17 [running]:
main.(*Server).price(0xc000010000, {0x6b, 0x7})
\t/src/server.go:41 +0x1d
net/http.(*conn).serve(0xc0000a6000)
\t/usr/local/go/src/net/http/server.go:2039 +0x5e
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3285 +0x4b4
exit status 2"""
NODE = """\
/app/dist/cart/totals.js:47
        const currency = cart.promotion.price.currency;
                                              ^

TypeError: Cannot read properties of undefined (reading 'currency')
    at totals (/app/dist/cart/totals.js:47:47)
    at CartService.addItem (/app/dist/cart/service.js:112:19)

Node.js v22.21.0"""
RUST = """\
thread 'main' panicked at src/main.rs:12:9:
called `Option::unwrap()` on a `None` value
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""
DOTNET = """\
fail: Shop.Orders[0]
      Order failed
      System.InvalidOperationException: no stock
         at Shop.Stock.Take(String sku) in /src/Stock.cs:line 41
      --- End of stack trace from previous location ---
         at Shop.Orders.Place() in /src/Orders.cs:line 12"""
RUBY = """\
app.rb:3:in `price': undefined method `tariff' for nil (NoMethodError)
\tfrom app.rb:9:in `block in <main>'
\tfrom app.rb:8:in `each'"""
PHP = """\
PHP Fatal error:  Uncaught RuntimeException: no tariff in /app/price.php:12
Stack trace:
#0 /app/index.php(9): price(Object(Cart))
#1 {main}
  thrown in /app/price.php on line 12"""
KLOG = "E1122 09:06:16.165000       1 reflector.go:147] failed to list *v1.Pod: connection refused"
NGINX = "2025/11/22 09:06:16 [error] 7#7: *9 upstream timed out (110: Connection timed out), client: 10.0.0.1"

TRACES = {
    "java": JAVA, "spring": SPRING, "python": PYTHON, "logged python": LOGGED_PYTHON, "go": GO, "node": NODE, "rust": RUST,
    ".net": DOTNET, "ruby": RUBY, "php": PHP,
}  # fmt: skip
SINGLE = {
    "klog": KLOG,
    "nginx": NGINX,
    "json": orjson.dumps(
        {"level": "error", "msg": "x failed", "stack": "E: x\n    at f (a.js:1:1)"}
    ).decode(),
    "logfmt": 'ts=2025-11-22T09:06:16Z level=error msg="dial failed"',
    "info": "2025-11-22 09:06:16,165 INFO [main] com.shop.Main - started, 0 errors",
    "combined": '10.0.0.1 - - [22/Nov/2025:09:06:16 +0000] "GET / HTTP/1.1" 500 12 "-" "curl"',
    "postgres": "2025-11-22 09:06:16.165 UTC [72] ERROR:  deadlock detected",
}


def cri(text: str, stream: str = "stdout") -> list[str]:
    """The lines of a log call as containerd writes them."""
    return [f"2025-11-22T09:06:16.165{n:06d}Z {stream} F {line}" for n, line in enumerate(text.split("\n"))]


def sent(lines: Iterable[str]) -> list[bytes]:
    """The data of the records that Fluent Bit makes of a file's lines."""
    rows = multiline(tail(lines), RULES, PARSER["key_group"])
    return [record(row, POD, REMOVED, OUTPUT) for row in rows]


def decoded(data: bytes) -> list[Record]:
    """What CALI reads of one record of Kinesis, by itself."""
    found = [Decoder().decode(line, 1) for line in lines_of(b64encode(data))]
    assert all(isinstance(each, Record) for each in found)
    return [each for each in found if isinstance(each, Record)]


def blocks(records: Iterable[Record]) -> list[Block]:
    joiner = Joiner()
    return [*(block for each in records for block in joiner.push(each)), *joiner.flush()]


def _solid(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_one_record_with_all_its_lines(name: str) -> None:
    (data,) = sent(cri(TRACES[name]))
    (read_,) = decoded(data)

    assert _solid(read_.message)[-1] in TRACES[name]
    assert len(_solid(read_.message)) == len(_solid(TRACES[name]))
    assert not read_.partial


@pytest.mark.parametrize("name", TRACES)
def test_it_says_what_cali_would_have_joined_itself(name: str) -> None:
    (data,) = sent(cri(TRACES[name]))
    (here,) = blocks(decoded(data))
    decoder = Decoder()
    lines = [decoder.decode(line.encode(), number) for number, line in enumerate(cri(TRACES[name]), 1)]
    (there,) = blocks(each for each in lines if isinstance(each, Record))

    assert gist(whole(here)) == gist(whole(there))


@pytest.mark.parametrize("name", TRACES)
def test_events_around_a_trace_stay_their_own(name: str) -> None:
    before, after = (
        "2025-11-22 09:06:15,001 INFO [main] a.B - one",
        "2025-11-22 09:06:17,001 INFO [main] a.B - two",
    )

    assert len(sent(cri(f"{before}\n{TRACES[name]}\n{after}"))) == 3


@pytest.mark.parametrize("name", SINGLE)
def test_single_lines_stay_single(name: str) -> None:
    assert len(sent(cri("\n".join([SINGLE[name]] * 3)))) == 3


def test_what_the_record_says_of_its_origin() -> None:
    (data,) = sent(cri(JAVA, "stderr"))
    (read_,) = decoded(data)

    assert read_.scope == ("", "shop", "orders", "api")
    assert read_.stream == "shop/orders-7d9f8b6c5d-x2k4p/api/stderr"
    assert read_.severity is Severity.ERROR
    assert read_.time == pytest.approx(TIME, abs=0.001)
    assert read_.message.startswith("Order o-17 failed\njava.lang.IllegalStateException: no stock\n")


def test_the_record_is_what_the_simulator_sends() -> None:
    (data,) = sent(cri("ready"))
    (line,) = lines_of(b64encode(data))
    (example,) = simulate(load_scenario("shop"), seed=1, lines=1, start=TIME)

    ours, theirs = orjson.loads(line), orjson.loads(enveloper("fluentbit")(example))
    assert ours.keys() == theirs.keys()
    assert ours["kubernetes"].keys() >= {"pod_name", "namespace_name", "container_name", "labels"}
    assert ours["@timestamp"] == "2025-11-22T09:06:16.165Z"


def test_an_application_cannot_set_the_time() -> None:
    (data,) = sent(cri('{"@timestamp": "1999-01-01T00:00:00Z", "level": "error", "msg": "x"}'))
    (line,) = lines_of(b64encode(data))

    assert orjson.loads(line)["@timestamp"] == "2025-11-22T09:06:16.165Z"


def test_a_line_that_the_runtime_cut_is_whole() -> None:
    lines = [
        '2025-11-22T09:06:16.165000Z stdout P {"level": "error", "msg": "lo',
        "2025-11-22T09:06:16.165001Z stderr F unrelated",
        "2025-11-22T09:06:16.165002Z stdout P ng and",
        '2025-11-22T09:06:16.165003Z stdout F  longer"}',
    ]
    messages = [each.message for data in sent(lines) for each in decoded(data)]

    assert sorted(messages) == ["long and longer", "unrelated"]


def test_streams_of_a_container_do_not_mix() -> None:
    out, err = (
        cri("2025-11-22 09:06:16,165 INFO [main] a.B - one\n2025-11-22 09:06:16,166 INFO [main] a.B - two"),
        cri(JAVA, "stderr"),
    )
    woven = [line for pair in zip(err, [*out, *[""] * len(err)], strict=False) for line in pair if line]
    streams = Counter(each.stream.rsplit("/", 1)[-1] for data in sent(woven) for each in decoded(data))

    assert streams == {"stdout": 2, "stderr": 1}


def test_whatever_shard_a_record_takes_the_troubles_are_the_same() -> None:
    lines = list(simulate(load_scenario("shop"), seed=3, lines=12_000, start=TIME))
    files = defaultdict(list)
    for each in lines:
        files[each.pod].append(enveloper("cri")(each))
    records = []
    for pod, file in files.items():
        rows = multiline(tail(file), RULES, PARSER["key_group"])
        records += [record(row, orjson.loads(pod.metadata), REMOVED, OUTPUT) for row in rows]
    random.Random(1).shuffle(records)

    decoder = Decoder()
    direct = [decoder.decode(enveloper("fluentbit")(each).encode(), n) for n, each in enumerate(lines, 1)]
    expected = Counter(_trouble(blocks(each for each in direct if isinstance(each, Record))))
    found = Counter(_trouble(block for data in records for block in blocks(decoded(data))))

    assert sum(expected.values()) > 50
    assert found == expected


def _trouble(found: Iterable[Block]) -> Iterable[tuple[object, str]]:
    for block in found:
        if any((each.severity or Severity.INFO) >= Severity.WARNING for each in block.records):
            yield block.records[0].scope, gist(whole(block))
