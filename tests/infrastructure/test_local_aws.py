"""The root applied to an emulated AWS: everything that moto supports is created, a second plan is empty, and a
destroy leaves nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cali_ops.cost import resources_in
from tests.infrastructure.conftest import prepared

if TYPE_CHECKING:
    from cali_ops.calls import Clients
    from cali_ops.terraform import Terraform

# Resources that moto does not support, with the reason. The mocked runs under terraform/tests cover them all.
UNSUPPORTED = {
    "aws_opensearch_domain": "Terraform waits ten minutes for an endpoint that moto never gives",
    "aws_opensearch_domain_policy": "needs the domain",
    "aws_kinesis_firehose_delivery_stream.search": "moto rejects the destination opensearch",
    "aws_eks_addon": "moto answers 404",
    "aws_eks_access_entry": "moto answers 404",
    "aws_eks_access_policy_association": "moto answers 404",
    "aws_autoscaling_attachment": "moto's node groups have no scaling group behind them",
    "aws_eks_node_group": "depends on the add-ons that nodes need",
    "aws_s3_bucket_logging": "moto looks for an access list, which a hardened bucket has not, and answers 500",
    "aws_s3_bucket_notification": "moto forgets eventbridge",
    "aws_flow_log": "moto does not know a prefix in the bucket",
    "aws_vpc_security_group_egress_rule.milvus_to_nodes": "moto's clusters have no security group",
    "aws_vpc_security_group_ingress_rule.nodes_from_milvus": "moto's clusters have no security group",
    "aws_budgets_budget": "moto has no notifications of budgets, and Terraform asks for them for ever",
}

PROVIDER = """
terraform {
  backend "local" {}
}

provider "aws" {
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  default_tags { # moto forgets those of streams
    tags = {}
  }
}

# What moto forgets of what it is told, so that a second plan would set it again.
resource "aws_eks_cluster" "main" {
  lifecycle {
    ignore_changes = [access_config, upgrade_policy]
  }
}

resource "aws_vpc_security_group_egress_rule" "functions_to_milvus" {
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_vpc_security_group_ingress_rule" "milvus_from_functions" {
  lifecycle {
    ignore_changes = [description]
  }
}
"""


def supported(planned: dict[str, Any]) -> list[str]:
    """Return the addresses of everything that moto can create. One address stands for all instances."""
    blocks = {(re.sub(r"\[[^\]]*\]$", "", one.address), one.type) for one in resources_in(planned)}
    return sorted(
        address for address, type_ in blocks if type_ not in UNSUPPORTED and address not in UNSUPPORTED
    )


@pytest.fixture
def local(tmp_path: Path, plugins: Path | None, moto: str, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    terraform = prepared(tmp_path / "terraform", plugins)
    (terraform.folder / "local_override.tf").write_text(PROVIDER)
    terraform.init("-reconfigure")
    return terraform


@pytest.mark.slow
def test_applied_planned_again_and_destroyed(
    local: Terraform, clients: Clients, planned: dict[str, Any]
) -> None:
    # Given everything that moto supports
    targets = [f"-target={address}" for address in supported(planned)]
    settings = [
        '-var=search_cidrs=["203.0.113.7/32"]',
        "-var=protect_incidents=false",
        "-var=force_destroy_logs=true",
        "-var=secret_recovery_days=0",
    ]

    # And an empty state
    assert local.addresses() == frozenset()

    # When it is applied
    local.run("apply", "-input=false", "-auto-approve", "-no-color", *settings, *targets)

    # Then it exists
    made = local.addresses()
    assert len(made) > 120
    assert (
        clients("kinesis").describe_stream_summary(StreamName="cali-logs-stream")["StreamDescriptionSummary"][
            "OpenShardCount"
        ]
        == 1
    )
    assert clients("eks").describe_cluster(name="cali-cluster")["cluster"]["version"] == "1.35"
    assert (
        clients("dynamodb").describe_table(TableName="cali-incidents")["Table"]["KeySchema"][0][
            "AttributeName"
        ]
        == "pk"
    )

    # And a second plan is empty
    local.run("plan", "-input=false", "-no-color", "-out=again.tfplan", *settings, *targets)
    again = json.loads(local.run("show", "-json", "again.tfplan"))
    changes = [one["address"] for one in again["resource_changes"] if one["change"]["actions"] != ["no-op"]]
    assert changes == []

    # And a destroy leaves nothing
    local.run("destroy", "-input=false", "-auto-approve", "-no-color", *settings)
    assert local.addresses() == frozenset()
    assert clients("s3").list_buckets()["Buckets"] == []
    assert clients("kinesis").list_streams()["StreamNames"] == []


def test_what_is_not_applied_is_tested_mocked(terraform: Terraform) -> None:
    tests = "".join(path.read_text() for path in (terraform.folder / "tests").glob("*.tftest.hcl"))
    resources = "".join(path.read_text() for path in terraform.folder.rglob("*.tf"))
    read = Path(__file__).with_name("test_storage.py").read_text()
    for address, why in UNSUPPORTED.items():
        assert why
        assert f'resource "{address.split(".")[0]}"' in resources
        assert address in tests + read, address
