"""Every alarm on a metric of CALI's own: a function sends that metric under the same name."""

from __future__ import annotations

from typing import Any

from tests.functional.aws_account import INCIDENTS, account
from tests.functional.aws_functions import Functions, emitted, kinesis_event

OURS = "CALI"
# The event of EventBridge for a scheduled function.
IDLE: dict[str, dict[str, Any]] = {
    "sweep": {"version": "0", "account": "1", "region": "r", "detail": {}, "detail-type": "Scheduled Event",
              "source": "aws.events", "time": "2026-11-20T12:00:00Z", "id": "1", "resources": []}
}  # fmt: skip


def names(metrics: list[dict[str, Any]]) -> set[tuple[str, frozenset[tuple[str, str]], str]]:
    """Return namespace, dimensions and name of each metric in a log, as CloudWatch would store it."""
    return {
        (part["Namespace"], frozenset((key, entry[key]) for key in dimensions), metric["Name"])
        for entry in metrics
        for part in entry["_aws"]["CloudWatchMetrics"]
        for dimensions in part["Dimensions"]
        for metric in part["Metrics"]
    }


def test_what_an_alarm_waits_for_is_sent(resources):
    # Given the alarms on metrics that AWS does not send
    alarms = [
        one.values
        for one in resources
        if one.type == "aws_cloudwatch_metric_alarm" and not one.values["namespace"].startswith("AWS/")
    ]
    wanted = {
        (alarm["namespace"], frozenset(alarm["dimensions"].items()), alarm["metric_name"]) for alarm in alarms
    }
    assert {namespace for namespace, _, _ in wanted} == {OURS}

    # When each of their functions has run once, without work
    with account() as aws:
        aws.make()
        functions = Functions(aws.endpoint)
        for function in sorted({dict(dimensions)["function"] for _, dimensions, _ in wanted}):
            assert "result" in functions(function, IDLE.get(function, kinesis_event(INCIDENTS, [b"noise"])))
        sent = names(emitted(functions.close()))

    # Then all metrics exist, with the same namespace, dimensions and name
    assert wanted <= sent
