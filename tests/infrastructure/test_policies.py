"""Least privilege: every policy of the root is checked. test_calls.py compares the policies with the calls of the
code."""

from __future__ import annotations

import json
import re

import pytest

from cali_ops.addons import WANTED
from tests.infrastructure.policies import FIELDS, permits, statements

# Calls for which AWS supports no resource (Service Authorization Reference), each with its purpose.
NO_RESOURCE = {
    "xray:PutTelemetryRecords": "traces belong to the account",
    "xray:PutTraceSegments": "traces belong to the account",
    "kinesis:ListStreams": "Lambda asks for it when it makes an event-source mapping; it tells names alone",
    "ec2:DescribeDhcpOptions": "CodeBuild joins the runner to the VPC",
    "ec2:DescribeNetworkInterfaces": "Lambda joins diagnose to the VPC",
    "ec2:DescribeSecurityGroups": "Lambda joins diagnose to the VPC, and asks it of who deploys",
    "ec2:DescribeSubnets": "Lambda joins diagnose to the VPC, and asks it of who deploys",
    "ec2:DescribeVpcs": "Lambda joins diagnose to the VPC, and asks it of who deploys",
    "cloudwatch:GetMetricData": "Grafana shows metrics, which are no resources",
    "cloudwatch:ListMetrics": "Grafana shows metrics, which are no resources",
    "autoscaling:DescribeAutoScalingGroups": "the autoscaler finds its groups by tag",
    "autoscaling:DescribeAutoScalingInstances": "the autoscaler finds its groups by tag",
    "autoscaling:DescribeLaunchConfigurations": "the autoscaler sizes nodes it has not started",
    "autoscaling:DescribeScalingActivities": "the autoscaler sees why a node did not start",
    "autoscaling:DescribeTags": "the autoscaler finds its groups by tag",
    "ec2:DescribeImages": "the autoscaler sizes nodes it has not started",
    "ec2:DescribeInstanceTypes": "the autoscaler sizes nodes it has not started",
    "ec2:DescribeLaunchTemplateVersions": "the autoscaler sizes nodes it has not started",
    "ec2:GetInstanceTypesFromInstanceRequirements": "the autoscaler sizes nodes it has not started",
    "ecr:GetAuthorizationToken": "a token is for the registry, repositories are named by the other calls",
    "lambda:GetAccountSettings": "how many invocations the account runs at once; the call knows no resource",
    "lambda:GetEventSourceMapping": "mappings are found by listing",
    "lambda:ListEventSourceMappings": "a list",
    "lambda:ListFunctions": "a list",
    "lambda:ListLayers": "a list",
    "logs:CreateLogDelivery": "flow logs: the call knows no resource",
    "logs:DeleteLogDelivery": "flow logs: the call knows no resource",
    "logs:PutResourcePolicy": "the call knows no resource",
    "logs:DeleteResourcePolicy": "the call knows no resource",
}

# Managed policies of AWS that are used unchanged, because AWS updates them with the service.
MANAGED = {
    "AmazonEKSClusterPolicy": "the control plane",
    "AmazonEKSWorkerNodePolicy": "nodes join the cluster",
    "AmazonEC2ContainerRegistryPullOnly": "nodes pull images",
    "AmazonEKS_CNI_Policy": "aws-node gives pods their addresses",
    "AmazonEBSCSIDriverPolicy": "the driver makes volumes",
    "ReadOnlyAccess": "a plan reads every resource; data is denied beside it",
}


def test_every_policy_is_read(resources):
    # Given everything in the state that looks like a policy
    looks = {
        resource.type
        for resource in resources
        for value in resource.values.values()
        if isinstance(value, str) and '"Statement"' in value
    }

    # Then its type is checked here
    assert looks == set(FIELDS)


def test_no_action_is_a_wildcard(allowed):
    assert [
        one for one in allowed if any(re.fullmatch(r"(\*|\w+:\*)", action) for action in one.actions)
    ] == []


def test_wildcards_in_verbs_are_the_pipelines_alone(allowed):
    loose = {one.address for one in allowed if any("*" in action for action in one.actions)}
    assert all(address.startswith("aws_iam_policy.pipeline[") for address in loose)


def test_a_wildcard_resource_is_for_calls_that_know_none(allowed):
    wide = {
        (one.address, action)
        for one in allowed
        if "*" in one.resources
        and not one.address.startswith("aws_kms_key.")  # there it means the key itself
        for action in one.actions
    }
    assert {action for _, action in wide} == set(NO_RESOURCE)


def test_only_known_policies_of_aws_are_attached(resources):
    attached = {
        resource.values["policy_arn"].rsplit("/", 1)[-1]
        for resource in resources
        if resource.type == "aws_iam_role_policy_attachment"
    }
    assert attached - {"mocked"} == set(MANAGED)


def test_a_role_of_the_cluster_is_for_one_service_account(resources):
    roles = [
        resource
        for resource in resources
        if resource.address.startswith("module.service_account[") and resource.type == "aws_iam_role"
    ]
    subjects = set()
    for role in roles:
        (trust,) = json.loads(role.values["assume_role_policy"])["Statement"]
        equal = trust["Condition"]["StringEquals"]
        (subject,) = (value for key, value in equal.items() if key.endswith(":sub"))
        assert "sts.amazonaws.com" in equal.values()
        assert re.fullmatch(r"system:serviceaccount:[a-z-]+:[a-z-]+", subject)
        subjects.add(subject)
    assert len(subjects) == len(roles) == 11


def test_nobody_is_an_administrator(resources):
    assert not [
        resource.address for resource in resources if "AdministratorAccess" in json.dumps(resource.values)
    ]


# Permissions that Lambda requires from the caller of CreateFunction and UpdateFunctionConfiguration besides lambda:*
# (its permissions reference).
ASKED_OF_WHO_DEPLOYS = {
    "iam:PassRole": "role/cali-diagnose",
    "ec2:DescribeSecurityGroups": "*",
    "ec2:DescribeSubnets": "*",
    "ec2:DescribeVpcs": "*",
    "lambda:GetLayerVersion": "layer:cali-dependencies:7",
}


@pytest.mark.parametrize("action", sorted(ASKED_OF_WHO_DEPLOYS))
def test_who_releases_may_put_a_function_into_the_vpc(allowed, action):
    release = [one for one in allowed if one.address == 'aws_iam_policy.pipeline["release"]']
    assert permits(release, action, ASKED_OF_WHO_DEPLOYS[action])


def test_the_pipeline_reads_the_secrets_that_its_commands_draw_and_no_other(resources, allowed):
    # Given the secrets that `make infra` and `make addons` read and fill
    drawn = {"airflow", "grafana", "milvus", "opensearch"}
    assert set(WANTED) < drawn

    # Then the role that applies may do both with each, and its own policy denies no more than the others
    names = {
        f"arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:cali/{name}-??????" for name in drawn
    }
    verbs = {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}
    address = 'aws_iam_policy.pipeline["apply-state"]'
    (granted,) = (one for one in allowed if one.address == address and verbs <= set(one.actions))
    assert set(granted.resources) == names
    (policy,) = (one for one in resources if one.address == address)
    denied = [one for one in json.loads(policy.values["policy"])["Statement"] if one["Effect"] == "Deny"]
    (secrets,) = (one for one in denied if "secretsmanager:GetSecretValue" in one["Action"])
    assert set(secrets["NotResource"]) == names

    # And the role that plans may read none
    (plan,) = (one for one in resources if one.address == 'aws_iam_policy.pipeline["plan"]')
    assert any(
        one.effect == "Deny" and one.actions == ("secretsmanager:GetSecretValue",) and one.resources == ("*",)
        for one in statements(plan, "policy")
    )


def test_policies_fit_what_aws_takes(resources):
    most = {"aws_iam_policy": 6144, "aws_iam_role_policy": 10_240}
    for resource in resources:
        if resource.type in most:
            assert len(resource.values["policy"]) <= most[resource.type], resource.address
        if resource.type == "aws_iam_role_policy":
            assert len(resource.values["policy"]) <= 10240, resource.address
