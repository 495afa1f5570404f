"""All of CALI's AWS side, as deployed, in a short run: what a fault may not change, and how soon an alert comes."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson
import pytest

from tests.cloud import recorded
from tests.cloud.cloud import Cloud, Options
from tests.cloud.faults import Put
from tests.cloud.observe import Summary, differences, percentile
from tests.cloud.project import missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # botocore's own
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
    )  # a function asks for more than its policy was compared with: python -m tests.cloud.recorded
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
    # More of them, and longer: python -m tests.cloud --lines 20000 --rate 400 --compare --fault all
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
            time.sleep(1.7 if number else 12.0)  # the first finds everything cold
        cloud.settle(30)
        first: dict[int, float] = {}
        for message in cloud.slack.messages:
            for number in range(len(put)):
                if f"/svc{number})" in str(message.content["text"]):
                    first.setdefault(number, message.at)
        waited = [first[number] - put[number] for number in range(2, len(put)) if number in first]

    assert len(waited) == 10
    print(f"put to alert: p50 {percentile(waited, 0.5):.2f} s, p95 {percentile(waited, 0.95):.2f} s")
    assert percentile(waited, 0.95) < 3.5  # 2 s on a machine that does nothing else


def _known(number: int) -> Put:
    """An error that the knowledge base knows, from a workload of its own."""
    pod = {
        "pod_name": f"svc{number}-5d4f8c7b9-x2x4z",
        "namespace_name": "shop",
        "container_name": f"svc{number}",
    }
    line = {
        "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        "log": "2027-01-15 08:00:01 UTC [311] FATAL:  sorry, too many clients already",
        "stream": "stderr",
        "kubernetes": {**pod, "labels": {"app": f"svc{number}"}},
    }
    return Put(pod["pod_name"], orjson.dumps(line))
