import json

import pytest

from cali.core.errors import Misconfigured
from cali.simulator import SimulatedLine, envelope, load_scenario, simulate

LINE = next(
    line
    for line in simulate(load_scenario("shop"), seed=1, lines=2000, start=1763661600.0)
    if line.pod.workload == "payments"
)


def with_text(text: str, time: float = 1763661600.25) -> SimulatedLine:
    return SimulatedLine(time, text, LINE.pod, "stderr", None)


def test_fluent_bit_keeps_the_line_and_says_where_it_is_from():
    text = 'quote " backslash \\ tab \t ünicode'

    record = json.loads(envelope(with_text(text)))

    assert record["log"] == text
    assert record["stream"] == "stderr"
    assert list(record) == ["stream", "log", "kubernetes", "@timestamp"]
    assert record["@timestamp"] == "2025-11-20T18:00:00.250Z"
    assert record["kubernetes"]["namespace_name"] == "shop"
    assert record["kubernetes"]["container_name"] == "payments"
    assert record["kubernetes"]["pod_name"].startswith("payments-")
    assert record["kubernetes"]["labels"]["app"] == "payments"


def test_cri_kubectl_and_raw():
    line = with_text("\tat a.b(C.java:1)")

    stamp, stream, whole, text = envelope(line, "cri").split(" ", 3)

    assert (stamp[:26], stamp[-1], stream, whole, text) == (
        "2025-11-20T18:00:00.250000",
        "Z",
        "stderr",
        "F",
        line.text,
    )
    assert envelope(line, "kubectl") == f"[pod/{line.pod.name}/payments] {line.text}"
    assert envelope(line, "raw") == line.text


def test_a_stamp_never_reaches_the_sixtieth_second():
    assert "T18:00:59.999999" in envelope(with_text("x", 1763661659.9999998), "cri")
    assert envelope(with_text("x", 1763661659.9999998)).endswith('"@timestamp":"2025-11-20T18:00:59.999Z"}')


def test_an_unknown_envelope_is_refused():
    with pytest.raises(
        Misconfigured, match="unknown envelope 'docker'; use one of fluentbit, cri, raw, kubectl"
    ):
        envelope(LINE, "docker")
