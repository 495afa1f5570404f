"""Comparison of the deployed functions with their declaration: .chalice/config.json and the table of event sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cali.core.event_sources import APP, SOURCES
from cali.doctor.check import CheckResult, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.context import DoctorContext

API = "api_handler"
SETTINGS = (("MemorySize", "lambda_memory_size"), ("Timeout", "lambda_timeout"))


def event_sources(context: DoctorContext) -> Iterator[CheckResult]:
    """Compare how Lambda reads the streams with the table of event sources."""
    bucket = context.settings.logs_bucket
    if not context.stage:
        return
    with context.outside.aws_errors("event sources"):
        differences = context.outside.mapping_differences(context.stage, bucket, context.installation)
    for difference, is_missing in differences:
        then = f"deploy the functions: make deploy STAGE={context.stage}"
        yield fail(
            "event source",
            difference,
            then if is_missing else f"python -m cali_ops.event_sources apply --stage {context.stage}",
        )
    if not differences:
        yield ok("event source", f"{len(SOURCES)} of stage {context.stage}: as the table has them")


def functions(context: DoctorContext) -> Iterator[CheckResult]:
    """Compare memory, timeout, variables, concurrency and layers of each function with what was declared."""
    if not context.stage:
        return
    if context.declared is None:
        then = f"write it: python -m cali_ops.chalice_config --stage {context.stage} --outputs terraform-outputs.json"
        yield warn(
            "functions", f".chalice/config.json has no stage {context.stage}: nothing was declared", then
        )
        return
    same = 0
    for name in context.declared.get("lambda_functions", {}):
        differences = list(_function(context, name, context.declared))
        for difference in differences:
            yield fail(
                "function",
                f"{name}: {difference}",
                f"deploy what was declared: make deploy STAGE={context.stage}",
            )
        same += not differences
    if same:
        yield ok("function", f"{same} of stage {context.stage}: as .chalice/config.json has them")


def deployed_name(stage: str, function: str, name: str = APP) -> str:
    """Return the name that Chalice gives a function on Lambda. The API's function has the name of the stage."""
    return f"{name}-{stage}" if function == API else f"{name}-{stage}-{function}"


def differing(
    declared: Mapping[str, Any], section: Mapping[str, Any], found: Mapping[str, Any], reserved: int | None
) -> Iterator[str]:
    """Yield what differs from what was declared: `declared` is the section of the stage, `section` that of the function.

    Variables are named, but their values are not shown.
    """
    for name, key in SETTINGS:
        if key in section and found.get(name) != section[key]:
            yield f"{name} is {found.get(name)}, should be {section[key]}"
    wanted = {**declared.get("environment_variables", {}), **section.get("environment_variables", {})}
    held = found.get("Environment", {}).get("Variables", {})
    changed = sorted(name for name in wanted if held.get(name) != wanted[name])
    more = sorted(name for name in held if name.startswith("CALI_") and name not in wanted)
    if changed:
        yield f"differs in {', '.join(changed)}"
    if more:
        yield f"has {', '.join(more)}, not declared"
    if reserved != section.get("reserved_concurrency"):
        yield f"reserved concurrency is {reserved}, should be {section.get('reserved_concurrency')}"
    layers = [str(layer.get("Arn")) for layer in found.get("Layers", ())]
    if declared.get("layers", []) != layers and declared.get("layers") is not None:
        yield f"has the layers {', '.join(map(_short, layers)) or 'none'}, should have {', '.join(map(_short, declared['layers']))}"
    if found.get("State", "Active") not in ("Active", "Inactive"):  # inactive: not called for a while
        yield f"is {found['State']}"


def _function(context: DoctorContext, name: str, declared: Mapping[str, Any]) -> Iterator[str]:
    from botocore.exceptions import ClientError

    client, full = context.outside.client("lambda"), deployed_name(context.stage, name, context.installation)
    with context.outside.aws_errors(f"function {full}"):
        try:
            found = client.get_function_configuration(FunctionName=full)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            found = None
        concurrency = client.get_function_concurrency(FunctionName=full) if found else {}
    if found is None:
        yield f"{full} does not exist"
        return
    reserved = concurrency.get("ReservedConcurrentExecutions")
    yield from differing(declared, declared["lambda_functions"][name], found, reserved)


def _short(arn: str) -> str:
    return ":".join(arn.split(":")[-2:])


CHECKS = (event_sources, functions)
