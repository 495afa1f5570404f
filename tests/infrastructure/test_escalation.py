"""No pipeline role can reach more than docs/access.md states, and planted paths are found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.infrastructure.escalation import (
    ADMINISTRATOR,
    HERE,
    POLICY,
    ROLE,
    Account,
    Power,
    Role,
    can,
    policy_of_aws,
    reached,
    rendered,
)
from tests.infrastructure.iam import ALL, Request, Statement, allows, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali_ops.cost import Resource

FUNCTIONS = {f"cali-{name}" for name in ("alert", "analyze", "api", "diagnose", "enrich", "sweep")}
AIRFLOW = {
    f"cali-airflow-{name}" for name in ("api-server", "dag-processor", "scheduler", "triggerer", "worker")
}
OTHERS = {f"cali-{name}" for name in ("cluster-autoscaler", "fluent-bit", "firehose-raw", "firehose-search")}
CLUSTER = {f"cali-{name}" for name in ("ebs-csi", "eks-cluster", "eks-node", "vpc-cni")}
IMAGES = {"cali-consumer", "cali-grafana", *AIRFLOW}

# The roles that each pipeline role can become: those that it deploys, and no others. docs/access.md has the same
# list.
BECOMES = {
    "plan": set[str](),
    "release": FUNCTIONS | IMAGES,
    "apply": FUNCTIONS
    | IMAGES
    | OTHERS
    | CLUSTER
    | {f"anything under cali-boundary-{kind}" for kind in ("cluster", "workload")},
}

# Calls on others' resources, or calls that lift a limit: (action, resource, context).
FORBIDDEN = [
    ("iam:CreateUser", f"{ROLE}new".replace("role/", "user/"), {}),
    ("iam:CreatePolicyVersion", f"{POLICY}cali-boundary-workload", {}),
    ("iam:CreatePolicy", f"{POLICY}cali-new", {}),
    ("iam:PutRolePolicy", f"{ROLE}cali-pipeline-apply", {"iam:PermissionsBoundary": f"{POLICY}cali-boundary-workload"}),
    ("iam:DeleteRolePermissionsBoundary", f"{ROLE}cali-analyze", {"iam:PermissionsBoundary": f"{POLICY}cali-boundary-workload"}),
    ("iam:CreateServiceLinkedRole", f"{ROLE}aws-service-role/x", {"iam:AWSServiceName": "organizations.amazonaws.com"}),
    ("kms:PutKeyPolicy", f"arn:aws:kms:{HERE}:key/theirs", {}),
    ("kms:PutKeyPolicy", f"arn:aws:kms:{HERE}:key/00000000-0000-0000-0000-000000000000", {}),
    ("kms:CreateGrant", f"arn:aws:kms:{HERE}:key/theirs", {"kms:GrantIsForAWSResource": "true"}),
    ("kms:Decrypt", f"arn:aws:kms:{HERE}:key/theirs", {}),
    ("apigateway:DELETE", "arn:aws:apigateway:ap-northeast-2::/restapis/theirs", {}),
    ("apigateway:DELETE", "arn:aws:apigateway:ap-northeast-2::/restapis/a1b2c3d4e5", {}),
    ("apigateway:PUT", "arn:aws:apigateway:ap-northeast-2::/restapis/theirs", {}),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:cali-dev-theirs", {}),
    ("lambda:DeleteFunction", f"arn:aws:lambda:{HERE}:function:cali-dev2-analyze", {}),
    ("ec2:DeleteVpc", f"arn:aws:ec2:{HERE}:vpc/vpc-theirs", {"aws:ResourceTag/Project": "theirs"}),
    ("ec2:CreateTags", f"arn:aws:ec2:{HERE}:vpc/vpc-theirs", {"aws:ResourceTag/Project": "theirs"}),
    ("ec2:AuthorizeSecurityGroupIngress", f"arn:aws:ec2:{HERE}:security-group/sg-theirs", {"aws:ResourceTag/Project": "theirs"}),
    ("ec2:ModifyInstanceAttribute", f"arn:aws:ec2:{HERE}:instance/i-theirs", {}),
    ("eks:AssociateAccessPolicy", f"arn:aws:eks:{HERE}:cluster/cali-cluster-2", {}),
    ("s3:PutBucketPolicy", "arn:aws:s3:::theirs", {}),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:theirs-abcdef", {}),
    ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/theirs", {}),
]  # fmt: skip
# Calls that EKS's own policy allows its control plane and its drivers on any resource, so their boundary must too.
CLUSTER_ANYWHERE = {"ec2:AuthorizeSecurityGroupIngress"}


@pytest.fixture(scope="module")
def account(resources: Sequence[Resource]) -> Account:
    return rendered(resources)


@pytest.mark.parametrize("who", sorted(BECOMES))
def test_a_pipeline_role_becomes_what_it_deploys_and_nobody_else(account: Account, who: str) -> None:
    found = reached(account, f"cali-pipeline-{who}")
    paths = {name: " > ".join(power.path) for name, power in found.items()}
    assert set(paths) - {f"cali-pipeline-{who}"} == BECOMES[who], paths
    assert not [paths[name] for name, power in found.items() if power.unbounded()]


@pytest.mark.parametrize("who", sorted(BECOMES))
def test_whoever_it_becomes_lifts_no_limit_and_changes_nothing_of_others(account: Account, who: str) -> None:
    # Given all that it can become, and the calls that none of them may make
    for power in reached(account, f"cali-pipeline-{who}").values():
        most = account.most(power.boundary)
        for action, resource, context in FORBIDDEN:
            if action in CLUSTER_ANYWHERE and power.boundary == f"{POLICY}cali-boundary-cluster":
                continue
            assert not allows(power.policies, Request(action, resource, context), most), (
                f"{power.path}: {action} {resource}"
            )


def test_every_role_that_is_made_has_its_boundary(account: Account) -> None:
    ours = {name: role for name, role in account.roles.items() if ADMINISTRATOR not in role.attached}
    without = {name for name, role in ours.items() if role.boundary is None}
    assert without == {f"cali-pipeline-{who}" for who in BECOMES}
    assert {
        name for name, role in ours.items() if role.boundary == f"{POLICY}cali-boundary-cluster"
    } == CLUSTER


def test_a_boundary_takes_nothing_from_what_a_role_is_granted(account: Account) -> None:
    """Each action of each grant, and of AWS's policies, passes the boundary on the resource for which it is granted."""
    tags = {
        "aws:ResourceTag/kubernetes.io/cluster/cali-cluster": "owned",
        "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com",
        "ec2:AuthorizedService": "codebuild.amazonaws.com",
    }
    tried = 0
    for role in account.roles.values():
        if role.boundary is None:
            continue
        most = account.policies[role.boundary]
        for granted in role.policies:
            for action in granted.actions:
                for resource in granted.resources:
                    here = resource.replace(":*:*:", f":{HERE}:")
                    asked = (here,) if resource != "*" else like_it(most, action)
                    for one in asked:
                        tried += 1
                        assert allows(ALL, Request(action, one, tags), most), f"{role.name}: {action} {one}"
                    assert asked, f"{role.name}: {action}"
    assert tried > 300


def like_it(most: Sequence[Statement], action: str) -> tuple[str, ...]:
    """Return a resource of each kind for which the boundary names the action, where a policy of AWS has `*`."""
    return tuple(
        one.resources[0].replace("*", "x")
        for one in most
        if replace(one, resources=("*",), conditions=()).covers(Request(action, "x"))
    )


# ---------------------------------------------------------------- Planted paths

APPLY, RELEASE = "cali-pipeline-apply", "cali-pipeline-release"


def grant(
    account: Account,
    who: str,
    *actions: str,
    resource: str = "*",
    conditions: dict[str, dict[str, str]] | None = None,
) -> Account:
    """Return the account with one more statement for a role."""
    more = parse(
        {
            "Statement": {
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": resource,
                "Condition": conditions or {},
            }
        }
    )
    role = account.roles[who]
    return replace(account, roles={**account.roles, who: replace(role, policies=(*role.policies, *more))})


def without_denials(account: Account, who: str) -> Account:
    role = account.roles[who]
    left = tuple(one for one in role.policies if one.effect == "Allow")
    return replace(account, roles={**account.roles, who: replace(role, policies=left)})


PASS_EC2: dict[str, dict[str, str]] = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
PLANTED = {
    "a role without a boundary": lambda a: grant(a, APPLY, "iam:CreateRole", "iam:PutRolePolicy", resource=f"{ROLE}cali-*"),
    "a policy of AWS on such a role": lambda a: grant(a, APPLY, "iam:CreateRole", "iam:AttachRolePolicy", resource=f"{ROLE}cali-*"),
    "the trust of a sibling": lambda a: grant(a, APPLY, "iam:UpdateAssumeRolePolicy", resource=f"{ROLE}cali-*"),
    "the policy of a role of others": lambda a: grant(a, APPLY, "iam:PutRolePolicy", resource=f"{ROLE}cali-administrator"),
    "a boundary written anew": lambda a: grant(without_denials(a, APPLY), APPLY, "iam:CreatePolicyVersion", resource=f"{POLICY}cali-*"),
    "a boundary taken off": lambda a: grant(without_denials(a, APPLY), APPLY, "iam:DeleteRolePermissionsBoundary"),
    "another boundary put on": lambda a: grant(without_denials(a, APPLY), APPLY, "iam:PutRolePermissionsBoundary"),
    "its own policy": lambda a: grant(without_denials(a, APPLY), APPLY, "iam:PutRolePolicy"),
    "any role passed to a machine": lambda a: grant(a, APPLY, "iam:PassRole", conditions=PASS_EC2),
    "any role passed to a function": lambda a: grant(a, RELEASE, "iam:PassRole"),
    "any role passed to a pod": lambda a: grant(a, APPLY, "iam:PassRole", "eks:CreatePodIdentityAssociation"),
    "a function of others": lambda a: grant(a, RELEASE, "lambda:UpdateFunctionCode", resource=f"arn:aws:lambda:{HERE}:function:cali-dev*"),
    "a machine template of others": lambda a: grant(a, APPLY, "ec2:CreateLaunchTemplateVersion"),
    "a template tagged as our own": lambda a: grant(a, APPLY, "ec2:CreateTags"),
    "a shell on a machine of others": lambda a: grant(a, RELEASE, "ssm:SendCommand"),
    "a role that trusts the account": lambda a: grant(a, "cali-pipeline-plan", "sts:AssumeRole"),
    "by way of a function's role": lambda a: grant(a, "cali-sweep", "sts:AssumeRole", resource=f"{ROLE}administrator"),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(PLANTED))
def test_a_planted_path_is_found(account: Account, path: str) -> None:
    # Given an account with one statement too many, for a role without an effective boundary
    planted = PLANTED[path](account)
    if path == "by way of a function's role":
        planted = replace(
            planted,
            roles={**planted.roles, "cali-sweep": replace(planted.roles["cali-sweep"], boundary=None)},
        )

    # Then a forbidden principal is reached, and the path is shown
    found = [
        power
        for who in BECOMES
        for power in reached(planted, f"cali-pipeline-{who}").values()
        if power.unbounded()
    ]
    assert found
    assert all(len(power.path) > 1 for power in found)


def test_what_is_limited_by_a_boundary_alone_is_limited(account: Account) -> None:
    # Given a function's role with all permissions, under its boundary
    role = account.roles["cali-sweep"]
    planted = replace(account, roles={**account.roles, "cali-sweep": replace(role, policies=ALL)})

    # Then no more principals are reached than before
    assert set(reached(planted, RELEASE)) == set(reached(account, RELEASE))


# ---------------------------------------------------------------- The decision itself


def decision(policies: list[Any], action: str, resource: str, **context: str) -> bool:
    return allows(parse({"Statement": policies}), Request(action, resource, context))


def test_a_denial_wins_and_silence_refuses():
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert decision([everything], "s3:GetObject", "x")
    assert not decision(
        [everything, {"Effect": "Deny", "Action": "S3:get*", "Resource": "*"}], "s3:GetObject", "x"
    )
    assert not decision([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "y"}], "s3:GetObject", "x")
    assert not decision(
        [everything, {"Effect": "Deny", "Action": "*", "NotResource": "a/*"}], "s3:GetObject", "x"
    )


def test_a_condition_on_what_is_not_known_is_not_met_unless_it_says_if_exists():
    condition = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"k": ["a", "b"]}},
    }
    assert decision([condition], "s3:GetObject", "x", k="b")
    assert not decision([condition], "s3:GetObject", "x", k="c")
    assert not decision([condition], "s3:GetObject", "x")
    lenient = {**condition, "Condition": {"StringEqualsIfExists": {"k": "a"}}}
    assert decision([lenient], "s3:GetObject", "x")
    with pytest.raises(ValueError, match="DateGreaterThan"):
        decision([{**condition, "Condition": {"DateGreaterThan": {"k": "a"}}}], "s3:GetObject", "x")


def test_a_boundary_limits_and_grants_nothing():
    some = parse({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    assert allows(ALL, Request("s3:GetObject", "x"), some)
    assert not allows(ALL, Request("iam:CreateUser", "x"), some)
    assert not allows((), Request("s3:GetObject", "x"), some)


def test_a_deny_of_assume_role_beats_a_trust_that_names_the_role():
    me = f"{ROLE}me"
    trusting = Role(
        "other",
        ALL,
        parse({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": me}}}),
    )
    empty = Account({"me": Role("me", (), ()), "other": trusting}, {}, {}, {}, {})
    assert "other" in reached(empty, "me")
    refused = parse({"Statement": {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}})
    assert "other" not in reached(replace(empty, roles={**empty.roles, "me": Role("me", refused, ())}), "me")


def test_policies_of_aws_are_read_whole():
    assert can(
        Account({}, {}, {}, {}, {}),
        Power("reader", policy_of_aws("ReadOnlyAccess"), None, ()),
        "ec2:DescribeVpcs",
        "*",
    )
