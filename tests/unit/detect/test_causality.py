"""The order of cause and consequence: the first failure comes first, and unrelated incidents stay separate."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.detect.events import CRITICAL, ERROR, WARNING, incident

from cali.core.models import Incident, Severity
from cali.stages.detect import Nearness, ordered
from cali.stages.detect.causality import Case, ties
from cali.stages.detect.features import features_of


def follows(incidents: list[Incident], **options: Any) -> dict[str, str | None]:
    """Return the messages of followers, each with the message of its root."""
    found = ordered(incidents, **options)
    said = {one.id: one.samples[0].message for one in found}
    return {said[one.id]: said[one.follows] for one in found if one.follows}


def titles(incidents: list[Incident], **options: Any) -> list[str]:
    return [one.samples[0].message for one in ordered(incidents, **options)]


FULL = "FATAL: sorry, too many clients already"
REFUSED = (
    "connection to server at postgres (10.0.3.1), port 5432 failed: FATAL: sorry, too many clients already"
)
POOL = "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30"


def test_a_database_at_its_limit_is_the_root_of_its_clients_troubles():
    given = [
        incident(POOL, "payments", 1_012.0, 1_090.0, CRITICAL, 9),
        incident(FULL, "postgres", 1_005.0, 1_100.0, ERROR, 5),
        incident(REFUSED, "orders", 1_003.0, 1_095.0, ERROR, 3),  # its line came first
        incident("upstream http://orders:8080 returned 503", "gateway", 1_020.0, 1_080.0, ERROR, 12),
    ]
    assert titles(given) == [FULL, REFUSED, POOL, "upstream http://orders:8080 returned 503"]
    assert set(follows(given).values()) == {FULL}


def test_a_broker_that_blocks_is_the_root_of_what_workers_say():
    root = "memory resource limit alarm set on node rabbit@rabbitmq-0"
    given = [
        incident("Cannot connect to amqp://shop@rabbitmq:5672//: timed out", "workers", 60.0, 300.0, ERROR),
        incident(root, "rabbitmq", 50.0, 290.0, WARNING),
        incident(
            "publish failed: connection.blocked: low on memory, timed out", "orders", 66.0, 280.0, ERROR
        ),
    ]
    assert titles(given)[0] == root
    assert set(follows(given).values()) == {root}
    assert len(follows(given)) == 2


def test_a_pod_killed_for_memory_is_the_root_of_its_callers_502():
    killed = "Memory cgroup out of memory: Killed process 41 (node) in pod orders-7d9f8b6c5-x2k4q"
    called = 'upstream prematurely closed connection, upstream: "http://orders:8080/api", 502'
    other = 'upstream prematurely closed connection, upstream: "http://carts:8080/api", 502'
    given = [
        incident(called, "gateway", 100.0, 160.0),
        incident(killed, "kubelet", 98.0, 98.0, CRITICAL),
        incident(other, "gateway", 101.0, 150.0),
    ]
    assert follows(given) == {called: killed}
    assert titles(given) == [killed, called, other]


def test_the_same_in_a_log_without_scopes():
    killed = "Memory cgroup out of memory: Killed process 41 (node) in pod orders-7d9f8b6c5-x2k4q"
    called = "GET http://orders:8080/api returned 502"
    given = [incident(killed, line=10, severity=CRITICAL), incident(called, line=14)]
    assert follows(given) == {called: killed}


def test_two_faults_at_the_same_time_stay_apart():
    given = [
        incident(FULL, "postgres", 100.0, 200.0),
        incident("x509: certificate has expired for api.stripe.com", "payments", 101.0, 190.0),
        incident("NullPointerException: tariff", "tariffs", 102.0, 180.0),
        incident("Redis connection to redis:6379 failed: connect ECONNREFUSED", "carts", 103.0, 180.0),
        incident("could not resolve host: feed.example.com", "importer", 103.0, 180.0),
    ]
    assert follows(given) == {}


def test_a_client_of_another_server_of_that_kind_does_not_follow():
    given = [
        incident(FULL, "orders-db", 100.0, 200.0),
        incident(
            "connection to server at users-db, port 5432 failed: timeout expired", "users", 105.0, 200.0
        ),
    ]
    assert follows(given) == {}


def test_of_two_servers_that_could_be_meant_none_is_the_root():
    given = [
        incident(FULL, "orders-postgres", 100.0, 200.0),
        incident(FULL, "users-postgres", 101.0, 200.0),
        incident(POOL, "orders", 105.0, 200.0),
    ]
    assert follows(given) == {}


def test_a_server_with_an_error_that_stops_nobody_is_no_root():
    given = [
        incident('duplicate key value violates unique constraint "orders_pkey"', "postgres", 100.0, 200.0),
        incident(POOL, "orders", 105.0, 200.0),
    ]
    assert follows(given) == {}


@pytest.mark.parametrize(
    ("start", "tied"), [(80.0, False), (95.0, True), (250.0, True), (480.0, True), (900.0, False)]
)
def test_a_consequence_is_near_its_cause(start, tied):
    given = [incident(FULL, "postgres", 100.0, 200.0), incident(POOL, "orders", start, start + 500)]
    assert bool(follows(given)) is tied


def test_an_error_that_stops_nothing_must_come_just_before():
    called = "GET http://orders:8080/api returned 502"
    crash = "NullPointerException: order has no tariff"
    for start, tied in ((100.0, True), (101.0, False), (-200.0, False)):
        given = [incident(crash, "orders", start, 300.0), incident(called, "gateway", 100.0, 300.0, line=2)]
        assert bool(follows(given)) is tied, start


def test_who_suffers_is_named_or_it_is_no_consequence():
    given = [
        incident("GET http://orders:8080/api returned 502", "orders", 90.0, 300.0),  # an error of its own
        incident("panic: nil map", "payments", 91.0, 300.0, CRITICAL),
        incident("http://payments:80 order has an invalid tariff", "carts", 92.0, 300.0),  # no symptom
    ]
    assert follows(given) == {}


def test_a_line_that_repeats_an_error_of_its_scope_follows_it():
    first = "TariffError: tariff gold of region north is not in the book"
    again = f"Unhandled while processing order: {first}; giving up"
    assert follows([incident(again, "orders", 5.0), incident(first, "orders", 4.9)]) == {again: first}
    assert follows([incident(again, "orders", 5.0), incident(first, "carts", 4.9)]) == {}
    same = [incident(first, "orders", 5.0), incident(first, "carts", 4.9)]
    assert follows(same) == {}


def test_a_known_cause_comes_before_the_bare_symptom_beside_it():
    symptom, known = "request failed: timed out", "GC overhead: old generation cannot shrink"
    given = [incident(symptom, "orders", 11.0, 60.0), incident(known, "orders", 10.0, 60.0)]

    def weight(one: Incident) -> float:
        return 1.0 if one.title == known else 0.0

    assert follows(given) == {}
    assert follows(given, weight=weight) == {symptom: known}
    apart = [incident(symptom, "orders", 10.0, 60.0), incident(known, "carts", 11.0, 60.0)]
    assert follows(apart, weight=weight) == {}
    assert titles(apart, weight=weight) == [known, symptom]


def test_an_explained_failure_comes_before_one_without_a_cause():
    vague, told = "Error on AMQP connection", "login refused: user 'shop' - invalid credentials"
    given = [incident(vague, "a", 0.0), incident(told, "b", 9_000.0)]
    assert titles(given) == [vague, told]
    assert titles(given, weight=lambda one: 0.9 if one.title == told else 0.0) == [told, vague]


def test_two_lines_of_one_known_outage_are_one_trouble():
    slots = "FATAL: remaining connection slots are reserved"
    given = [incident(FULL, "postgres", 10.0, 60.0), incident(slots, "postgres", 12.0, 60.0, line=2)]

    def known(one: Incident) -> str:
        return "pg-full"

    assert follows(given) == {}
    assert follows(given, known=known) == {slots: FULL}
    bugs = [incident("TypeError: a", "carts", 10.0, 60.0), incident("TypeError: b", "carts", 12.0, 60.0)]
    assert follows(bugs, known=known) == {}
    killed = [incident(f"oom-kill of pod {name}", "kubelet", 10.0, 60.0) for name in ("orders", "carts")]
    assert follows(killed, known=known) == {}


def test_tags_of_knowledge_say_what_words_do_not():
    odd = "AH-7: the session pool is gone, shutting down"
    suffers = "SQLSTATE 08006: connection lost"
    given = [incident(odd, "store", 10.0, 60.0, line=1), incident(suffers, "store", 11.0, 60.0, line=2)]
    assert follows(given) == {}
    assert follows(given, tags=lambda one: ("database",) if one.title == odd else ()) == {suffers: odd}


def test_severity_then_time_order_what_is_not_tied():
    given = [
        incident("a", "a", 30.0, severity=ERROR),
        incident("b", "b", 20.0, severity=WARNING),
        incident("c", "c", 40.0, severity=CRITICAL),
        incident("d", "d", 10.0, severity=ERROR),
    ]
    assert titles(given) == ["c", "d", "a", "b"]


def test_a_group_is_as_severe_as_its_worst():
    root = incident("memory resource limit alarm set", "rabbitmq", 10.0, 90.0, WARNING)
    follower = incident("amqp://rabbitmq:5672 connection refused", "workers", 20.0, 90.0, CRITICAL)
    other = incident("x", "x", 5.0, severity=ERROR)
    found = ordered([other, follower, root])
    assert [one.title for one in found] == [root.title, follower.title, "x"]
    assert [one.follows for one in found] == [None, root.id, None]


def test_without_times_the_lines_tell_the_order():
    given = [
        incident(POOL, "orders", line=40, last_line=90),
        incident(FULL, "postgres", line=30, last_line=80),
        incident("b", "b", line=9),
        incident("a", "a", line=3),
    ]
    assert titles(given) == ["a", "b", FULL, POOL]
    far = [incident(FULL, "postgres", line=30), incident(POOL, "orders", line=9_000)]
    assert follows(far) == {}


def test_equal_times_are_told_apart_by_lines():
    given = [incident(name, name, 50.0, line=line) for line, name in ((3, "c"), (1, "a"), (2, "b"))]
    assert titles(given) == ["a", "b", "c"]
    tied = [incident(POOL, "orders", 50.0, 50.0, line=1), incident(FULL, "postgres", 50.0, 50.0, line=2)]
    assert follows(tied) == {POOL: FULL}


def test_two_that_blame_each_other_make_no_circle():
    one = incident("crash: http://beta:80 connection refused", "alpha", 10.0, 50.0)
    two = incident("crash: http://alpha:80 connection refused", "beta", 11.0, 50.0)
    found = ordered([two, one])
    assert [one.follows for one in found].count(None) == 1


def test_the_order_of_the_input_does_not_matter_and_nothing_is_lost():
    words = [
        FULL,
        POOL,
        REFUSED,
        "GET http://orders:80 returned 502",
        "amqp://rabbitmq:5672 refused",
        "x failed",
    ]
    chance = random.Random(5)
    given = [
        incident(
            chance.choice(words),
            chance.choice(("orders", "postgres", "rabbitmq", "gateway", "")),
            chance.choice((None, 5.0, 9.0, 90.0)),
            line=n,
            severity=chance.choice((ERROR, CRITICAL)),
        )
        for n in range(1, 60)
    ]
    unique = list({one.id: one for one in given}.values())
    expected = ordered(unique)
    assert sorted(one.id for one in expected) == sorted(one.id for one in unique)
    roots = {one.id for one in expected if one.follows is None}
    assert all(one.follows in roots for one in expected if one.follows)
    for seed in range(5):
        random.Random(seed).shuffle(unique)
        assert ordered(unique) == expected


def crowd(size: int) -> list[Incident]:
    """Return incidents that may all be causes of one another."""
    return [
        incident(
            f"postgres {'z' * (n % 90)} connection refused by http://service-{n % 7}:80, shutting down",
            f"service-{n % 9}",
            float(n % 50),
            500.0,
            line=n,
        )
        for n in range(size)
    ]


def test_the_ties_grow_with_the_incidents_and_not_with_their_square():
    def count(size: int) -> int:
        cases = [Case(n, one, features_of(one), 0.0) for n, one in enumerate(crowd(size))]
        return sum(1 for _ in ties(cases, Nearness(candidates=10)))

    assert count(400) < 2.2 * count(200)


def test_a_long_chain_of_one_known_failure_has_one_root():
    given = [incident("connection refused", "api", 100.0 * n, 100.0 * n, line=n + 1) for n in range(40)]
    given = [replace(one, id=f"{n:04}") for n, one in enumerate(given)]
    found = ordered(given, known=lambda _: "refused")
    assert [one.id for one in found] == [f"{n:04}" for n in range(40)]
    assert {one.follows for one in found[1:]} == {"0000"}


def test_nothing_and_one():
    assert ordered([]) == []
    one = incident("x", severity=Severity.CRITICAL)
    assert ordered([one]) == [one]
