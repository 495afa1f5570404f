"""The functions as they are deployed against what was declared: .chalice/config.json and the table of event sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cali.adapters.aws import clients as aws
from cali.adapters.aws.event_sources import Mappings
from cali.core.event_sources import APP, SOURCES
from cali.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.world import World

API = "api_handler"
SETTINGS = (("MemorySize", "lambda_memory_size"), ("Timeout", "lambda_timeout"))


def event_sources(world: World) -> Iterator[Finding]:
    """How Lambda reads the streams, against the one table of it."""
    bucket = world.settings.logs_bucket
    if not world.stage:
        return
    with aws.said("event sources"):
        found = Mappings(world.client("lambda"), world.stage, bucket, world.installation).verify()
    for difference in found:
        deploy = difference.found == "missing"
        then = f"deploy the functions: make deploy STAGE={world.stage}"
        yield fail(
            "event source",
            str(difference),
            then if deploy else f"python -m cali_ops.event_sources apply --stage {world.stage}",
        )
    if not found:
        yield ok("event source", f"{len(SOURCES)} of stage {world.stage}: as the table has them")


def functions(world: World) -> Iterator[Finding]:
    """Memory, time, variables, concurrency and layers of each function."""
    if not world.stage:
        return
    if world.declared is None:
        then = f"write it: python -m cali_ops.chalice_config --stage {world.stage} --outputs terraform-outputs.json"
        yield warn(
            "functions", f".chalice/config.json has no stage {world.stage}: nothing was declared", then
        )
        return
    same = 0
    for name in world.declared.get("lambda_functions", {}):
        differences = list(_function(world, name, world.declared))
        for difference in differences:
            yield fail(
                "function",
                f"{name}: {difference}",
                f"deploy what was declared: make deploy STAGE={world.stage}",
            )
        same += not differences
    if same:
        yield ok("function", f"{same} of stage {world.stage}: as .chalice/config.json has them")


def deployed_name(stage: str, function: str, name: str = APP) -> str:
    """What Chalice calls a function on Lambda; that of the API has no name of its own."""
    return f"{name}-{stage}" if function == API else f"{name}-{stage}-{function}"


def differing(
    declared: Mapping[str, Any], section: Mapping[str, Any], found: Mapping[str, Any], reserved: int | None
) -> Iterator[str]:
    """Where a function is not as declared: `declared` is the stage's section, `section` the function's in it. Variables are
    named, and their values not told."""
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
        yield f"has {', '.join(more)}, which nobody declared"
    if reserved != section.get("reserved_concurrency"):
        yield f"reserved concurrency is {reserved}, should be {section.get('reserved_concurrency')}"
    layers = [str(layer.get("Arn")) for layer in found.get("Layers", ())]
    if declared.get("layers", []) != layers and declared.get("layers") is not None:
        yield f"has the layers {', '.join(map(_short, layers)) or 'none'}, should have {', '.join(map(_short, declared['layers']))}"
    if found.get("State", "Active") not in ("Active", "Inactive"):  # inactive: not called for a while
        yield f"is {found['State']}"


def _function(world: World, name: str, declared: Mapping[str, Any]) -> Iterator[str]:
    from botocore.exceptions import ClientError

    client, full = world.client("lambda"), deployed_name(world.stage, name, world.installation)
    with aws.said(f"function {full}"):
        try:
            found = client.get_function_configuration(FunctionName=full)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            found = None
        concurrency = client.get_function_concurrency(FunctionName=full) if found else {}
    if found is None:
        yield f"{full} is not there"
        return
    reserved = concurrency.get("ReservedConcurrentExecutions")
    yield from differing(declared, declared["lambda_functions"][name], found, reserved)


def _short(arn: str) -> str:
    return ":".join(arn.split(":")[-2:])


CHECKS = (event_sources, functions)
