"""Leftovers that block `terraform destroy`: resources in the VPC that Terraform did not create."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali_ops.calls import Call, ask, pages, perform

if TYPE_CHECKING:
    from cali_ops.calls import Clients


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The leftovers of an installation. They have its name or are in its VPC."""

    functions: tuple[str, ...] = ()  # functions that Chalice deployed
    mappings: tuple[str, ...] = ()  # their event source mappings
    balancers: tuple[str, ...] = ()  # load balancers that Kubernetes created for services
    groups: tuple[str, ...] = ()  # security groups of these load balancers
    interfaces: tuple[str, ...] = ()  # network interfaces without an attachment
    volumes: tuple[str, ...] = ()  # volumes of the add-ons, which hold data
    protected_table: str | None = None


def plan(found: Leftovers, with_data: bool) -> tuple[Call, ...]:
    """Return the calls that delete the leftovers, in the order that AWS accepts. Volumes are deleted only `with_data`."""
    calls = [
        Call("lambda", "delete_event_source_mapping", {"UUID": one}, "reads a stream")
        for one in found.mappings
    ]
    calls += [
        Call("lambda", "delete_function", {"FunctionName": one}, "holds network interfaces")
        for one in found.functions
    ]
    calls += [
        Call("elbv2", "delete_load_balancer", {"LoadBalancerArn": one}, "holds subnets")
        for one in found.balancers
    ]
    calls += [
        Call("ec2", "delete_network_interface", {"NetworkInterfaceId": one}, "holds a subnet")
        for one in found.interfaces
    ]
    calls += [Call("ec2", "delete_security_group", {"GroupId": one}, "holds the VPC") for one in found.groups]
    if found.protected_table:
        change = {"TableName": found.protected_table, "DeletionProtectionEnabled": False}
        calls.append(Call("dynamodb", "update_table", change, "the table refuses to be deleted"))
    if with_data:
        calls += [
            Call("ec2", "delete_volume", {"VolumeId": one}, "outlives its claim and costs")
            for one in found.volumes
        ]
    return tuple(calls)


def look(name: str, stage: str, vpc: str, clients: Clients) -> Leftovers:
    """Find the leftovers of the installation with this name."""
    cluster = f"{name}-cluster"
    functions = tuple(
        one["FunctionName"]
        for one in pages(Call("lambda", "list_functions"), "Functions", clients)
        if one["FunctionName"] == f"{name}-{stage}" or one["FunctionName"].startswith(f"{name}-{stage}-")
    )
    ours = [{"Name": f"tag:kubernetes.io/cluster/{cluster}", "Values": ["owned"]}]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    free = [*inside, {"Name": "status", "Values": ["available"]}]
    claimed = [
        {"Name": "tag:ebs.csi.aws.com/cluster", "Values": ["true"]},
        *ours,
        {"Name": "status", "Values": ["available"]},
    ]
    table = ask(Call("dynamodb", "describe_table", {"TableName": f"{name}-incidents"}), clients)
    return Leftovers(
        functions=functions,
        mappings=tuple(mapping for one in functions for mapping in _mappings(one, clients)),
        balancers=_balancers(vpc, cluster, clients),
        groups=_ids(
            "describe_security_groups",
            "SecurityGroups",
            "GroupId",
            [*inside, *ours],
            clients,
            skip="eks-cluster-sg-",
        ),
        interfaces=_ids(
            "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", free, clients
        ),
        volumes=_ids("describe_volumes", "Volumes", "VolumeId", claimed, clients),
        protected_table=f"{name}-incidents"
        if table and table["Table"].get("DeletionProtectionEnabled")
        else None,
    )


def clear(found: Leftovers, with_data: bool, clients: Clients) -> tuple[Call, ...]:
    """Delete the leftovers, and return the calls."""
    calls = plan(found, with_data)
    for call in calls:
        perform(call, clients)
    return calls


def _mappings(function: str, clients: Clients) -> list[str]:
    call = Call("lambda", "list_event_source_mappings", {"FunctionName": function})
    return [one["UUID"] for one in pages(call, "EventSourceMappings", clients)]


def _balancers(vpc: str, cluster: str, clients: Clients) -> tuple[str, ...]:
    """Return the load balancers in the VPC that have the cluster's tag. Terraform's own balancers lack it."""
    inside = [
        one["LoadBalancerArn"]
        for one in pages(Call("elbv2", "describe_load_balancers"), "LoadBalancers", clients)
        if one.get("VpcId") == vpc
    ]
    made = []
    for arn in inside:
        tags = perform(Call("elbv2", "describe_tags", {"ResourceArns": [arn]}), clients)["TagDescriptions"]
        keys = {tag["Key"] for one in tags for tag in one["Tags"]}
        if f"kubernetes.io/cluster/{cluster}" in keys:
            made.append(arn)
    return tuple(made)


def _ids(
    action: str,
    key: str,
    field: str,
    filters: list[dict[str, Any]],
    clients: Clients,
    skip: str | None = None,
) -> tuple[str, ...]:
    """Return ids of resources in EC2. EKS itself deletes the cluster's own security group."""
    found = pages(Call("ec2", action, {"Filters": filters}), key, clients)
    return tuple(one[field] for one in found if skip is None or not one.get("GroupName", "").startswith(skip))
