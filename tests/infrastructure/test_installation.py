"""The order of creating and destroying an installation, and the leftovers that block a destroy."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cali.core.errors import Misconfigured
from cali_ops.command import group
from cali_ops.installation import LOG_BUCKET, adopt, backend, down
from cali_ops.teardown import Leftovers, clear, look, plan
from tests.infrastructure.conftest import ROOT

STATE = frozenset(
    {LOG_BUCKET, "module.logs.aws_s3_bucket_policy.this", "aws_s3_bucket_notification.logs", "aws_vpc.main"}
)
FOUND = Leftovers(
    functions=("cali-dev-analyze",), mappings=("uuid",), balancers=("arn:lb",), groups=("sg-1",), interfaces=("eni-1",),
    volumes=("vol-1",), protected_table="cali-incidents",
)  # fmt: skip


def test_the_state_is_kept_where_bootstrap_says():
    assert backend("bucket", "ap-northeast-2") == (
        "-reconfigure",
        "-backend-config=bucket=bucket",
        "-backend-config=region=ap-northeast-2",
    )


def test_a_destroy_leaves_the_log_bucket():
    # When everything except the data is destroyed
    keep, destroy = down(STATE, with_data=False)

    # Then the bucket leaves the state before the rest is destroyed
    assert keep.arguments == (
        "state",
        "rm",
        "aws_s3_bucket_notification.logs",
        LOG_BUCKET,
        "module.logs.aws_s3_bucket_policy.this",
    )
    assert destroy.arguments[0] == "destroy"
    assert not [one for one in destroy.arguments if "force_destroy" in one]


def test_a_destroy_that_was_interrupted_goes_on():
    assert [command.arguments[0] for command in down(frozenset({"aws_vpc.main"}), with_data=False)] == [
        "destroy"
    ]


def test_with_data_the_bucket_is_emptied_too():
    emptied, destroy = down(STATE, with_data=True)
    assert "-var=force_destroy_logs=true" in emptied.arguments
    assert "-var=force_destroy_logs=true" in destroy.arguments


def roots(folder: Path) -> tuple[str, ...]:
    for name in ("terraform", "eks_addons"):
        (folder / name).mkdir()
    (folder / "terraform" / "versions.tf").touch()
    return ("--folder", str(folder / "terraform"), "settings", "--root", str(folder / "eks_addons"))


def test_a_pipeline_is_told_what_people_keep_in_a_file(tmp_path: Path):
    # Given a checkout, without any uncommitted file
    arguments = roots(tmp_path)
    told = {"TERRAFORM_TFVARS": 'team_members_arns = ["arn"]\n\n', "ADDONS_TFVARS": ""}

    # When its settings are written, twice
    for _ in range(2):
        CliRunner().invoke(group, arguments, env=told, catch_exceptions=False)

    # Then the first root has them, and the second, which got none, has its defaults
    assert (tmp_path / "terraform" / "terraform.tfvars").read_text() == 'team_members_arns = ["arn"]\n'
    assert not (tmp_path / "eks_addons" / "terraform.tfvars").exists()


def test_a_pipeline_that_is_told_nothing_applies_nothing(tmp_path: Path):
    with pytest.raises(Misconfigured, match="take the team's access away"):
        CliRunner().invoke(group, roots(tmp_path), env={"TERRAFORM_TFVARS": ""}, catch_exceptions=False)


def test_the_settings_of_a_person_are_never_written_over(tmp_path: Path):
    arguments = roots(tmp_path)
    (tmp_path / "terraform" / "terraform.tfvars").write_text("mine = 1\n")
    with pytest.raises(Misconfigured, match="exists with other content"):
        CliRunner().invoke(group, arguments, env={"TERRAFORM_TFVARS": "yours = 1"}, catch_exceptions=False)


def test_the_next_installation_takes_the_kept_bucket_back():
    assert adopt(exists=True, state=frozenset()) == ("-var=adopt_logs_bucket=true",)
    assert adopt(exists=True, state=STATE) == ()
    assert adopt(exists=False, state=frozenset()) == ()


def test_the_bucket_is_where_the_root_has_it():
    assert 'module "logs"' in (ROOT / "storage.tf").read_text()
    assert 'resource "aws_s3_bucket" "this"' in (ROOT / "modules/bucket/main.tf").read_text()


def test_the_way_is_cleared_in_the_order_that_aws_accepts():
    actions = [call.action for call in plan(FOUND, with_data=False)]
    assert actions == [
        "delete_event_source_mapping", "delete_function", "delete_load_balancer", "delete_network_interface", "delete_security_group",
        "update_table",
    ]  # fmt: skip


def test_volumes_go_with_the_data_alone():
    assert "delete_volume" in [call.action for call in plan(FOUND, with_data=True)]


def test_nothing_in_the_way_takes_no_call():
    assert plan(Leftovers(), with_data=True) == ()


def test_only_what_is_this_installations_is_found_and_removed(clients):
    # Given a VPC with resources of Kubernetes and of others, and a table with deletion protection
    ec2 = clients("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    loose = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ours = [{"Key": "kubernetes.io/cluster/cali-cluster", "Value": "owned"}]
    group = ec2.create_security_group(
        GroupName="k8s-elb-x", Description="made by Kubernetes", VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": ours}],
    )["GroupId"]  # fmt: skip
    theirs = ec2.create_security_group(GroupName="theirs", Description="not ours", VpcId=vpc)["GroupId"]
    elb = clients("elbv2")
    made = elb.create_load_balancer(
        Name="made", Subnets=[subnet], Type="network", Scheme="internal", Tags=ours
    )["LoadBalancers"][0]
    elb.create_load_balancer(Name="terraforms", Subnets=[subnet], Type="network", Scheme="internal")
    clients("dynamodb").create_table(
        TableName="cali-incidents", BillingMode="PAY_PER_REQUEST", DeletionProtectionEnabled=True,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )  # fmt: skip

    # When the leftovers are searched
    found = look("cali", "dev", vpc, clients)

    # Then they are found, and nothing else
    assert loose in found.interfaces
    assert found.groups == (group,)
    assert found.balancers == (made["LoadBalancerArn"],)
    assert found.protected_table == "cali-incidents"

    # And after clearing, no leftovers remain, and the others' resources still exist
    clear(found, with_data=False, clients=clients)
    assert look("cali", "dev", vpc, clients) == Leftovers()
    assert theirs in {one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
