"""The bucket of Terraform's state. Terraform needs it before the first run, so it cannot create it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali_ops.calls import Call, ask, perform
from cali_ops.shape import holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cali_ops.calls import Clients

ACCESS = {
    "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """One setting of the bucket: the call that reads it, the call that writes it, and the key of both."""

    read: str
    write: str
    wanted: dict[str, Any]
    why: str


def bucket_name(name: str, account: str) -> str:
    """Return the name of the bucket, the same as in terraform/names.tf."""
    return f"{name}-terraform-state-{account}"


def settings(bucket: str) -> tuple[BucketSetting, ...]:
    """Return the required settings of the bucket: private, encrypted, versioned, TLS only."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "RefusePlainHttp",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    return (
        BucketSetting("get_public_access_block", "put_public_access_block", {"PublicAccessBlockConfiguration": ACCESS}, "nobody outside reads it"),
        BucketSetting("get_bucket_ownership_controls", "put_bucket_ownership_controls", {"OwnershipControls": owner}, "no access lists"),
        BucketSetting("get_bucket_versioning", "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}, "a broken state can be put back"),
        BucketSetting("get_bucket_encryption", "put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}, "encrypted at rest"),
        BucketSetting("get_bucket_policy", "put_bucket_policy", {"Policy": policy}, "encrypted on its way"),
    )  # fmt: skip


def read(bucket: str, clients: Clients) -> Mapping[str, Any] | None:
    """Return the bucket's settings by the call that reads them, or None if there is no bucket."""
    if ask(Call("s3", "head_bucket", {"Bucket": bucket}), clients) is None:
        return None
    return {
        one.read: _plain(ask(Call("s3", one.read, {"Bucket": bucket}), clients)) for one in settings(bucket)
    }


def plan(bucket: str, region: str, found: Mapping[str, Any] | None) -> tuple[Call, ...]:
    """Return the calls that create or correct the bucket. Return none if it is correct."""
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    create = (
        ()
        if found is not None
        else (Call("s3", "create_bucket", {"Bucket": bucket, **place}, "Terraform's state"),)
    )
    seen = found or {}
    return create + tuple(
        Call("s3", one.write, {"Bucket": bucket, **_written(one.wanted)}, one.why)
        for one in settings(bucket)
        if not holds(seen.get(one.read), one.wanted)
    )


def ensure(bucket: str, region: str, clients: Clients) -> tuple[Call, ...]:
    """Create or correct the bucket, and return the calls."""
    calls = plan(bucket, region, read(bucket, clients))
    for call in calls:
        perform(call, clients)
    return calls


def _plain(answer: Any) -> Any:
    """Return a response in the form of the written settings, with its policy parsed."""
    if not isinstance(answer, dict):
        return answer
    if "Policy" in answer:
        return {"Policy": json.loads(answer["Policy"])}
    return (
        {**answer, "VersioningConfiguration": {"Status": answer["Status"]}} if "Status" in answer else answer
    )


def _written(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.dumps(value) if key == "Policy" else value for key, value in wanted.items()}
