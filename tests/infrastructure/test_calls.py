"""Each function may make the calls recorded in the local cloud (tests/cloud/calls.json), and no others.

`python -m tests.cloud.recorded` rewrites that file. Permissions without a recorded call are listed below, with the
reason.
"""

from __future__ import annotations

import pytest

from tests.cloud.recorded import Called, kept
from tests.infrastructure.policies import of, permits
from tests.infrastructure.test_policies import NO_RESOURCE

FUNCTIONS = ("alert", "analyze", "api", "diagnose", "enrich", "sweep")
RECORDED = sorted(kept())
WORKER = ("alert", "analyze", "diagnose", "sweep")  # functions whose work `cali worker` does in one process

ABSENT = "so that S3 says 404, not 403, of an object that is not there"
LAMBDA_READS = "Lambda polls the stream in the function's name; the local cloud's poller has a key of its own"
LAMBDA_KEEPS = "Lambda keeps batches that a function gave up on; none is given up in the run"
LAMBDA_JOINS = "Lambda puts the function into the VPC; the local cloud has none"
LAMBDA_TELLS = (
    "Lambda and its X-Ray daemon write what the function says; the local cloud reads it from the process"
)
MAIL = "an alert by mail goes through SES, which the local cloud has not"

# (role, action, resource) -> the reason for a permission without a recorded call
UNSEEN: dict[tuple[str, str, str], str] = {
    (
        "sweep",
        "s3:PutObject",
        "quarantine/*",
    ): "a block that our own code cannot refine, on a shard that fell silent",
    ("alert", "ses:SendEmail", "identity/cali.example.com"): MAIL,
    ("sweep", "ses:SendEmail", "identity/cali.example.com"): MAIL,
}
for function in FUNCTIONS:
    log = f"log-group:/aws/lambda/cali-dev{'' if function == 'api' else f'-{function}'}:*"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        UNSEEN[function, action, log] = LAMBDA_TELLS
    for action in ("xray:PutTelemetryRecords", "xray:PutTraceSegments"):
        UNSEEN[function, action, "*"] = LAMBDA_TELLS
    UNSEEN[function, "s3:ListBucket", "releases/*"] = ABSENT
for function in ("alert", "api", "sweep"):
    UNSEEN[function, "s3:ListBucket", "config/*"] = ABSENT
READS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
for function, stream in (("alert", "incidents"), ("analyze", "logs"), ("diagnose", "incidents")):
    UNSEEN[function, "kinesis:ListStreams", "*"] = LAMBDA_READS
    for action in READS:
        UNSEEN.setdefault((function, f"kinesis:{action}", f"stream/cali-{stream}-stream"), LAMBDA_READS)
    UNSEEN[function, "s3:PutObject", "aws/lambda/*"] = LAMBDA_KEEPS
    UNSEEN[function, "s3:ListBucket", "cali-logs-111122223333"] = LAMBDA_KEEPS
for action in (
    "AssignPrivateIpAddresses",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "UnassignPrivateIpAddresses",
):
    for kind in ("network-interface", "security-group", "subnet"):
        UNSEEN["diagnose", f"ec2:{action}", f"{kind}/*"] = LAMBDA_JOINS
for action in ("NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs"):
    UNSEEN["diagnose", f"ec2:Describe{action}", "*"] = LAMBDA_JOINS

# Calls of the nightly jobs, from src/cali/bootstrap/learning.py: Airflow is not part of the local cloud.
ITEMS = ("DeleteItem", "GetItem", "PutItem", "UpdateItem")
LEARNING = {
    *((f"dynamodb:{action}", "table/cali-incidents") for action in ITEMS),  # answers, claims and budget of the model
    ("dynamodb:Query", "table/cali-incidents/index/by-status"),  # incidents, and people's feedback on them
    *(("s3:GetObject", f"{prefix}/*") for prefix in ("learning", "new_errors", "raw", "releases", "reports")),
    *(("s3:ListBucket", f"{prefix}/*") for prefix in ("learning", "new_errors", "raw", "releases", "reports")),
    *(("s3:PutObject", f"{prefix}/*") for prefix in ("learning", "releases", "reports")),
    *(("s3:DeleteObject", f"{prefix}/*") for prefix in ("learning", "releases")),  # retention
    *(("secretsmanager:GetSecretValue", f"secret:cali/{name}") for name in ("github", "milvus", "openai", "slack")),
}  # fmt: skip
READ_TASK_LOGS = {("s3:GetObject", "airflow-logs/*"), ("s3:ListBucket", "airflow-logs/*")}
TASK_LOGS = READ_TASK_LOGS | {("s3:PutObject", "airflow-logs/*")}  # tests/airflow writes an object with these

# Calls of third-party programs, from their documentation.
OTHERS = {
    "airflow-api-server": READ_TASK_LOGS,
    "airflow-scheduler": TASK_LOGS | LEARNING,  # with the LocalExecutor it runs the tasks
    "airflow-triggerer": TASK_LOGS,
    "airflow-worker": TASK_LOGS,
    "cluster-autoscaler": {
        *(
            (f"autoscaling:{action}", "autoScalingGroup:*:autoScalingGroupName/eks-*")
            for action in ("SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup")
        ),
        ("eks:DescribeNodegroup", "nodegroup/cali-cluster/*"),
        *((action, "*") for action in NO_RESOURCE if action.startswith("autoscaling:")),
        *(
            (f"ec2:{action}", "*")
            for action in (
                "DescribeImages",
                "DescribeInstanceTypes",
                "DescribeLaunchTemplateVersions",
                "GetInstanceTypesFromInstanceRequirements",
            )
        ),
    },
    "grafana": {
        ("es:ESHttpGet", "domain/cali-search/*"),
        *(
            ("es:ESHttpPost", f"domain/cali-search/*{call}*")
            for call in ("_search", "_msearch", "_field_caps")
        ),
        ("cloudwatch:GetMetricData", "*"),
        ("cloudwatch:ListMetrics", "*"),
    },
}


def granted(allowed, who: str) -> set[tuple[str, str]]:
    return {grant for one in of(allowed, who) for grant in one.grants()}


def test_every_function_was_recorded():
    assert {call.who for call in RECORDED} == {*FUNCTIONS, "fluent-bit"}


@pytest.mark.parametrize("call", RECORDED, ids=" ".join)
def test_what_was_called_is_allowed(allowed, call: Called):
    assert permits(of(allowed, call.who), call.action, call.resource)


@pytest.mark.parametrize("who", [*FUNCTIONS, "fluent-bit"])
def test_what_is_granted_was_called_or_is_listed(allowed, who):
    called = {(call.action, call.resource) for call in RECORDED if call.who == who}
    listed = {(action, resource) for name, action, resource in UNSEEN if name == who}
    assert granted(allowed, who) - called - listed == set()


def test_what_is_listed_is_granted_and_unseen(allowed):
    # Given the list of permissions without a recorded call
    seen = {call for call in RECORDED if (call.who, call.action, call.resource) in UNSEEN}
    gone = {entry for entry in UNSEEN if entry[1:] not in granted(allowed, entry[0])}

    # Then none of them has a recorded call, except those that Lambda needs too, and all are still granted
    assert {(call.who, call.action) for call in seen} == {
        ("analyze", "kinesis:GetRecords"),
        ("analyze", "kinesis:GetShardIterator"),
    }
    assert gone == set()
    assert all(len(why) > 20 for why in UNSEEN.values())


def test_the_worker_may_do_what_its_functions_do(allowed):
    # Given the recorded calls of the functions whose work the worker does
    called = {(call.action, call.resource) for call in RECORDED if call.who in WORKER}
    reads = {
        (f"kinesis:{action}", f"stream/cali-{name}-stream")
        for action in READS
        for name in ("incidents", "logs")
    }
    mine = {
        entry[1:]
        for entry in UNSEEN
        if entry[0] in ("alert", "sweep") and entry[1].startswith(("ses:", "s3:List"))
    }

    # Then the worker may make these calls, and read both streams itself
    assert granted(allowed, "consumer") == called | reads | mine - {
        ("s3:ListBucket", "cali-logs-111122223333")
    }


@pytest.mark.parametrize("who", sorted(OTHERS))
def test_the_clusters_programs_may_do_what_they_need(allowed, who):
    assert granted(allowed, who) == OTHERS[who]


def test_every_policy_of_the_clusters_is_compared(resources):
    own = {
        one.address.split('"')[1]
        for one in resources
        if one.type == "aws_iam_role_policy" and one.address.startswith("module.service_account[")
    }
    assert own == {*OTHERS, "consumer", "fluent-bit"}
