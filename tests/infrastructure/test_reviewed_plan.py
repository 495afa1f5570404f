"""The applied plan is the reviewed plan, and a plan reports drift."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cali.core.errors import Misconfigured
from cali_ops.command import group
from cali_ops.installation import changes, same, sha256


def test_the_reviewed_plan_is_applied_and_no_other(tmp_path: Path) -> None:
    # Given a plan, and its reviewed hash
    plan = tmp_path / "cali.tfplan"
    plan.write_bytes(b"reviewed")
    reviewed = sha256(plan)
    assert reviewed == hashlib.sha256(b"reviewed").hexdigest()
    same(plan, reviewed)

    # When it is exchanged, then it is rejected in one line with the remedy
    plan.write_bytes(b"another")
    with pytest.raises(Misconfigured, match=f"the reviewed plan's is {reviewed}; plan again"):
        same(plan, reviewed)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"cali\.tfplan: cannot be read: No such file"):
        sha256(tmp_path / "cali.tfplan")


def test_an_apply_asks_for_the_hash_before_it_touches_anything(tmp_path: Path) -> None:
    # Given a root whose plan was exchanged
    (tmp_path / "versions.tf").touch()
    (tmp_path / "cali.tfplan").write_bytes(b"another")

    # Then only the hash is computed, and nothing is called
    with pytest.raises(Misconfigured, match="the reviewed plan's is 0"):
        group.main(["--folder", str(tmp_path), "apply", "--sha256", "0" * 64], standalone_mode=False)


def test_what_drifted_is_a_line_and_reading_is_no_drift() -> None:
    shown = {
        "resource_changes": [
            {"address": "aws_vpc.main", "change": {"actions": ["no-op"]}},
            {"address": "data.aws_caller_identity.current", "change": {"actions": ["read"]}},
            {"address": "aws_lb.milvus", "change": {"actions": ["update"]}},
            {"address": "aws_eks_cluster.main", "change": {"actions": ["delete", "create"]}},
        ]
    }
    assert changes(shown) == ("aws_lb.milvus: update", "aws_eks_cluster.main: delete and create")
    assert changes({}) == ()
