"""Level words, level numbers, time stamps, and the workload of a pod's name."""

from __future__ import annotations

import pytest

from cali.core.models import Record, Scope, Severity
from cali.stages.decode import Decoder, parse_level, workload_of
from cali.stages.decode.values import TimestampParser, from_number, from_status


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("TRACE finest trc", Severity.TRACE),
        ("debug DBG FINE Verbose DEBUG2", Severity.DEBUG),
        ("INFO inf Information LOG", Severity.INFO),
        ("NOTICE Note", Severity.NOTICE),
        ("WARN Warning WRN", Severity.WARNING),
        ("ERR error E SEVERE", Severity.ERROR),
        ("FATAL panic EMERG ALERT CRIT critical F dpanic", Severity.CRITICAL),
    ],
)
def test_each_spelling_of_a_level(words, severity):
    assert {parse_level(word) for word in words.split()} == {severity}


@pytest.mark.parametrize("word", ["", "EROR", "errors", "42", "DETAIL", "HINT", "STATEMENT", "the"])
def test_other_words_are_no_level(word):
    assert parse_level(word) is None


def test_numbers_below_eight_are_syslogs_and_above_nine_bunyans():
    assert [from_number(n) for n in (0, 3, 4, 6, 7)] == [
        Severity.CRITICAL,
        Severity.ERROR,
        Severity.WARNING,
        Severity.INFO,
        Severity.DEBUG,
    ]
    assert [from_number(n) for n in (10, 30, 40, 50, 60)] == [
        Severity.TRACE,
        Severity.INFO,
        Severity.WARNING,
        Severity.ERROR,
        Severity.CRITICAL,
    ]
    assert [from_number(n) for n in (-1, 8, 9, 1000, float("nan"))] == [None] * 5


def test_a_status_is_an_error_only_by_the_servers_fault():
    assert [from_status(s) for s in ("200", "301", "404", "500", "599", "600", "099", "5")] == [
        Severity.INFO,
        Severity.INFO,
        Severity.NOTICE,
        Severity.ERROR,
        Severity.ERROR,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("cart-6b7d9c5f8d-k2x9z", "cart"),
        ("shop-cart-7c9f64b8f-abcde", "shop-cart"),
        ("redis-master-0", "redis-master"),
        ("node-exporter-x7k2p", "node-exporter"),
        ("backup-29384720-qw4zx", "backup"),
        ("migrate-3-x7k2p", "migrate"),
        ("my-frontend-proxy", "my-frontend-proxy"),
        ("cart", "cart"),
        ("", ""),
    ],
)
def test_the_workload_behind_a_pod(pod, workload):
    assert workload_of(pod) == workload


@pytest.mark.parametrize(
    ("labels", "workload"),
    [
        ("{}", "cart"),
        ('{"app":"basket"}', "basket"),
        ('{"app":"basket","app.kubernetes.io/name":"shop"}', "shop"),
        ('{"app.kubernetes.io/name":"shop","app.kubernetes.io/component":"cart"}', "shop-cart"),
        ('{"k8s-app":"dns"}', "dns"),
        ('{"app":3}', "cart"),
        ("[]", "cart"),
    ],
)
def test_a_label_names_the_workload_before_the_pods_name(labels, workload):
    raw = f'{{"log":"x","kubernetes":{{"namespace_name":"n","pod_name":"cart-0","container_name":"c","labels":{labels}}}}}'
    found = Decoder("prod").decode(raw.encode(), 1)
    assert isinstance(found, Record)
    assert found.scope == Scope("prod", "n", workload, "c")
    assert found.stream == "n/cart-0/c"


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20T10:00:00Z",
        "2026-11-20T10:00:00.000000000Z",
        "2026-11-20 10:00:00",
        "2026-11-20T12:00:00+02:00",
        "2026-11-20T04:30:00,000-0530",
        1795168800,
        1795168800.0,
        1795168800000,
        1795168800000000,
        1795168800000000000,
        "1795168800",
    ],
)
def test_one_moment_in_many_spellings(value):
    assert TimestampParser().value(value) == pytest.approx(1795168800.0)


@pytest.mark.parametrize(
    "value", ["", "soon", "2026-13-40T10:00:00Z", True, None, [], 5, -1, float("inf"), float("nan")]
)
def test_no_moment(value):
    assert TimestampParser().value(value) is None


@pytest.mark.parametrize(
    "value",
    ["2026-11-20T10:00:Z", "2026-11-20T10:00:1_0Z", "2026-11-20T10:00:nanZ", "2026-11-20T10:00:05.5Z"],
)
def test_a_known_minute_changes_no_answer(value):
    # given a parser with the minute in its cache
    clock = TimestampParser()
    clock.value("2026-11-20T10:00:00Z")
    # then the result equals that of a new parser
    assert clock.value(value) == TimestampParser().value(value)


def test_a_stamp_without_a_year_needs_one():
    raw = b"E1120 10:00:00.000000 1 a.go:1] lost"
    without, given = Decoder().decode(raw, 1), Decoder(year=2026).decode(raw, 1)
    assert isinstance(without, Record)
    assert isinstance(given, Record)
    assert without.time is None
    assert given.time == 1795168800.0
