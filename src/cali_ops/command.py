"""The commands that `make infra`, `make cost` and `make destroy` call: python -m cali_ops COMMAND."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cali.core.errors import CaliError, Misconfigured
from cali_ops import addons as addons_
from cali_ops import cost_table, installation, scans, search_admin, state_bucket, teardown, undeploy
from cali_ops import images as images_
from cali_ops.calls import Call, ask, aws_clients, perform
from cali_ops.cost import resources_in
from cali_ops.priced import load_prices, load_volume
from cali_ops.terraform import Terraform, planned_without_aws

if TYPE_CHECKING:
    from cali_ops.calls import Clients

PLAN = "cali.tfplan"
OUTPUTS = "chalice/outputs.json"  # in the state bucket, which the release role can read


@dataclass(frozen=True, slots=True)
class Installation:
    """Installation that a command works on."""

    terraform: Terraform
    name: str
    region: str

    def clients(self) -> Clients:
        """Return clients of the installation's region."""
        return aws_clients(self.region)

    def variables(self) -> tuple[str, ...]:
        """Return Terraform's variables for this installation."""
        return (f"-var=name={self.name}", f"-var=region={self.region}")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("terraform"),
    show_default=True,
    help="Terraform root folder.",
)
@click.option(
    "--plugins",
    type=click.Path(path_type=Path),
    envvar="CALI_TERRAFORM_PLUGINS",
    help="Folder with the Terraform providers, for machines without a network.",
)
@click.option(
    "--name",
    default="cali",
    show_default=True,
    help="Name of the installation: the Terraform variable `name`.",
)
@click.option(
    "--region",
    envvar="AWS_REGION",
    default="ap-northeast-2",
    show_default=True,
    show_envvar=True,
    help="AWS region of the installation.",
)
@click.pass_context
def group(context: click.Context, folder: Path, plugins: Path | None, name: str, region: str) -> None:
    """Create, price and destroy CALI's infrastructure on AWS."""
    if not (folder / "versions.tf").is_file():
        raise Misconfigured(
            f"{folder}: no Terraform root there; run this from the repository or give --folder"
        )
    context.obj = Installation(Terraform(folder.resolve(), plugins), name, region)


@group.command()
@click.pass_obj
def bootstrap(target: Installation) -> None:
    """Create the bucket for Terraform's state, and run `terraform init` with it."""
    _prepare(target)


AUTO_APPROVE = click.option(
    "--auto-approve", is_flag=True, envvar="AUTO_APPROVE", help="Do not ask for confirmation. For pipelines."
)
TAG = click.option("--tag", help="The images' tag.  [default: the last commit that changed their sources]")
KEEP_DAYS = click.option(
    "--keep-days",
    type=click.IntRange(1, 365),
    default=7,
    show_default=True,
    help="Days that OpenSearch keeps lines.",
)


@group.command()
@click.option(
    "--hash-to",
    type=click.Path(path_type=Path),
    envvar="GITHUB_OUTPUT",
    help="Append `sha256=...` of the plan to this file.",
)
@click.option("--drift", is_flag=True, help="Print a line for each change, and exit with 1 if there is any.")
@click.pass_obj
def plan(target: Installation, hash_to: Path | None, drift: bool) -> None:
    """Show the changes that an apply would make, and write the plan to cali.tfplan in the root. Nothing is changed."""
    clients = _prepare(target)
    # -lock=false: a plan writes no state, and a read-only role cannot write a lock
    _plan(target, clients, "-lock=false")
    file = target.terraform.folder / PLAN
    digest = installation.sha256(file)
    click.echo(f"{file.name}: sha256 {digest}")
    if hash_to is not None:
        with hash_to.open("a", encoding="utf-8") as written:
            written.write(f"sha256={digest}\n")
    if drift:
        found = installation.changes(json.loads(target.terraform.run("show", "-json", PLAN)))
        for line in found:
            click.echo(f"drift: {line}")
        if found:
            raise click.exceptions.Exit(1)


@group.command()
@AUTO_APPROVE
@KEEP_DAYS
@click.pass_obj
def up(target: Installation, auto_approve: bool, keep_days: int) -> None:
    """Create or update the infrastructure: state bucket, plan, confirmation, apply, OpenSearch roles."""
    clients = _prepare(target)
    _plan(target, clients)
    if not auto_approve:
        click.confirm("Apply this plan?", abort=True)
    _apply(target, clients, keep_days)


@group.command()
@click.option("--sha256", envvar="PLAN_SHA256", required=True, help="SHA-256 of the reviewed plan.")
@KEEP_DAYS
@click.pass_obj
def apply(target: Installation, sha256: str, keep_days: int) -> None:
    """Apply the reviewed plan, cali.tfplan in the root. Terraform refuses it if the state has changed since."""
    installation.same(target.terraform.folder / PLAN, sha256)
    _apply(target, _prepare(target), keep_days)


@group.command()
@click.pass_obj
def outputs(target: Installation) -> None:
    """Print the outputs of the last `up`, as `terraform output -json` does. Needs neither Terraform nor its state."""
    click.echo(_shared(target, target.clients()))


@group.command()
@click.option(
    "--terraform",
    "first",
    envvar="TERRAFORM_TFVARS",
    default="",
    help="Content of terraform/terraform.tfvars.",
)
@click.option(
    "--addons", "second", envvar="ADDONS_TFVARS", default="", help="Content of eks_addons/terraform.tfvars."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("eks_addons"),
    help="Second Terraform root folder.",
)
@click.pass_obj
def settings(target: Installation, first: str, second: str, root: Path) -> None:
    """Write terraform.tfvars of both roots. For pipelines: the file is not committed."""
    if not first.strip():
        raise Misconfigured(
            "TERRAFORM_TFVARS is empty: Terraform's defaults would take the team's access away"
        )
    for folder, text in ((target.terraform.folder, first), (root, second)):
        if installation.settings(folder / "terraform.tfvars", text):
            click.echo(f"written: {folder.name}/terraform.tfvars")


@group.command("search-access")
@KEEP_DAYS
@click.pass_obj
def search_access(target: Installation, keep_days: int) -> None:
    """Set OpenSearch's master password, roles, index template and retention."""
    _grant(target, target.clients(), keep_days)


@group.command()
@click.option(
    "--plan",
    "file",
    type=click.File(encoding="utf-8"),
    help="Output of `terraform show -json`. Without it, Terraform plans with AWS mocked.",
)
@click.option(
    "--gb-per-day",
    type=click.FloatRange(min=0, min_open=True),
    help="GB of log lines per day. Default: from the volume file.",
)
@click.option(
    "--model-dollars",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Daily budget of the model in dollars: the variable model_dollars_per_day.",
)
@click.pass_obj
def cost(target: Installation, file: Any, gb_per_day: float | None, model_dollars: float) -> None:
    """Print the cost per day of each resource at 1, 10 and 100 times the volume."""
    try:
        shown = planned_without_aws(target.terraform) if file is None else json.load(file)
    except ValueError as error:
        raise Misconfigured(f"{file.name}: not JSON: {error}") from error
    click.echo(
        cost_table.table(resources_in(shown), load_volume(gb=gb_per_day), load_prices(), model_dollars)
    )


@group.command()
@TAG
@click.option("--platform", default="linux/amd64", show_default=True, help="Platform of the nodes.")
@click.option(
    "--dry-run", is_flag=True, help="Stage the build contexts, and print the commands without running them."
)
@click.pass_obj
def images(target: Installation, tag: str | None, platform: str, dry_run: bool) -> None:
    """Build the project's images with Docker, push them to ECR, and wait for its scans. Needs no Terraform."""
    chosen = tag or images_.tag()
    if dry_run:
        images_.stage()
        anywhere = {
            image.repository: f"REGISTRY/{target.name}/{image.repository}" for image in images_.IMAGES
        }
        for step in images_.plan(anywhere, chosen, frozenset(), platform):
            click.echo(" ".join(step.command))
        return
    clients = target.clients()
    applied = {name: one["value"] for name, one in json.loads(_shared(target, clients)).items()}
    repositories = addons_.needed(applied)["image_repositories"]
    there = images_.present(chosen, target.name, clients)
    for repository in sorted(there):
        click.echo(f"there already: {repositories[repository]}:{chosen}")
    steps = images_.plan(repositories, chosen, there, platform)
    if steps:
        images_.stage()
        images_.perform_all([images_.login(repositories, clients), *steps])
    _safe(target, chosen, clients)


@group.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("eks_addons"),
    show_default=True,
    help="Second Terraform root folder.",
)
@click.option(
    "--environment",
    type=click.Choice(["dev", "prod"]),
    default="dev",
    show_default=True,
    help="Environment: values-ENVIRONMENT.yaml overrides values.yaml.",
)
@TAG
@click.option("--dags", help="Git repository of the DAGs, over https.  [default: this checkout's origin]")
@click.option("--plan-only", is_flag=True, help="Show the plan and exit.")
@AUTO_APPROVE
@click.pass_obj
def addons(
    target: Installation,
    root: Path,
    environment: str,
    tag: str | None,
    dags: str | None,
    plan_only: bool,
    auto_approve: bool,
) -> None:
    """Install the add-ons in the cluster: secrets, check of the images, plan, confirmation, apply."""
    chosen, repository = tag or images_.tag(), addons_.https(dags) if dags else addons_.origin()
    clients = _prepare(target)
    outputs = addons_.needed(target.terraform.outputs())
    absent = {image.repository for image in images_.IMAGES} - images_.present(chosen, target.name, clients)
    if absent:
        raise Misconfigured(f"no image {chosen} in {', '.join(sorted(absent))}: run `make images` first")
    _safe(target, chosen, clients)
    if plan_only and (empty := addons_.empty(outputs["secrets"], clients)):
        raise Misconfigured(f"{', '.join(empty)}: empty, and a plan reads them; `make addons` fills them")
    for made in addons_.fill(outputs["secrets"], clients):
        click.echo(f"made: {made}")
    bucket = state_bucket.bucket_name(target.name, _account(clients))
    second = Terraform(root.resolve(), target.terraform.plugins)
    second.init(*installation.backend(bucket, target.region), shown=True)
    given = {
        "state_bucket": bucket,
        "environment": environment,
        "image_tag": chosen,
        "dags_repository": repository,
    }
    variables = (*target.variables(), *(f"-var={name}={value}" for name, value in given.items()))
    second.run("plan", "-input=false", f"-out={PLAN}", *variables, shown=True)
    if plan_only:
        return
    if not auto_approve:
        click.confirm("Apply this plan?", abort=True)
    second.run("apply", "-input=false", PLAN, shown=True)
    (second.folder / PLAN).unlink(missing_ok=True)


@group.command()
@click.option(
    "--stage", default="dev", show_default=True, help="Chalice stage whose functions are deleted too."
)
@click.option("--with-data", is_flag=True, help="Delete the log bucket and the add-ons' volumes as well.")
@AUTO_APPROVE
@click.pass_obj
def down(target: Installation, stage: str, with_data: bool, auto_approve: bool) -> None:
    """Destroy the infrastructure. The log bucket is kept unless --with-data is given."""
    clients = _prepare(target)
    vpc = target.terraform.outputs().get("vpc_id", "")
    found = teardown.look(target.name, stage, vpc, clients) if vpc else teardown.Leftovers()
    left = undeploy.calls(
        target.name, stage, state_bucket.bucket_name(target.name, _account(clients)), clients
    )
    for call in (*teardown.plan(found, with_data), *left):
        click.echo(f"{call.service} {call.action} {' '.join(map(str, call.params.values()))}: {call.why}")
    for volume in () if with_data else found.volumes:
        click.echo(f"kept: volume {volume}")
    if not auto_approve:
        click.confirm(
            f"Destroy {target.name} in {target.region}{' with all its data' if with_data else ''}?",
            abort=True,
        )
        if click.prompt("Type its name to go on") != target.name:
            raise click.Abort
    teardown.clear(found, with_data, clients)
    for call in left:
        perform(call, clients)
    for command in installation.down(target.terraform.addresses(), with_data):
        click.echo(f"terraform {command.arguments[0]}: {command.why}")
        variables = () if command.arguments[0] == "state" else target.variables()
        target.terraform.run(command.arguments[0], *command.arguments[1:], *variables, shown=True)


def _prepare(target: Installation) -> Clients:
    clients = target.clients()
    bucket = state_bucket.bucket_name(target.name, _account(clients))
    for call in state_bucket.ensure(bucket, target.region, clients):
        click.echo(f"{call.service} {call.action} {bucket}: {call.why}")
    target.terraform.init(*installation.backend(bucket, target.region), shown=True)
    return clients


def _plan(target: Installation, clients: Clients, *arguments: str) -> None:
    bucket = f"{target.name}-logs-{_account(clients)}"
    exists = ask(Call("s3", "head_bucket", {"Bucket": bucket}), clients) is not None
    adopted = installation.adopt(exists, target.terraform.addresses())
    target.terraform.run(
        "plan", "-input=false", f"-out={PLAN}", *arguments, *target.variables(), *adopted, shown=True
    )


def _apply(target: Installation, clients: Clients, keep_days: int) -> None:
    target.terraform.run("apply", "-input=false", PLAN, shown=True)
    (target.terraform.folder / PLAN).unlink(missing_ok=True)  # the copy of the state's outputs
    _share(target, clients)
    _grant(target, clients, keep_days)


def _share(target: Installation, clients: Clients) -> None:
    """Store Terraform's outputs for deployments. None of them is a secret."""
    bucket = state_bucket.bucket_name(target.name, _account(clients))
    body = target.terraform.run("output", "-json").encode()
    perform(Call("s3", "put_object", {"Bucket": bucket, "Key": OUTPUTS, "Body": body}), clients)


def _shared(target: Installation, clients: Clients) -> str:
    """Return the state that `_share` stored. Raise Misconfigured if there is none."""
    bucket = state_bucket.bucket_name(target.name, _account(clients))
    kept = ask(Call("s3", "get_object", {"Bucket": bucket, "Key": OUTPUTS}), clients)
    if kept is None:
        raise Misconfigured(f"s3://{bucket}/{OUTPUTS}: nothing was raised yet: run `make infra` first")
    return str(kept["Body"].read().decode())


def _safe(target: Installation, tag: str, clients: Clients) -> None:
    """Wait for ECR's scans. Raise Misconfigured if an image has a critical flaw that is not accepted."""
    names = [f"{target.name}/{image.repository}" for image in images_.IMAGES]
    found = scans.flaws(names, tag, clients, scans.accepted(images_.ACCEPTED))
    if found:
        raise Misconfigured(
            f"critical, and not in {images_.ACCEPTED}: {', '.join(map(str, found))}; mend the image, or accept it with a reason"
        )


def _account(clients: Clients) -> str:
    return str(perform(Call("sts", "get_caller_identity"), clients)["Account"])


def _grant(target: Installation, clients: Clients, keep_days: int) -> None:
    search = target.terraform.outputs().get("search")
    if search is None:
        raise Misconfigured("terraform output search: nothing is applied yet")
    wanted = {name: search[name] for name in search_admin.Domain.__slots__}
    for put in search_admin.grant(search_admin.Domain(**wanted), clients, keep_days):
        click.echo(f"opensearch {put.path}")


def main() -> None:
    """Run a command. A CaliError is one line on standard error and exit code 2."""
    try:
        group.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _fail(error.format_message())
    except CaliError as error:
        _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted, nothing more was changed", 130)


def _fail(message: str, code: int = 2) -> None:
    print("cali:", " ".join(message.split()), file=sys.stderr)
    sys.exit(code)
