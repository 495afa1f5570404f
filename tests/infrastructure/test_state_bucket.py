"""The bucket of Terraform's state: created once, corrected if it was changed, otherwise left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cali.core.errors import Misconfigured
from cali_ops.calls import Call, perform
from cali_ops.command import group
from cali_ops.state_bucket import bucket_name, ensure, plan, read, settings
from tests.infrastructure.conftest import REGION

BUCKET = "cali-terraform-state-111122223333"


def as_wanted() -> dict[str, Any]:
    return {one.read: one.wanted for one in settings(BUCKET)}


def test_a_missing_bucket_is_made_and_set(clients):
    # Given an empty account
    assert read(BUCKET, clients) is None

    # When the bucket is ensured
    calls = ensure(BUCKET, REGION, clients)

    # Then it is created first, and is private, encrypted, versioned and TLS only
    assert calls[0].action == "create_bucket"
    s3 = clients("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_second_run_changes_nothing(clients):
    ensure(BUCKET, REGION, clients)
    assert ensure(BUCKET, REGION, clients) == ()


def test_what_somebody_changed_is_put_right(clients):
    # Given a bucket whose versioning was suspended
    ensure(BUCKET, REGION, clients)
    clients("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})

    # Then only the versioning is corrected
    assert [call.action for call in ensure(BUCKET, REGION, clients)] == ["put_bucket_versioning"]


@pytest.mark.parametrize("read_call", [one.read for one in settings(BUCKET)])
def test_each_setting_is_planned_by_itself(read_call):
    found = as_wanted() | {read_call: None}
    (call,) = plan(BUCKET, REGION, found)
    assert call.action == read_call.replace("get_", "put_")
    assert call.why


def test_us_east_1_takes_no_place():
    assert "CreateBucketConfiguration" not in plan(BUCKET, "us-east-1", None)[0].params
    assert plan(BUCKET, REGION, None)[0].params["CreateBucketConfiguration"] == {"LocationConstraint": REGION}


def test_terraform_calls_the_bucket_the_same(everything):
    # Given the state bucket that pipelines may write, by Terraform's name
    policies = [
        one
        for one in everything["root_module"]["resources"]
        if one["address"] == 'aws_iam_policy.pipeline["apply-state"]'
    ]

    # Then it is the bucket that bootstrap creates
    assert f"arn:aws:s3:::{bucket_name('cali', '111122223333')}/*" in policies[0]["values"]["policy"]


def test_a_refusal_is_one_clear_line(clients):
    with pytest.raises(Misconfigured, match=r"s3 put_bucket_versioning: .*NoSuchBucket"):
        perform(
            Call(
                "s3",
                "put_bucket_versioning",
                {"Bucket": "gone", "VersioningConfiguration": {"Status": "Enabled"}},
            ),
            clients,
        )


def test_bootstrap_is_a_command():
    assert {"bootstrap", "cost", "down", "outputs", "plan", "search-access", "up"} <= set(group.commands)
