"""The metrics that a dashboard may query from CloudWatch: those of the functions, from their code, and those of AWS."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cali.usecases.alert import AlertResult
from cali.usecases.diagnose import DiagnoseResult
from cali.usecases.enrich import Result
from cali.usecases.sweep import COUNTED, gauge

SHELL = Path(__file__).parents[2] / "chalice_app" / "chalicelib" / "shell.py"
_BOTH = ("alert", "diagnose")  # functions that `messages` serves
_ALERT_ALONE = {"log_to_alert_ms"}
_OUTCOMES: Mapping[str, type[StrEnum]] = {"alert": AlertResult, "diagnose": DiagnoseResult, "enrich": Result}

AWS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "AWS/Kinesis": (
        frozenset({"StreamName"}),
        frozenset(
            {
                "GetRecords.IteratorAgeMilliseconds", "IncomingBytes", "IncomingRecords", "ReadProvisionedThroughputExceeded",
                "WriteProvisionedThroughputExceeded",
            }
        ),
    ),
    "AWS/Lambda": (
        frozenset({"FunctionName"}),
        frozenset({"ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"}),
    ),
    "AWS/Firehose": (
        frozenset({"DeliveryStreamName"}),
        frozenset(
            {
                "DeliveryToAmazonOpenSearchService.DataFreshness", "DeliveryToAmazonOpenSearchService.Success",
                "DeliveryToS3.DataFreshness",
            }
        ),
    ),
    "AWS/ES": (
        frozenset({"ClientId", "DomainName"}),
        frozenset({"CPUUtilization", "ClusterIndexWritesBlocked", "ClusterStatus.red", "FreeStorageSpace", "JVMMemoryPressure"}),
    ),
    "AWS/DynamoDB": (
        frozenset({"TableName"}),
        frozenset({"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"}),
    ),
    "AWS/NetworkELB": (frozenset({"LoadBalancer", "TargetGroup"}), frozenset({"HealthyHostCount"})),
}  # fmt: skip
"""Dimensions and metrics of each of AWS's namespaces, from its documentation."""


def emitted() -> dict[str, frozenset[str]]:
    """Return the metrics of each function: the names that its code in the shell passes to `InvocationMetrics.add` and
    `took`, its outcomes, and the gauges of sweep. Metrics of `observed` belong to all functions."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(ast.parse(SHELL.read_text())):
        if isinstance(node, ast.FunctionDef):
            for function in _BOTH if node.name == "messages" else (node.name,):
                found[function] |= _added(node)
    for function, outcomes in _OUTCOMES.items():
        found[function] |= {each.value for each in outcomes}
    found["sweep"] |= {gauge(status) for status in COUNTED}
    everywhere = found.pop("observed", set())
    for names in found.values():
        names |= everywhere
    found["diagnose"] -= _ALERT_ALONE
    return {function: frozenset(names) for function, names in found.items() if names}


def _added(function: ast.FunctionDef) -> set[str]:
    """Return the keywords of the calls of `metrics.add`, and the keys of the dictionaries that they unpack."""
    keys = {
        target.id: {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("metrics.add", "metrics.took"):
            for keyword in node.keywords:
                if keyword.arg is not None:
                    names.add(keyword.arg)
                elif isinstance(keyword.value, ast.Name):
                    names |= {str(key) for key in keys.get(keyword.value.id, ())}
    return names
