"""The supply chain: packages are pinned by hash, no host is named, and no file contains a secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("requirements/*.txt"), ROOT / "layers/requirements.txt"]
)
PLANTED = re.compile(r"^(tests/|src/cali/(data|simulator)/|requirements/|layers/requirements\.txt)")
NO_SECRETS = {
    ("terraform/terraform.tfvars.example", "Hex High Entropy String"): "a made-up VPC",
    ("terraform/tests/everything.tftest.hcl", "Hex High Entropy String"): "a made-up thumbprint",
    ("terraform/tests/mocks/aws.tfmock.hcl", "Base64 High Entropy String"): "a made-up certificate",
}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    packages = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert packages
    assert [one.split()[0] for one in packages if "==" not in one or "--hash=sha256:" not in one] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_list_of_packages_names_a_host(name: str) -> None:
    assert re.findall(r"https?://\S+|--index-url|--find-links", (ROOT / name).read_text("utf-8")) == []


@pytest.mark.slow
def test_no_file_holds_a_secret() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - the repository's own
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    looked_at = [name for name in tracked if not PLANTED.match(name) and not (ROOT / name).is_symlink()]
    program = Path(sys.executable).with_name("detect-secrets")
    done = subprocess.run(
        [program, "scan", "--disable-plugin", "KeywordDetector", *looked_at],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {
        (name, one["type"]): one["line_number"]
        for name, ones in json.loads(done.stdout)["results"].items()
        for one in ones
    }
    assert len(looked_at) > 100
    assert {where: line for where, line in found.items() if where not in NO_SECRETS} == {}
