"""All policies of the root as statements, and whether they allow a call."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cali_ops.cost import Resource

ACCOUNT, REGION = "111122223333", "ap-northeast-2"  # account of the mocked AWS
BUCKET = f"arn:aws:s3:::cali-logs-{ACCOUNT}"

FIELDS = {
    "aws_iam_role_policy": "policy",
    "aws_iam_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_kms_key": "policy",
    "aws_opensearch_domain_policy": "access_policies",
    "aws_cloudwatch_log_resource_policy": "policy_document",
}


class Statement(NamedTuple):
    """One statement, and the place where it was found."""

    address: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, Any]

    def grants(self) -> Iterator[tuple[str, str]]:
        """Yield each action with each resource, both shortened: `s3:GetObject`, `releases/*`. A listing is named by
        its prefix."""
        prefixes = listed(self.conditions.get("StringLike", {}).get("s3:prefix"))
        for action in self.actions:
            for resource in prefixes or self.resources:
                yield action, short(resource)


def listed(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,) if value else ()


def statements(resource: Resource, field: str) -> Iterable[Statement]:
    for one in json.loads(resource.values[field])["Statement"]:
        yield Statement(
            resource.address,
            one["Effect"],
            listed(one["Action"]),
            listed(one.get("Resource")),
            one.get("Condition", {}),
        )


def allowing(resources: Sequence[Resource]) -> list[Statement]:
    """Return every statement that allows something. A boundary allows nothing, it limits."""
    found = (
        one
        for resource in resources
        if resource.type in FIELDS and not resource.address.startswith("aws_iam_policy.boundary[")
        for one in statements(resource, FIELDS[resource.type])
    )
    return [one for one in found if one.effect == "Allow"]


def of(allowed: Iterable[Statement], who: str) -> list[Statement]:
    """Return the statements of the role of a function or a service account."""
    mine = {
        f'aws_iam_role_policy.function["{who}"]',
        f'module.service_account["{who}"].aws_iam_role_policy.this[0]',
    }
    return [one for one in allowed if one.address in mine]


def short(arn: str) -> str:
    """Return a resource without its constant parts: `stream/cali-logs-stream`, `secret:cali/openai`, `raw/*`."""
    if arn.startswith(f"{BUCKET}/"):
        return arn.removeprefix(f"{BUCKET}/")
    return arn.removesuffix("-??????").split(":", 5)[-1] if arn.startswith("arn:") else arn


def permits(allowed: Iterable[Statement], action: str, resource: str) -> bool:
    """Return whether a recorded call is allowed. Patterns are compared as IAM does."""
    return any(
        granted == action and fnmatchcase(resource, pattern)
        for one in allowed
        for granted, pattern in one.grants()
    )
