"""Removal of everything that `chalice deploy` and `make deploy` create outside Terraform: the API, the schedule of
sweep, the versions of the layer, and the record of the deployment. teardown.py deletes the functions and their
mappings, because these block a destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali_ops.calls import Call, ask, pages
from cali_ops.layer import KEY

if TYPE_CHECKING:
    from cali_ops.calls import Clients


def calls(name: str, stage: str, bucket: str, clients: Clients) -> tuple[Call, ...]:
    """Find the leftovers of a stage, and return the calls that delete them."""
    return (
        *_apis(name, stage, clients),
        *_rule(f"{name}-{stage}-sweep-event", clients),
        *_layers(f"{name}-dependencies", clients),
        *_records(bucket, (f"chalice/{stage}.json", "chalice/outputs.json", KEY), clients),
    )


def _apis(name: str, stage: str, clients: Clients) -> list[Call]:
    """Return the APIs that invoke the functions of this stage. Each stage has its own API, and all have the same
    name."""
    found = [
        one for one in pages(Call("apigateway", "get_rest_apis"), "items", clients) if one["name"] == name
    ]
    return [
        Call("apigateway", "delete_rest_api", {"restApiId": one["id"]}, "invokes a function that is gone")
        for one in found
        if any(f":function:{name}-{stage}/" in uri for uri in _invoked(one["id"], clients))
    ]


def _invoked(api: str, clients: Clients) -> list[str]:
    listed = Call("apigateway", "get_resources", {"restApiId": api, "embed": ["methods"]})
    methods: list[dict[str, Any]] = [
        method
        for one in pages(listed, "items", clients)
        for method in one.get("resourceMethods", {}).values()
    ]
    return [str(method.get("methodIntegration", {}).get("uri", "")) for method in methods]


def _rule(rule: str, clients: Clients) -> list[Call]:
    if ask(Call("events", "describe_rule", {"Name": rule}), clients) is None:
        return []
    targets = [
        one["Id"] for one in pages(Call("events", "list_targets_by_rule", {"Rule": rule}), "Targets", clients)
    ]
    removed = [
        Call("events", "remove_targets", {"Rule": rule, "Ids": targets}, "invokes a function that is gone")
    ]
    return [
        *(removed if targets else []),
        Call("events", "delete_rule", {"Name": rule}, "the clock of sweep"),
    ]


def _layers(layer: str, clients: Clients) -> list[Call]:
    versions = pages(Call("lambda", "list_layer_versions", {"LayerName": layer}), "LayerVersions", clients)
    return [
        Call(
            "lambda",
            "delete_layer_version",
            {"LayerName": layer, "VersionNumber": one["Version"]},
            "the functions' packages",
        )
        for one in versions
    ]


def _records(bucket: str, keys: tuple[str, ...], clients: Clients) -> list[Call]:
    held = [
        key
        for key in keys
        if ask(Call("s3", "head_object", {"Bucket": bucket, "Key": key}), clients) is not None
    ]
    return [
        Call("s3", "delete_object", {"Bucket": bucket, "Key": key}, "says what is deployed") for key in held
    ]
