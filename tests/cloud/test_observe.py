"""Two runs are compared by the fields that must be equal in both."""

from __future__ import annotations

import json
from dataclasses import replace

from cali.stages.notify.state import AlertState, SentState
from cali.testing import SlackMessage
from tests.cloud.observe import (
    Alert,
    Seen,
    Summary,
    alert_of,
    differences,
    emitted,
    is_pending,
    is_told,
    percentile,
)

PLAIN = Summary(
    put=100,
    poison=0,
    incidents={"a": Seen("t <*>", "c/n/w/x", "error", 3)},
    alerts=[Alert("a", "opened", 5.0)],
    quarantined={},
    model_calls=1,
    model_questions=1,
    latencies=[1.0],
    iterator_age=1.0,
    longest_batch=1.0,
    dropped=0,
    unread=0,
    told={"a"},
)


def test_the_same_run_twice_has_no_differences():
    assert differences(PLAIN, PLAIN) == []


def test_each_thing_that_must_not_change_is_noticed():
    count = replace(PLAIN, incidents={"a": Seen("t <*>", "c/n/w/x", "error", 4)})
    missing = replace(PLAIN, told=())
    twice = replace(PLAIN, alerts=[*PLAIN.alerts, Alert("a", "opened", 9.0)])
    poison = replace(PLAIN, poison=2, quarantined={"one": "bad"})
    lost = replace(PLAIN, unread=1)
    waiting = replace(PLAIN, waiting=1)

    for changed in (count, missing, twice, poison, lost, waiting):
        assert len(differences(PLAIN, changed)) == 1


def test_an_explanation_may_come_in_the_alert_or_after_it():
    explained = replace(PLAIN, alerts=[*PLAIN.alerts, Alert("a", "explained", 9.0)])

    assert differences(PLAIN, explained) == []


def test_a_message_names_its_incident_and_kind():
    block = {"type": "context", "elements": [{"type": "mrkdwn", "text": "incident 00aa11bb22cc33dd"}]}
    content = {"text": "[Error] Explained: x", "blocks": [block]}

    assert alert_of(SlackMessage(3.0, "C", "1", content)) == Alert("00aa11bb22cc33dd", "explained", 3.0)
    assert alert_of(SlackMessage(3.0, "C", "1", {**content, "text": "[Error] New: x"})) == Alert(
        "00aa11bb22cc33dd", "opened", 3.0
    )
    assert alert_of(SlackMessage(3.0, "C", "1", {"text": "the day's digest"})) is None


def test_what_is_told_and_what_is_still_to_be_sent():
    sent = AlertState(sent={"slack": SentState(posts=1)})
    under = AlertState(sent={"slack": SentState(under="b")})
    refused = AlertState(sent={"slack": SentState(failures=1)})

    assert [is_told(state) for state in (sent, under, refused, AlertState())] == [True, True, False, False]
    assert [is_pending(state) for state in (sent, under, refused)] == [False, False, True]
    assert is_pending(AlertState(busy=5.0))


def test_metrics_are_read_from_what_functions_log():
    metric = {
        "_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "records", "Unit": "Count"}]}]},
        "records": [4.0],
    }

    assert emitted([json.dumps(metric), json.dumps(metric), "a line", '{"_aws"']) == {"records": 8}


def test_a_percentile_is_a_value_that_was_there():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.95) == 3.0
    assert percentile([], 0.95) == 0.0
