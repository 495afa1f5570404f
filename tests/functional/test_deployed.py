"""The deployment record of a stage is shared between machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cali.core.errors import Misconfigured
from cali_ops.deployed import Deployments, approve, fetch, good, keep
from tests.functional.aws_account import BUCKET, Account, account

RECORD = {"resources": [{"name": "analyze", "resource_type": "lambda_function", "lambda_arn": "arn:x"}]}


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


def test_a_second_machine_finds_what_the_first_deployed(aws: Account, tmp_path: Path) -> None:
    kept = Deployments(aws.client("s3"), BUCKET)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / "two.json").write_text(json.dumps(RECORD))

    assert fetch(kept, "two", second) == "stage two: nothing kept yet"
    assert keep(kept, "two", "abcdef1", first) == "stage two: abcdef1 kept"
    assert fetch(kept, "two", second) == "stage two: runs abcdef1"

    assert json.loads((second / "two.json").read_text()) == RECORD
    assert kept.get("other") is None


def test_the_record_of_another_installation_is_not_deployed_over(aws: Account, tmp_path: Path) -> None:
    # Given a checkout that deployed `cali`, and an installation that was never deployed
    kept = Deployments(aws.client("s3"), BUCKET)
    arn = "arn:aws:lambda:ap-northeast-2:123456789012:function:cali-dev-analyze"
    (tmp_path / "dev.json").write_text(json.dumps({"resources": [{"name": "analyze", "lambda_arn": arn}]}))

    # Then only the installation `cali` keeps its record
    fetch(kept, "dev", tmp_path, "cali")
    assert (tmp_path / "dev.json").exists()
    fetch(kept, "dev", tmp_path, "cali-dr")
    assert not (tmp_path / "dev.json").exists()


def test_a_stage_goes_back_to_what_was_seen_to_work(aws: Account, tmp_path: Path) -> None:
    kept = Deployments(aws.client("s3"), BUCKET)
    (tmp_path / "back.json").write_text(json.dumps(RECORD))

    keep(kept, "back", "1111111", tmp_path)
    with pytest.raises(Misconfigured, match="nothing to go back to, 1111111 is the first"):
        good(kept, "back")
    approve(kept, "back")
    keep(kept, "back", "2222222", tmp_path)  # and that commit does not work

    assert good(kept, "back") == "1111111"
    with pytest.raises(Misconfigured, match="stage other: nothing is deployed"):
        approve(kept, "other")


def test_what_was_not_deployed_is_not_kept(aws: Account, tmp_path: Path) -> None:
    kept = Deployments(aws.client("s3"), BUCKET)
    with pytest.raises(Misconfigured, match=r"was `chalice deploy` run\?"):
        keep(kept, "never", "abcdef1", tmp_path)
    with pytest.raises(Misconfigured, match="'main' is no commit"):
        keep(kept, "never", "main", tmp_path)
    (tmp_path / "never.json").write_text("[1]")
    with pytest.raises(Misconfigured, match="not what `chalice deploy` writes"):
        keep(kept, "never", "abcdef1", tmp_path)
    assert kept.get("never") is None


def test_a_damaged_record_is_not_taken_for_none(aws: Account, tmp_path: Path) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="chalice/bad.json", Body=b'{"commit": 1}')
    with pytest.raises(Misconfigured, match=r"chalice/bad\.json: not a record of a deployment"):
        fetch(Deployments(aws.client("s3"), BUCKET), "bad", tmp_path)
