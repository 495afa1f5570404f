"""All of CALI's AWS side as deployed, in a short run: results that a fault must not change, and the latency of an
alert."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.cloud import recorded
from tests.cloud.aws import Account
from tests.cloud.cloud import Cloud, Options
from tests.cloud.deploy import chalice
from tests.cloud.faults import Put
from tests.cloud.observe import Summary, differences, percentile
from tests.cloud.project import event_sources, missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # warnings of botocore
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SHORT = Options(lines=3_000, rate=0, seed=7, start=1_800_000_000.0, slack_pace=0.02)


def run(options: Options) -> Summary:
    said: list[str] = []
    with Cloud(options, said.append) as cloud:
        summary = cloud.run()
        new = recorded.heard(cloud.account) - recorded.kept()
    assert (
        new == set()
    )  # a function makes a call that its policy was not compared with: python -m tests.cloud.recorded
    print("\n".join([*said, *summary.lines()]))
    return summary


@pytest.fixture(scope="module")
def undisturbed() -> Summary:
    return run(SHORT)


def test_an_undisturbed_run_loses_nothing(undisturbed: Summary) -> None:
    assert undisturbed.incidents
    assert (
        undisturbed.unread == undisturbed.dropped == undisturbed.waiting == len(undisturbed.quarantined) == 0
    )
    assert undisturbed.twice == []
    assert (
        undisturbed.told == undisturbed.incidents.keys() >= {alert.incident for alert in undisturbed.alerts}
    )
    assert undisturbed.model_calls == undisturbed.model_questions  # one call for each new template
    assert undisturbed.counts["firehose raw"] == undisturbed.put


def test_faults_change_nothing(undisturbed: Summary) -> None:
    # For more and longer runs: python -m tests.cloud --lines 20000 --rate 400 --compare --fault all
    together = ("redeliver", "shuffle", "kill-analyze", "poison", "slack-down")
    disturbed = run(replace(SHORT, faults=together, kills=3))

    assert differences(undisturbed, disturbed) == []
    assert disturbed.poison > 0
    assert disturbed.model_calls == undisturbed.model_calls


def test_a_known_fault_is_alerted_within_seconds() -> None:
    with Cloud(replace(SHORT, firehose=False, settle=0.5)) as cloud:
        put: list[float] = []
        for number in range(12):
            cloud.put_records([_known(number)])
            put.append(time.time())
            time.sleep(1.7 if number else 12.0)  # the first alert has cold starts
        cloud.settle(30)
        first: dict[int, float] = {}
        for message in cloud.slack.messages:
            for number in range(len(put)):
                if f"/svc{number})" in str(message.content["text"]):
                    first.setdefault(number, message.at)
        waited = [first[number] - put[number] for number in range(2, len(put)) if number in first]

    assert len(waited) == 10
    print(f"put to alert: p50 {percentile(waited, 0.5):.2f} s, p95 {percentile(waited, 0.95):.2f} s")
    assert percentile(waited, 0.95) < 3.5  # 2 s on an idle machine


def test_a_redeployment_keeps_what_was_set_and_a_deletion_leaves_nothing() -> None:
    with Cloud(replace(SHORT, firehose=False)) as cloud:
        account, app = cloud.account, cloud.home / "chalice_app"
        before = _deployed(account)

        # When one line of the app changes and the app is deployed again
        with (app / "app.py").open("a") as source:
            source.write("\n# changed\n")
        chalice(account, app, "deploy")

        # Then the functions have the new code, and the settings of their sources are unchanged
        after = _deployed(account)
        assert not set(after["functions"].values()) & set(before["functions"].values())
        assert after["functions"].keys() == before["functions"].keys() == set(cloud.names.values())
        assert after["mappings"] == before["mappings"]
        assert len(after["mappings"]) == 3
        event_sources(account, "verify")

        # And a deployment without changes changes nothing
        chalice(account, app, "deploy")
        assert _deployed(account) == after

        # And a deletion leaves nothing behind, even when it is repeated
        for _ in range(2):
            chalice(account, app, "delete")
            assert not any(_deployed(account).values())


def _deployed(account: Account) -> dict[str, dict[str, Any]]:
    functions = account.client("lambda").list_functions()["Functions"]
    mappings = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    shown = (
        "BatchSize",
        "MaximumRetryAttempts",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "FunctionArn",
    )
    return {
        "functions": {one["FunctionName"]: one["CodeSha256"] for one in functions},
        "mappings": {one["UUID"]: {name: one.get(name) for name in shown} for one in mappings},
        "rules": {one["Name"]: one["State"] for one in account.client("events").list_rules()["Rules"]},
        "apis": {one["id"]: one["name"] for one in account.client("apigateway").get_rest_apis()["items"]},
    }


def _known(number: int) -> Put:
    """Return an error of the knowledge base, in a workload of its own."""
    pod = {
        "pod_name": f"svc{number}-5d4f8c7b9-x2x4z",
        "namespace_name": "shop",
        "container_name": f"svc{number}",
    }
    line = {
        "log": "2027-01-15 08:00:01 UTC [311] FATAL:  sorry, too many clients already",
        "stream": "stderr",
        "kubernetes": {**pod, "labels": {"app": f"svc{number}"}},
        "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
    }
    return Put(pod["pod_name"], orjson.dumps(line))
