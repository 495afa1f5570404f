"""The daily cost of a plan, per resource, at the planned volume and at multiples of it.

    resources of a plan + Volume + ResourcePrices -> lines -> table

A resource type that is neither priced nor listed as free is an error, so a plan cannot hide a cost.
"""

from __future__ import annotations

from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.errors import Misconfigured
from cali_ops.priced import MONTH, ResourcePrices, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

GB = 1e9


class Resource(NamedTuple):
    """One resource of a plan or a state."""

    address: str
    type: str
    values: dict[str, Any]


class CostLine(NamedTuple):
    """One line of the table: the resource, its cost driver, dollars a day."""

    what: str
    driver: str
    dollars: float


def resources_in(shown: dict[str, Any]) -> tuple[Resource, ...]:
    """Return the managed resources in `terraform show -json` of a plan or a state, including modules."""
    root = shown.get("planned_values", shown.get("values", shown)).get("root_module", {})
    if not root:
        raise Misconfigured("the plan holds no resources: give the output of `terraform show -json`")
    return tuple(_walk(root))


def _walk(module: dict[str, Any]) -> Iterable[Resource]:
    for resource in module.get("resources", []):
        if resource.get("mode", "managed") == "managed":
            yield Resource(resource["address"], resource["type"], resource["values"])
    for child in module.get("child_modules", []):
        yield from _walk(child)


def lines(
    resources: Sequence[Resource], volume: Volume, prices: ResourcePrices, model_dollars: float
) -> tuple[CostLine, ...]:
    """Return the cost per day, most expensive first. The model counts with its full daily budget."""
    unknown = sorted({resource.type for resource in resources} - set(PRICED) - FREE)
    if unknown:
        raise Misconfigured(
            f"no price and not known to be free: {', '.join(unknown)}; add it to cali_ops/cost.py"
        )
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for resource in resources:
        for what, driver, dollars in PRICED.get(resource.type, _free)(resource, volume, prices):
            sums[what, driver] += dollars
    for what, driver, dollars in (*_functions(volume, prices), *_claims(volume, prices)):
        sums[what, driver] += dollars
    sums["The model", "its daily budget, used up"] += model_dollars
    return tuple(
        sorted((CostLine(*key, dollars) for key, dollars in sums.items()), key=lambda line: -line.dollars)
    )


def _free(_resource: Resource, _volume: Volume, _prices: ResourcePrices) -> Iterable[CostLine]:
    return ()


def _cluster(_resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    yield CostLine("EKS control plane", "hours", 24 * prices.of("eks.cluster_hour"))
    yield CostLine(
        "EKS audit logs",
        "calls to the API",
        volume.assumed["cluster"]["audit_gb_per_day"] * prices.of("logs.gb"),
    )


def _nodes(resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    kind, least = resource.values["instance_types"][0], resource.values["scaling_config"][0]["min_size"]
    if resource.values["capacity_type"] == "SPOT":
        yield CostLine("Spot nodes", "how many run all day", least * 24 * prices.of("ec2.spot_hour", kind))
        return
    count = max(least, volume.nodes)
    yield CostLine("Nodes", "how many, of which size", count * 24 * prices.of("ec2.hour", kind))
    yield CostLine("Disks of nodes", "nodes", count * 30 * prices.of("ebs.gp3_gb_month") / MONTH)


def _stream(resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    if resource.address.endswith(".incidents"):
        yield CostLine("Incidents stream", "hours", 24 * prices.of("kinesis.shard_hour"))
        return
    if resource.values["stream_mode_details"][0]["stream_mode"] == "ON_DEMAND":
        moved = volume.gb * (prices.of("kinesis.on_demand_gb_in") + 3 * prices.of("kinesis.on_demand_gb_out"))
        yield CostLine(
            "Log stream",
            "bytes in, and out to three readers",
            24 * prices.of("kinesis.on_demand_hour") + moved,
        )
        return
    shards = max(resource.values["shard_count"], volume.shards)
    extended = prices.of("kinesis.extended_shard_hour") if resource.values["retention_period"] > 24 else 0.0
    yield CostLine(
        "Log stream",
        "shards, for the busiest second",
        shards * 24 * (prices.of("kinesis.shard_hour") + extended),
    )
    yield CostLine("Log stream, puts", "lines", volume.lines / 1e6 * prices.of("kinesis.put_million"))


def _firehose(resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    billed = volume.lines * 5e3 * ceil(volume.bytes_per_line / 5e3) / GB
    name = "S3" if resource.values["destination"] == "extended_s3" else "OpenSearch"
    yield CostLine(f"Firehose to {name}", "lines: each counts as 5 KB", billed * prices.of("firehose.gb"))


def _search(resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    nodes = resource.values["cluster_config"][0]
    kind, count = nodes["instance_type"], nodes["instance_count"]
    disk = resource.values["ebs_options"][0]["volume_size"] * count
    if volume.index_gb > disk:  # the configured disk is too small for the retention
        kind, count = search_tier(volume)
        disk = ceil(volume.index_gb)
    yield CostLine("OpenSearch nodes", "days kept", count * 24 * prices.of("opensearch.hour", kind))
    yield CostLine("OpenSearch disks", "days kept", disk * prices.of("opensearch.gp3_gb_month") / MONTH)


def search_tier(volume: Volume) -> tuple[str, int]:
    """Return the smallest type and number of search nodes that hold the index. Beyond the largest type, the number
    grows."""
    tiers = volume.assumed["search"]["tiers"]
    for tier in tiers:
        if volume.index_gb <= tier["up_to_gb"]:
            return tier["type"], tier["count"]
    last = tiers[-1]
    return last["type"], ceil(volume.index_gb * last["count"] / last["up_to_gb"])


def _nat(_resource: Resource, _volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    yield CostLine("NAT gateway", "zones that have one", 24 * prices.of("nat.hour"))


def _address(_resource: Resource, _volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    yield CostLine("Public addresses", "NAT gateways", 24 * prices.of("ipv4.hour"))


def _traffic(_resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    through = volume.gb + volume.assumed["cluster"]["other_gb_per_day"]
    yield CostLine("NAT traffic", "lines, images, the model", through * prices.of("nat.gb"))


def _endpoint(resource: Resource, _volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    if resource.values["vpc_endpoint_type"] == "Interface":
        zones = len(resource.values.get("subnet_ids") or [1, 1])
        yield CostLine(
            "Interface endpoints", "services and zones", zones * 24 * prices.of("endpoint.zone_hour")
        )


def _balancer(_resource: Resource, _volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    yield CostLine("Balancer of Milvus", "hours", 24 * prices.of("nlb.hour"))


def _raw_bucket(resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    if "access-logs" in str(resource.values.get("bucket")):
        return
    kept = volume.gb / volume.assumed["lines"]["compression"]
    classes = (("s3.standard_gb_month", 30), ("s3.ia_gb_month", 60), ("s3.glacier_gb_month", 275))
    yield CostLine(
        "S3, a full year of raw lines",
        "lines",
        sum(kept * days * prices.of(name) for name, days in classes) / MONTH,
    )
    puts = max(86400 / 60, volume.gb * 1e9 / 5e6) / 1e3
    yield CostLine("S3 puts", "one a minute, or 5 MB", puts * prices.of("s3.put_thousand"))


def _table(_resource: Resource, volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    assumed = volume.assumed["incidents"]
    writes = volume.lines * assumed["writes_per_line"] / 1e6
    calls = writes * 2 * prices.of("dynamodb.write_million")  # writes to the index are charged too
    calls += writes * assumed["reads_per_write"] * prices.of("dynamodb.read_million")
    kept = assumed["gb"] * (prices.of("dynamodb.gb_month") + prices.of("dynamodb.recovery_gb_month")) / MONTH
    yield CostLine("DynamoDB", "errors", calls + kept)


def _monthly(
    what: str, driver: str, price: str
) -> Callable[[Resource, Volume, ResourcePrices], Iterable[CostLine]]:
    def priced(_resource: Resource, _volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
        yield CostLine(what, driver, prices.of(price) / MONTH)

    return priced


def _functions(volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    assumed = volume.assumed["functions"]
    batches = (
        86400 * volume.shards * assumed["batches_per_shard_second"] + volume.gb * GB / 5e5
    )  # analyze, enrich
    seconds = batches * assumed["seconds_per_batch"] + 2 * volume.lines * assumed["seconds_per_line"]
    cost = batches / 1e6 * prices.of("lambda.request_million") + seconds * assumed["gb"] * prices.of(
        "lambda.gb_second"
    )
    yield CostLine("Lambda", "shards, lines", cost)


def _claims(volume: Volume, prices: ResourcePrices) -> Iterable[CostLine]:
    yield CostLine(
        "Disks of add-ons",
        "what they claim",
        volume.assumed["cluster"]["claims_gb"] * prices.of("ebs.gp3_gb_month") / MONTH,
    )
    yield CostLine(
        "Images",
        "how many are kept",
        volume.assumed["cluster"]["images_gb"] * prices.of("ecr.gb_month") / MONTH,
    )


PRICED: dict[str, Callable[[Resource, Volume, ResourcePrices], Iterable[CostLine]]] = {
    "aws_cloudwatch_metric_alarm": _monthly("Alarms", "how many", "alarm.month"),
    "aws_dynamodb_table": _table,
    "aws_eip": _address,
    "aws_eks_cluster": _cluster,
    "aws_eks_node_group": _nodes,
    "aws_internet_gateway": _traffic,
    "aws_kinesis_firehose_delivery_stream": _firehose,
    "aws_kinesis_stream": _stream,
    "aws_kms_key": _monthly("KMS key", "how many", "kms.key_month"),
    "aws_lb": _balancer,
    "aws_nat_gateway": _nat,
    "aws_opensearch_domain": _search,
    "aws_s3_bucket": _raw_bucket,
    "aws_secretsmanager_secret": _monthly("Secrets", "how many", "secret.month"),
    "aws_vpc_endpoint": _endpoint,
}

# A CodeBuild project costs nothing by itself. A delivery pays for its minutes, a few cents each.
FREE = frozenset({
    "aws_codebuild_project", "aws_codebuild_webhook", "aws_servicequotas_service_quota",
    "aws_autoscaling_attachment", "aws_budgets_budget", "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_group", "aws_cloudwatch_log_resource_policy", "aws_cloudwatch_log_stream", "aws_default_security_group",
    "aws_ecr_lifecycle_policy", "aws_ecr_repository", "aws_eks_access_entry", "aws_eks_access_policy_association", "aws_eks_addon",
    "aws_flow_log", "aws_iam_openid_connect_provider", "aws_iam_policy", "aws_iam_role", "aws_iam_role_policy",
    "aws_iam_role_policy_attachment", "aws_kms_alias", "aws_launch_template", "aws_lb_listener", "aws_lb_target_group",
    "aws_opensearch_domain_policy", "aws_route_table", "aws_route_table_association", "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging", "aws_s3_bucket_notification", "aws_s3_bucket_ownership_controls", "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block", "aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_versioning",
    "aws_security_group", "aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription", "aws_subnet", "aws_vpc",
    "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule",
})  # fmt: skip
