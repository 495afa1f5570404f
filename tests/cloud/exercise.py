"""A run of the local cloud in which every function makes each kind of call that it can make. Only the record of calls
matters. First everything by webhook, then by rules with a bot and a webhook that are down for a while, then
presses of buttons."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from cali.core.models import Status
from cali.stages.notify.actions import sign
from cali.testing.slack import CHANNELS, TOKEN
from tests.cloud import recorded
from tests.cloud.aws import BUCKET, INCIDENTS
from tests.cloud.cloud import Cloud, Options
from tests.cloud.faults import Put
from tests.cloud.project import APP, SIGNING_SECRET
from tests.cloud.recorded import Called

LINES = 1_500
RULES = "config/alerts.yaml"
PRESSED = "1800000000.000000"  # the time of the press, so that a repeated press is the same press
SETTINGS = {"CALI_ALERT_RULES": RULES, "CALI_QUIET_AFTER": "40"}


def exercised(say: Callable[[str], None]) -> set[Called]:
    """Return all kinds of calls that the functions made."""
    options = Options(LINES, rate=0, seed=7, start=time.time() - 60, slack_pace=0.02, faults=("poison",))
    with Cloud(options, say) as cloud:
        cloud.run()
        cloud.account.client("kinesis").put_records(
            StreamName=INCIDENTS, Records=[{"Data": b"no message", "PartitionKey": "none"}]
        )
        _while_away(cloud, range(5, 8))
        cloud.set_slack(up=True)
        cloud.settle(60)
        say("the same by rules")
        _by_rules(cloud)
        _while_away(cloud, range(5))
        say("what people press while Slack is away, and when it is back")
        _pressed(cloud, "wrong")
        cloud.set_slack(up=True)
        for answer in ("right", "right", "not_an_error", "resolve"):
            _pressed(cloud, answer)
            time.sleep(1.1)  # within one second Slack would give a second press the same signature: a replay
        time.sleep(
            35
        )  # `sweep` runs every 10 s; it sends failed messages, and finds the first incidents quiet
        cloud.settle(60)
        return recorded.heard(cloud.account)


def _by_rules(cloud: Cloud) -> None:
    """Deploy rules and keys."""
    client = cloud.account.client
    slack = cloud._slack_server
    rules = {
        "sinks": {"team": {"kind": "slack_bot", "channel": min(CHANNELS), "url": slack.url}},
        "routes": [{"send": ["team", "slack_webhook"]}],
    }
    client("s3").put_object(Bucket=BUCKET, Key=RULES, Body=json.dumps(rules).encode())
    keys = {"webhook_url": slack.hook, "signing_secret": SIGNING_SECRET, "bot_token": TOKEN}
    client("secretsmanager").put_secret_value(SecretId=f"{APP}/slack", SecretString=json.dumps(keys))
    functions = client("lambda")
    for name in cloud.names.values():
        held = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**held, **SETTINGS}}
        )
    cloud.fleet.refresh()


def _while_away(cloud: Cloud, numbers: range) -> None:
    """Open incidents while Slack is down."""
    cloud.set_slack(up=False)
    cloud.put_records([_error(number) for number in numbers])
    time.sleep(8)


def _error(number: int) -> Put:
    """Return an unknown error of a workload."""
    pod = f"svc{number}-5d4f8c7b9-x2x4z"
    line = {
        "log": "2027-01-15 08:00:01 UTC [311] FATAL:  sorry, too many clients already",
        "stream": "stderr",
        "kubernetes": {"pod_name": pod, "namespace_name": "shop", "labels": {"app": f"svc{number}"}},
        "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
    }
    return Put(pod, json.dumps(line).encode())


def _pressed(cloud: Cloud, answer: str) -> None:
    """Send the request of a pressed button of the newest incident."""
    incident = cloud.incidents.find(tuple(Status), 1)[0].incident.id
    action = {"action_id": f"cali:{answer}", "value": incident, "action_ts": PRESSED}
    held = {"type": "block_actions", "user": {"id": "U0LOCAL0001"}, "trigger_id": "1.2", "actions": [action]}
    body = f"payload={quote(json.dumps(held))}"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        **sign(body.encode(), SIGNING_SECRET, time.time()),
    }
    cloud.fleet.invoke(cloud.names["api"], json.dumps(_posted("/slack/actions", headers, body)).encode())


def _posted(path: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """Return the event that API Gateway makes of a POST."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": "POST",
            "resourcePath": path,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
