"""The deployment record of each stage in the state bucket, shared by all machines that deploy.

    python -m cali_ops.deployed fetch --stage dev                  # before `chalice deploy`
    python -m cali_ops.deployed keep --stage dev --commit ID       # after it
    python -m cali_ops.deployed approve --stage dev                # after the smoke test has passed
    python -m cali_ops.deployed good --stage dev                   # prints the last approved commit

Chalice writes its resources to `.chalice/deployed/<stage>.json` on the machine that deployed. Without that file,
another machine would create a second API and would not find the existing event source mappings. So the file is
shared, together with the deployed commit.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Misconfigured
from cali_ops.state_bucket import bucket_name

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDS = Path(".chalice/deployed")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment: the commit that a stage runs, the last approved commit, and Chalice's record of its resources."""

    commit: str
    good: str
    record: dict[str, Any]

    def text(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode()


def read(text: bytes, where: str) -> Deployed:
    """Return the stored record. Raise Misconfigured if it is damaged, because a deployment over it would duplicate everything."""
    try:
        held = json.loads(text)
        return Deployed(str(held["commit"]), str(held["good"]), dict(held["record"]))
    except (ValueError, TypeError, KeyError) as error:
        raise Misconfigured(f"{where}: not a record of a deployment: {error}") from error


class Deployments:
    """The deployments in a bucket, one per stage."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def get(self, stage: str) -> Deployed | None:
        """Return the deployment of the stage, or None if it was never deployed."""
        from botocore.exceptions import ClientError

        key = _key(stage)
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return read(body, f"s3://{self._bucket}/{key}")

    def put(self, stage: str, deployed: Deployed) -> None:
        self._s3.put_object(
            Bucket=self._bucket, Key=_key(stage), Body=deployed.text(), ContentType="application/json"
        )


def fetch(kept: Deployments, stage: str, folder: Path = RECORDS, name: str = "cali") -> str:
    """Write the shared record to Chalice's folder. Return one line for the log."""
    found = kept.get(stage)
    if found is None:
        if _of_another(folder / f"{stage}.json", f"{name}-{stage}"):  # Chalice would change the other one
            (folder / f"{stage}.json").unlink()
        return f"stage {stage}: nothing kept yet"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stage}.json").write_text(json.dumps(found.record, indent=2) + "\n", "utf-8")
    return f"stage {stage}: runs {found.commit}"


def _of_another(path: Path, prefix: str) -> bool:
    """Return whether Chalice's record belongs to another installation that was deployed from this checkout."""
    try:
        resources = json.loads(path.read_text("utf-8"))["resources"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    names = [str(one["lambda_arn"]).rpartition(":")[2] for one in resources if "lambda_arn" in one]
    return any(name != prefix and not name.startswith(f"{prefix}-") for name in names)


def keep(kept: Deployments, stage: str, commit: str, folder: Path = RECORDS) -> str:
    """Store Chalice's record in the bucket. Return one line for the log."""
    if not _COMMIT.fullmatch(commit):
        raise Misconfigured(f"--commit: {commit!r} is no commit")
    path = folder / f"{stage}.json"
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path}: cannot be read; was `chalice deploy` run? {error}") from error
    if not isinstance(record, dict):  # a record of any other type could not be read again
        raise Misconfigured(f"{path}: not what `chalice deploy` writes")
    before = kept.get(stage)
    kept.put(stage, Deployed(commit, before.good if before else "", record))
    return f"stage {stage}: {commit} kept"


def approve(kept: Deployments, stage: str) -> str:
    """Approve the commit that the stage runs, as the target of a rollback. Return one line for the log."""
    found = _found(kept, stage)
    kept.put(stage, replace(found, good=found.commit))
    return f"stage {stage}: {found.commit} is good"


def good(kept: Deployments, stage: str) -> str:
    """Return the last approved commit."""
    found = _found(kept, stage)
    if not found.good:
        raise Misconfigured(
            f"stage {stage}: nothing to go back to, {found.commit} is the first that was deployed"
        )
    return found.good


def _found(kept: Deployments, stage: str) -> Deployed:
    found = kept.get(stage)
    if found is None:
        raise Misconfigured(f"stage {stage}: nothing is deployed")
    return found


def _key(stage: str) -> str:
    return f"chalice/{stage}.json"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali_ops.deployed", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["fetch", "keep", "approve", "good"])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--commit", default="", help="what was deployed, with `keep`")
    parser.add_argument("--name", default="cali", help="the installation's name")
    given = parser.parse_args(arguments)
    try:
        print(_run(given.do, given.stage, given.commit, given.name))
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2
    return 0


def _run(do: str, stage: str, commit: str, name: str) -> str:
    from cali.adapters.aws import clients as aws

    with aws.mapped_errors("deployed"):
        account = aws.client("sts").get_caller_identity()["Account"]
        kept = Deployments(aws.client("s3"), bucket_name(name, account))
        if do == "keep":
            return keep(kept, stage, commit)
        if do == "fetch":
            return fetch(kept, stage, name=name)
        return {"approve": approve, "good": good}[do](kept, stage)


if __name__ == "__main__":
    sys.exit(main())
