"""The roles that a pipeline role can reach in an account, step by step, by its policies.

The account is the one that Terraform renders, with neighbours: an administrator, a second installation, another
team's function, launch template and instance. Each kind of step (create a role, change one, pass one, run code as
one) is one function below. A step is taken when IAM allows every call that it needs. It is assumed that the attacker
chooses every value that a caller can choose.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from tests.infrastructure.iam import ALL, Request, Statement, Statements, allows, parse
from tests.infrastructure.policies import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cali_ops.cost import Resource

Somebody = tuple[str, Statements, str | None]  # name, policies and boundary of a principal

HERE = f"{REGION}:{ACCOUNT}"
ROLE, POLICY = f"arn:aws:iam::{ACCOUNT}:role/", f"arn:aws:iam::{ACCOUNT}:policy/"
CLUSTER = "cali-cluster"
ADMINISTRATOR = f"{POLICY}administrator"

# How services use a role that is passed to them. A principal that may pass a role to one of these, and may call it,
# runs as the role.
PASSED = {
    "ec2": "ec2:RunInstances",
    "lambda": "lambda:CreateFunction",
    "eks": "eks:CreateNodegroup",
    "pods.eks": "eks:CreatePodIdentityAssociation",
    "firehose": "firehose:CreateDeliveryStream",
    "codebuild": "codebuild:CreateProject",
    "cloudformation": "cloudformation:CreateStack",
    "ecs-tasks": "ecs:RunTask",
    "glue": "glue:CreateJob",
    "sagemaker": "sagemaker:CreateNotebookInstance",
    "states": "states:CreateStateMachine",
    "ssm": "ssm:StartAutomationExecution",
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its policies, its boundary, and its trust policy."""

    name: str
    policies: Statements
    trust: Statements
    boundary: str | None = None  # the ARN
    attached: tuple[str, ...] = ()  # ARNs of managed policies of this account


@dataclass(frozen=True, slots=True)
class Account:
    """The account: its roles, its policies, and the neighbours' resources that run as a role."""

    roles: Mapping[str, Role]
    policies: Mapping[str, Statements]
    functions: Mapping[str, str]  # ARN -> the role's name
    templates: Mapping[str, str]  # launch templates: ARN -> the role's name; each has its team's tags
    pods: Mapping[str, tuple[str, ...]]  # image repository -> roles that run it

    def most(self, boundary: str | None) -> Statements | None:
        """Return the statements of a boundary, or None without one."""
        return None if boundary is None else self.policies[boundary]


@dataclass(frozen=True, slots=True)
class Power:
    """A principal that can act: its policies, its boundary, and the path to it."""

    who: str
    policies: Statements
    boundary: str | None
    path: tuple[str, ...]

    def unbounded(self) -> bool:
        return self.policies == ALL and self.boundary is None


def reached(account: Account, start: str) -> dict[str, Power]:
    """Return every principal that the role can become, by name. `anything under X` is a role with any policy under
    the boundary X."""
    first = account.roles[start]
    found = {start: Power(start, first.policies, first.boundary, (start,))}
    waiting = deque(found.values())
    while waiting:
        power = waiting.popleft()
        for step in STEPS:
            for to, policies, boundary in step(account, power):
                if to not in found:
                    found[to] = Power(to, policies, boundary, (*power.path, f"{step.__name__} {to}"))
                    waiting.append(found[to])
    return found


def can(account: Account, power: Power, action: str, resource: str, **context: str) -> bool:
    """Return whether it may make the call. `iam__PassedToService` stands for `iam:PassedToService`."""
    named = {name.replace("__", ":"): value for name, value in context.items()}
    return allows(power.policies, Request(action, resource, named), account.most(power.boundary))


def _as(role: Role) -> Somebody:
    return role.name, role.policies, role.boundary


def _rewritten(account: Account, boundary: str | None) -> Somebody:
    under = "no boundary" if boundary is None else boundary.removeprefix(POLICY)
    return f"anything under {under}", ALL, boundary


def assume(account: Account, power: Power) -> Iterator[Somebody]:
    """Assume a role that trusts this one by name, or trusts the account."""
    me = f"{ROLE}{power.who}"
    for role in account.roles.values():
        request = Request("sts:AssumeRole", ROLE + role.name)
        denied = any(one.effect == "Deny" and one.covers(request) for one in power.policies)
        trusts = {name for one in role.trust for name in one.principals}
        if not denied and (
            me in trusts
            or (
                f"arn:aws:iam::{ACCOUNT}:root" in trusts
                and allows(power.policies, request, account.most(power.boundary))
            )
        ):
            yield _as(role)


def make_role(account: Account, power: Power) -> Iterator[Somebody]:
    """Create a role with any policy, and let an outsider assume it: no condition of IAM sees the trust policy."""
    names = [*account.roles, "cali-new", "cali-pipeline-new", "cali-dr-new", "new"]
    for name in names:
        for boundary in (None, *account.policies):
            chosen = {} if boundary is None else {"iam__PermissionsBoundary": boundary}
            policies = ("iam:PutRolePolicy", "iam:AttachRolePolicy")
            if can(account, power, "iam:CreateRole", ROLE + name, **chosen) and any(
                can(account, power, action, ROLE + name, **chosen, iam__PolicyARN=ADMINISTRATOR)
                for action in policies
            ):
                yield _rewritten(account, boundary)


def change_role(account: Account, power: Power) -> Iterator[Somebody]:
    """Change the policies or the boundary of a role, and use it."""
    for role in account.roles.values():
        own = {} if role.boundary is None else {"iam__PermissionsBoundary": role.boundary}
        arn = ROLE + role.name
        lifted = can(account, power, "iam:DeleteRolePermissionsBoundary", arn, **own)
        for other in account.policies:
            if can(account, power, "iam:PutRolePermissionsBoundary", arn, iam__PermissionsBoundary=other):
                lifted |= account.policies[other] == ALL
        policies = ("iam:PutRolePolicy", "iam:AttachRolePolicy")
        if any(can(account, power, one, arn, **own, iam__PolicyARN=ADMINISTRATOR) for one in policies):
            yield _rewritten(account, None if lifted else role.boundary)


def change_trust(account: Account, power: Power) -> Iterator[Somebody]:
    """Let an outsider assume a role."""
    for role in account.roles.values():
        if can(account, power, "iam:UpdateAssumeRolePolicy", ROLE + role.name):
            yield _as(role)


def change_policy(account: Account, power: Power) -> Iterator[Somebody]:
    """Rewrite a managed policy: a boundary, or a policy of a role."""
    for arn in account.policies:
        if any(
            can(account, power, one, arn)
            for one in ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
        ):
            for role in account.roles.values():
                if arn == role.boundary:
                    yield _rewritten(account, None)
                if arn in role.attached:
                    yield _rewritten(account, role.boundary)


def pass_role(account: Account, power: Power) -> Iterator[Somebody]:
    """Pass a role to a service that runs the caller's code with it."""
    for service, call in PASSED.items():
        for role in account.roles.values():
            if can(
                account,
                power,
                "iam:PassRole",
                ROLE + role.name,
                iam__PassedToService=f"{service}.amazonaws.com",
            ) and may_call(power, call):
                yield _as(role)


def run_function(account: Account, power: Power) -> Iterator[Somebody]:
    """Replace the code of a function."""
    for arn, role in account.functions.items():
        if can(account, power, "lambda:UpdateFunctionCode", arn) or can(
            account, power, "lambda:UpdateFunctionConfiguration", arn
        ):
            yield _as(account.roles[role])


def run_machine(account: Account, power: Power) -> Iterator[Somebody]:
    """Write the start-up script of a launch template; or first give the template our tags."""
    for arn, role in account.templates.items():
        tags = {"aws__ResourceTag/Project": "their-team"}
        if can(account, power, "ec2:CreateTags", arn, **tags):
            tags = {"aws__ResourceTag/Project": "cali"}
        if can(account, power, "ec2:CreateLaunchTemplateVersion", arn, **tags):
            yield _as(account.roles[role])
        machine = f"arn:aws:ec2:{HERE}:instance/i-theirs"
        for call in (
            "ec2:ModifyInstanceAttribute",
            "ssm:SendCommand",
            "ssm:StartSession",
            "ec2-instance-connect:SendSSHPublicKey",
        ):
            if can(account, power, call, machine, **tags):
                yield _as(account.roles[role])
        if can(account, power, "ec2:AssociateIamInstanceProfile", machine, **tags) and can(
            account, power, "iam:PassRole", ROLE + role, iam__PassedToService="ec2.amazonaws.com"
        ):
            yield _as(account.roles[role])


def run_pod(account: Account, power: Power) -> Iterator[Somebody]:
    """Run a pod as any service account of the cluster, by an access entry or by the image of a pod."""
    entry = f"arn:aws:eks:{HERE}:access-entry/{CLUSTER}/role/{ACCOUNT}/{power.who}/1"
    if can(account, power, "eks:AssociateAccessPolicy", entry) or can(
        account, power, "eks:AssociateAccessPolicy", f"arn:aws:eks:{HERE}:cluster/{CLUSTER}"
    ):
        for role in account.roles.values():
            if any("oidc-provider/oidc.eks" in name for one in role.trust for name in one.principals):
                yield _as(role)
    for repository, roles in account.pods.items():
        if can(account, power, "ecr:PutImage", f"arn:aws:ecr:{HERE}:repository/{repository}"):
            for name in roles:
                yield _as(account.roles[name])


STEPS = (
    assume, make_role, change_role, change_trust, change_policy, pass_role, run_function, run_machine, run_pod,
)  # fmt: skip


def may_call(power: Power, call: str) -> bool:
    """Return whether any statement allows the call on some resource, whatever its conditions."""
    return any(
        one.effect == "Allow"
        and replace(one, resources=("*",), not_resources=(), conditions=()).covers(Request(call, "x"))
        for one in power.policies
    )


# ---------------------------------------------------------------- The account


@cache
def policy_of_aws(name: str) -> Statements:
    """Return a managed policy of AWS, from moto."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    return parse(json.loads(aws_managed_policies_data)[name]["Document"])


def rendered(resources: Sequence[Resource]) -> Account:
    """Return the account as Terraform renders it, with the neighbours."""
    policies = {
        POLICY + one.values["name"]: parse(one.values["policy"])
        for one in resources
        if one.type == "aws_iam_policy"
    }
    own: dict[str, list[Statement]] = {}
    attached: dict[str, list[str]] = {}
    for one in resources:
        if one.type == "aws_iam_role_policy":
            own.setdefault(one.values["role"], []).extend(parse(one.values["policy"]))
        elif one.type == "aws_iam_role_policy_attachment":
            arn = one.values["policy_arn"]
            if arn.startswith("arn:aws:iam::aws:policy/"):
                own.setdefault(one.values["role"], []).extend(policy_of_aws(arn.rsplit("/", 1)[-1]))
            else:  # its ARN is mocked; both have the same key
                arn = f"{POLICY}cali-pipeline-{one.address.split(chr(34))[1]}"
                own.setdefault(one.values["role"], []).extend(policies[arn])
                attached.setdefault(one.values["role"], []).append(arn)
    roles = {
        one.values["name"]: Role(
            one.values["name"],
            tuple(own.get(one.values["name"], ())),
            parse(one.values["assume_role_policy"]),
            one.values.get("permissions_boundary"),
            tuple(attached.get(one.values["name"], ())),
        )
        for one in resources
        if one.type == "aws_iam_role"
    }
    functions = {
        f"arn:aws:lambda:{HERE}:function:cali-dev{'' if name == 'api' else f'-{name}'}": f"cali-{name}"
        for name in ("alert", "analyze", "api", "diagnose", "enrich", "sweep")
    }
    pods = {
        "cali/consumer": ("cali-consumer",),
        "cali/grafana-custom": ("cali-grafana",),
        "cali/airflow-custom": tuple(name for name in roles if name.startswith("cali-airflow-")),
    }
    return neighbours(Account(roles, policies, functions, {}, pods))


def neighbours(account: Account) -> Account:
    """Return the account with the neighbours' resources. Their names are as close to ours as they may choose."""
    trusts_account = parse(
        {
            "Statement": {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            }
        }
    )
    theirs = ["administrator", "cali-administrator", "cali-dr-pipeline-apply", "cali-function-administrator"]
    roles = {name: Role(name, ALL, trusts_account, attached=(ADMINISTRATOR,)) for name in theirs}
    return replace(
        account,
        roles={**account.roles, **roles},
        policies={**account.policies, ADMINISTRATOR: ALL},
        functions={
            **account.functions,
            f"arn:aws:lambda:{HERE}:function:cali-dev-administrator": "cali-function-administrator",
            f"arn:aws:lambda:{HERE}:function:cali-development": "cali-function-administrator",
        },
        templates={f"arn:aws:ec2:{HERE}:launch-template/lt-theirs": "administrator"},
    )
