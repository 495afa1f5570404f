"""Order of the Terraform commands that create and destroy an installation, as data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOG_BUCKET = "module.logs.aws_s3_bucket.this"
KEPT = ("module.logs", "aws_s3_bucket_notification.logs")


@dataclass(frozen=True, slots=True)
class Command:
    """One Terraform command and its reason."""

    arguments: tuple[str, ...]
    why: str


def backend(bucket: str, region: str) -> tuple[str, ...]:
    """Return the backend settings for `terraform init`."""
    return ("-reconfigure", f"-backend-config=bucket={bucket}", f"-backend-config=region={region}")


def settings(path: Path, text: str) -> bool:
    """Write a root's terraform.tfvars. Return whether it was written. Raise Misconfigured if another one exists."""
    if not text.strip():
        return False
    wanted = text.rstrip() + "\n"
    if path.exists() and path.read_text("utf-8") != wanted:
        raise Misconfigured(
            f"{path}: exists with other content; remove it, or edit it instead of using this command"
        )
    path.write_text(wanted, "utf-8")
    return True


def adopt(exists: bool, state: frozenset[str]) -> tuple[str, ...]:
    """Return the plan's import arguments for the log bucket. A destroy that keeps the data keeps the bucket, which
    the next apply must import."""
    return ("-var=adopt_logs_bucket=true",) if exists and LOG_BUCKET not in state else ()


def sha256(path: Path) -> str:
    """Return the hash of a file. Raise Misconfigured when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error


def same(path: Path, wanted: str) -> None:
    """Raise Misconfigured if the file is not the reviewed plan."""
    found = sha256(path)
    if found != wanted:
        raise Misconfigured(f"{path}: its SHA-256 is {found}, the reviewed plan's is {wanted}; plan again")


def changes(shown: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one line for each resource that a plan changes, from the output of `terraform show -json`."""
    return tuple(
        f"{one['address']}: {' and '.join(one['change']['actions'])}"
        for one in shown.get("resource_changes", ())
        if not set(one["change"]["actions"]) <= {"no-op", "read"}
    )


def down(state: frozenset[str], with_data: bool) -> tuple[Command, ...]:
    """Return the commands of a destroy. Without `with_data`, the log bucket leaves the state and stays in AWS."""
    if with_data:
        # Terraform reads from the state whether a bucket may be emptied, so the state must say it before the destroy.
        emptied = Command(
            (
                "apply",
                "-input=false",
                "-auto-approve",
                "-var=force_destroy_logs=true",
                f"-target={LOG_BUCKET}",
            ),
            "the data goes too",
        )
        return (emptied, _destroy("-var=force_destroy_logs=true"))
    inside = tuple(address for address in sorted(state) if address.startswith(KEPT))
    keep = (Command(("state", "rm", *inside), "the log bucket and its data stay"),) if inside else ()
    return (*keep, _destroy())


def _destroy(*arguments: str) -> Command:
    return Command(("destroy", "-input=false", "-auto-approve", *arguments), "everything else")
