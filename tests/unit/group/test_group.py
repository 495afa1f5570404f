"""One failure is one incident, and two failures stay two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Incident, IncidentGroup, KnowledgeEntry, Moment, Role, Severity
from cali.stages.group import grouped
from cali.stages.group.features import features_of, timed
from cali.stages.group.ties import ties
from tests.unit.detect.events import CRITICAL, ERROR, WARNING, incident

FULL = "FATAL: sorry, too many clients already"
REFUSED = (
    "connection to server at postgres (10.0.3.1), port 5432 failed: FATAL: sorry, too many clients already"
)
POOL = "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30"


def entry(name: str, area: str, title: str = "", severity: Severity = ERROR) -> KnowledgeEntry:
    return KnowledgeEntry(name, title or name, area, (), (), f"the cause {name}", (), severity)


KNOWN = {
    FULL: entry("pg-too-many-connections", "postgresql", "Too many connections"),
    "memory resource limit alarm set on node rabbit@rabbitmq-0": entry(
        "rabbitmq-alarm", "rabbitmq", "Memory alarm"
    ),
    POOL: entry("sqlalchemy-pool-timeout", "python"),
}


def known(finding: Incident) -> KnowledgeEntry | None:
    return KNOWN.get(finding.samples[0].message)


def parts(findings: Sequence[Incident]) -> list[list[str]]:
    """The messages of each group, the root first."""
    return [[member.finding.samples[0].message for member in one.members] for one in grouped(findings, known)]


def test_a_database_at_its_limit_is_the_root_of_its_clients_failures():
    called = "upstream http://orders:8080 returned 503"
    found = parts([
        incident(POOL, "payments", 1_012.0, 1_090.0, CRITICAL),
        incident(FULL, "postgres", 1_005.0, 1_100.0),
        incident(REFUSED, "orders", 1_003.0, 1_095.0),  # its line came first
        incident(called, "gateway", 1_020.0, 1_080.0),
    ])  # fmt: skip
    assert found[0][0] == FULL
    assert sorted(found[0]) == sorted([FULL, REFUSED, POOL, called])


def test_a_broker_that_blocks_is_the_root_of_what_its_workers_report():
    root = "memory resource limit alarm set on node rabbit@rabbitmq-0"
    (group,) = grouped(
        [
            incident("Cannot connect to amqp://shop@rabbitmq:5672//: timed out", "workers", 60.0, 300.0),
            incident(root, "rabbitmq", 50.0, 290.0),
            incident("publish failed: connection.blocked: low on memory, timed out", "orders", 66.0, 280.0),
        ],
        known,
    )
    assert group.root.samples[0].message == root
    assert [member.role for member in group.members] == [Role.ROOT, Role.SYMPTOM, Role.SYMPTOM]
    assert all("rabbitmq" in member.reason for member in group.members[1:])
    assert (group.count, group.first_seen, group.last_seen) == (3, 50.0, 300.0)


def test_failures_of_one_moment_that_share_nothing_stay_apart():
    given = [
        incident(FULL, "postgres", 100.0, 200.0),
        incident("x509: certificate has expired for api.stripe.com", "payments", 101.0, 190.0),
        incident("NullPointerException: tariff", "tariffs", 102.0, 180.0),
        incident("Redis connection to redis:6379 failed: connect ECONNREFUSED", "carts", 103.0, 180.0),
        incident("could not resolve host: feed.example.com", "importer", 103.0, 180.0),
    ]
    assert all(len(one) == 1 for one in parts(given))


def test_a_client_of_another_server_of_that_kind_does_not_belong():
    refused = "connection to server at users-db, port 5432 failed: timeout expired"
    given = [incident(FULL, "orders-db", 100.0, 200.0), incident(refused, "users", 105.0, 200.0)]
    assert len(parts(given)) == 2


def test_of_two_servers_that_could_be_meant_none_is_the_root():
    other = "PANIC: could not write to file pg_wal: No space left on device"
    full = {**KNOWN, other: entry("pg-disk-full", "postgresql", "disk full")}
    given = [
        incident(FULL, "orders-postgres", 100.0, 200.0),
        incident(other, "users-postgres", 101.0, 200.0),
        incident(POOL, "orders", 105.0, 200.0),
    ]
    found = grouped(given, lambda finding: full.get(finding.samples[0].message))
    assert [len(one.members) for one in found] == [1, 1, 1]


@pytest.mark.parametrize(("start", "tied"), [(5.0, False), (95.0, True), (250.0, True), (480.0, False)])
def test_a_consequence_is_near_its_cause(start: float, tied: bool):
    given = [incident(FULL, "postgres", 100.0, 200.0), incident(POOL, "orders", start, start + 60)]
    assert (len(parts(given)) == 1) is tied


def test_a_rethrown_error_belongs_to_the_error_that_it_repeats():
    first = "TariffError: tariff gold of region north is not in the book"
    again = f"Unhandled while processing order: {first}; giving up"
    (group,) = grouped([incident(again, "orders", 5.0), incident(first, "orders", 4.9)], known)
    assert {member.role for member in group.members} == {Role.ROOT, Role.SAME}
    assert "TariffError" in group.members[1].reason


def test_time_alone_never_ties():
    given = [incident(f"{name} is upside down", name, 100.0, 160.0) for name in ("ledger", "mailer", "clock")]
    beats = {one.id: [Moment(1 + 3 * n, 100.0 + n) for n in range(60)] for one in given}
    assert [len(one.members) for one in grouped(given, known, beats)] == [1, 1, 1]


def test_a_symptom_between_two_causes_joins_one_and_never_both():
    panic, wrong = "panic: nil map in charge()", "TaxError: region north has no table of taxes"
    called = "http://payments:80 and http://taxes:80 did not answer, returned 502"
    given = [
        incident(panic, "payments", 100.0, 200.0, CRITICAL),
        incident(wrong, "taxes", 100.0, 200.0, CRITICAL),
        incident(called, "gateway", 101.0, 199.0),
    ]
    found = parts(given)
    assert sorted(map(len, found)) == [1, 2]
    assert not any(panic in one and wrong in one for one in found)


def test_a_warning_is_no_root_of_an_error():
    warned = "slow query on table orders of database shop: 900 ms"
    failed = "QueryError: slow query on table orders of database shop: 900 ms, giving up"
    given = [incident(warned, "orders", 100.0, 200.0, WARNING), incident(failed, "orders", 101.0, 200.0)]
    assert parts(given) == [[failed, warned]]


def test_episodes_of_one_finding_follow_different_causes_or_are_one_again():
    called = incident("GET http://orders:80/v1 returned 503", "gateway", 100.0, 110.0)
    later = replace(called, id=called.id + "-2", first_seen=5_000.0, last_seen=5_010.0)
    crash = incident("panic: order has no tariff", "orders", 99.0, 110.0, CRITICAL)
    other = incident(
        "FATAL: orders cannot bind port 80: address already in use", "orders", 4_999.0, 5_010.0, CRITICAL
    )
    (alone,) = grouped([called, later], known)
    assert (len(alone.members), alone.count, alone.last_seen) == (1, 2, 5_010.0)
    found = grouped([called, later, crash, other], known)
    assert [[member.finding.id for member in one.members] for one in found] == [
        [crash.id, called.id],
        [other.id, later.id],
    ]


def test_severity_then_time_order_what_is_not_tied():
    given = [
        incident("a", "a", 30.0, severity=ERROR),
        incident("b", "b", 20.0, severity=WARNING),
        incident("c", "c", 40.0, severity=CRITICAL),
        incident("d", "d", 10.0, severity=ERROR),
    ]
    assert [one.title for one in grouped(given, known)] == ["c", "d", "a", "b"]


def test_without_times_the_lines_stand_for_them():
    near = [
        incident(FULL, "postgres", line=30, last_line=80),
        incident(POOL, "orders", line=40, last_line=90),
    ]
    far = [incident(FULL, "postgres", line=30), incident(POOL, "orders", line=9_000)]
    assert (len(parts(near)), len(parts(far))) == (1, 2)


def test_a_moment_without_a_time_gets_one_from_the_lines_around_it():
    clocked, bare = incident("a", "a", 100.0, 200.0), incident("b", "b")
    found = timed(
        {clocked.id: [Moment(10, 100.0), Moment(20, 200.0)], bare.id: [Moment(15, None)]}, [clocked, bare]
    )
    assert found[bare.id] == [Moment(15, 150.0)]


def test_nothing_and_one():
    assert grouped([], known) == ()
    one = incident("x", severity=Severity.CRITICAL)
    (group,) = grouped([one], known)
    assert (group.root, group.id, group.title) == (one, one.id, one.title)


WORDS = (FULL, POOL, REFUSED, "GET http://orders:80 returned 502", "amqp://rabbitmq:5672 refused", "x failed")
PLACES = ("orders", "postgres", "rabbitmq", "gateway", "")


@given(
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from(PLACES), st.sampled_from((None, 5.0, 9.0, 90.0))),
        max_size=14,
    ),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_findings_does_not_matter_and_none_is_lost(
    drawn: list[tuple[str, str, float | None]], chance: random.Random
):
    unique = {
        one.id: one
        for one in (incident(word, place, time, line=n) for n, (word, place, time) in enumerate(drawn, 1))
    }
    findings = list(unique.values())
    expected = grouped(findings, known)
    assert sorted(member.finding.id for one in expected for member in one.members) == sorted(unique)
    chance.shuffle(findings)
    assert grouped(findings, known) == expected


@given(st.integers(2, 6), st.floats(0, 60))
@settings(deadline=None, max_examples=30)
def test_failures_with_their_own_consequences_never_mix(count: int, gap: float):
    findings = []
    for n in range(count):
        name = ("ledger", "mailer", "clock", "stock", "taxes", "fleet")[n]
        at = 100.0 + n * gap
        findings.append(
            incident(f"{name.title()}Error: the wheel of {name} is stuck", name, at, at + 60, CRITICAL)
        )
        findings.append(incident(f"GET http://{name}:80/v1 returned 502", "gateway", at + 1, at + 60))
    for group in grouped(findings, known):
        about = {
            name
            for name in ("ledger", "mailer", "clock", "stock", "taxes", "fleet")
            if name in str(titles(group))
        }
        assert len(about) == 1
        assert len(group.members) == 2


def titles(group: IncidentGroup) -> list[str]:
    return [member.finding.title for member in group.members]


def test_the_ties_grow_with_the_findings_and_not_with_their_square():
    def count(size: int) -> int:
        crowd = [
            incident(f"postgres {'z' * (n % 90)} refused by http://service-{n % 7}:80, shutting down", f"service-{n % 9}",
                     float(n % 50), 500.0, line=n)
            for n in range(size)
        ]  # fmt: skip
        times = timed({}, crowd)
        return len(ties([features_of(one, None, times[one.id]) for one in crowd]))

    assert 0 < count(600) < 2.8 * count(300)
