"""The permissions of the workflows, and that they run the same commands as people."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali_ops.command import PLAN
from cali_ops.images import SOURCES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def read(name: str) -> dict[str, Any]:
    held = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    assert isinstance(held, dict)
    held["on"] = held.pop(True)  # YAML 1.1 parses the key `on` as true
    return held


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_the_deliveries_are_there() -> None:
    assert {"ci.yml", "terraform.yml", "drift.yml", "addons.yml", "app.yml", "images.yml"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_by_its_commit(name: str) -> None:
    uses = [
        line.strip().removeprefix("- ")
        for line in (FOLDER / name).read_text("utf-8").splitlines()
        if "uses:" in line
    ]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_permitted_that_is_not_said(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        assert set(job.get("permissions", {})) <= {"contents", "id-token", "pull-requests"}
        assert job.get("permissions", {}).get("contents", "read") == "read"


@pytest.mark.parametrize("name", NAMES)
def test_what_changes_aws_is_approved_and_has_no_stored_key(name: str) -> None:
    for job in read(name)["jobs"].values():
        roles = [
            step["with"]["role-to-assume"]
            for step in job["steps"]
            if "role-to-assume" in step.get("with", {})
        ]
        for role in roles:
            assert job["permissions"]["id-token"] == "write"
            assert job.get("environment") == "production" or "AWS_ROLE_PLAN" in role
        assert roles or "environment" not in job
    text = (FOLDER / name).read_text("utf-8")
    assert "AWS_SECRET_ACCESS_KEY" not in text
    assert "aws-access-key-id" not in text


@pytest.mark.parametrize("name", NAMES)
def test_one_delivery_at_a_time_and_none_for_ever(name: str) -> None:
    workflow = read(name)
    assert workflow["concurrency"]["group"]
    if name not in ("ci.yml", "terraform.yml"):
        assert workflow["concurrency"]["cancel-in-progress"] is False
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


@pytest.mark.parametrize("name", NAMES)
def test_workflows_run_what_people_run(name: str) -> None:
    commands = [
        line for step in steps(read(name)) for line in step.get("run", "").splitlines() if line.strip()
    ]
    called = {
        word
        for line in commands
        if line.startswith("make ")
        for word in re.sub(r'"[^"]*"', "", line.split("|")[0]).split()[1:]
        if re.fullmatch(r"[a-z][a-z-]+", word)
    }
    assert called
    assert called <= targets()
    assert [line for line in commands if not line.startswith(("make ", "mkdir "))] == []


@pytest.mark.parametrize("name", NAMES)
def test_terraform_never_runs_without_the_settings_of_the_installation(name: str) -> None:
    for job in read(name)["jobs"].values():
        ran = [step.get("run", "") for step in job["steps"]]
        for number, command in enumerate(ran):
            if re.search(r"^make (infra|addons)\b", command, re.M):
                assert "make tfvars" in ran[:number]


def evaluated(expression: str, event: str, ref: str) -> object:
    """Return the value of `${{ event_name == 'pull_request' && ... || ... }}` for an event, as GitHub evaluates it."""
    (body,) = re.findall(r"^\$\{\{ (.*) \}\}$", expression)
    pull = event == "pull_request"
    if body == "github.event_name == 'pull_request'":
        return pull
    found = re.fullmatch(
        r"github\.event_name == 'pull_request' && format\('([^']*)', github\.ref\) \|\| '([^']*)'", body
    )
    assert found, body
    return found[1].format(ref) if pull else found[2]


def test_no_plan_of_a_pull_request_takes_the_place_of_an_apply() -> None:
    # Given the concurrency groups of two pull requests, and of merges
    concurrency = read("terraform.yml")["concurrency"]
    plans = {evaluated(concurrency["group"], "pull_request", f"refs/pull/{n}/merge") for n in (1, 2)}
    applies = {
        evaluated(concurrency["group"], event, "refs/heads/main") for event in ("push", "workflow_dispatch")
    }

    # Then each pull request has its own group, all merges share one, and only a plan can be cancelled
    assert len(plans) == 2
    assert len(applies) == 1
    assert not plans & applies
    assert evaluated(concurrency["cancel-in-progress"], "push", "refs/heads/main") is False
    assert read("drift.yml")["concurrency"]["group"] not in plans | applies


def test_the_plan_that_reviewers_saw_is_what_is_applied() -> None:
    plan, apply = (read("terraform.yml")["jobs"][name] for name in ("plan", "apply"))
    uploaded = next(one for one in plan["steps"] if "upload-artifact" in one.get("uses", ""))
    downloaded = next(one for one in apply["steps"] if "download-artifact" in one.get("uses", ""))

    # Given one plan of the merged commit, then apply waits for it, and gets it with its hash from that job
    assert apply["needs"] == "plan"
    assert "environment" not in plan  # the reviewers approve apply after reading the plan
    assert plan["outputs"]["sha256"] == "${{ steps.plan.outputs.sha256 }}"
    assert uploaded["with"]["path"] == f"{downloaded['with']['path']}/{PLAN}"
    assert uploaded["with"]["name"] == downloaded["with"]["name"]
    (ran,) = (one for one in apply["steps"] if one.get("run", "").startswith("make infra"))
    assert ran["run"] == "make infra-apply"
    assert ran["env"] == {"PLAN_SHA256": "${{ needs.plan.outputs.sha256 }}"}


def test_what_differs_is_looked_for_each_night_by_who_may_only_look() -> None:
    drift = read("drift.yml")
    (job,) = drift["jobs"].values()
    assert drift["on"]["schedule"]
    assert [one["run"] for one in job["steps"] if "run" in one][1] == "make infra-drift"
    assert {
        one["with"]["role-to-assume"] for one in job["steps"] if "role-to-assume" in one.get("with", {})
    } == {"${{ vars.AWS_ROLE_PLAN }}"}


@pytest.mark.parametrize("name", ["addons.yml", "images.yml"])
def test_add_ons_follow_their_images(name: str) -> None:
    # Given the whole history, because a tag is the last commit that changed the sources of the images
    jobs = read(name)["jobs"]
    for job in jobs.values():
        assert job["steps"][0]["with"]["fetch-depth"] == 0

    # Then images exist, and are scanned, before the add-ons that name them
    ran = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert ran.index("make images") < ran.index("make addons")
    _first, *others = jobs.values()
    assert all(job["needs"] == next(iter(jobs)) for job in others)
    assert read("addons.yml")["concurrency"] == read("images.yml")["concurrency"]


def test_whatever_images_are_made_of_builds_them() -> None:
    paths = read("images.yml")["on"]["push"]["paths"]
    for source in SOURCES:
        assert source in paths or f"{source}/**" in paths


def test_the_stage_is_the_one_that_terraform_names() -> None:
    default = re.search(r'variable "chalice_stage".*?default *= "(\w+)"', terraform_text(), re.S)
    assert default
    assert f"vars.CHALICE_STAGE || '{default[1]}'" in (FOLDER / "app.yml").read_text("utf-8")


def terraform_text() -> str:
    return "".join(path.read_text("utf-8") for path in (ROOT / "terraform").glob("*.tf"))


@pytest.mark.parametrize("name", NAMES)
def test_slack_is_told_of_every_delivery(name: str) -> None:
    for job in read(name)["jobs"].values():
        if job.get("environment") == "production":
            last = job["steps"][-1]
            assert last["run"].startswith("make tell ")
            assert last["if"] == "always()"


@pytest.mark.parametrize("name", NAMES)
def test_no_words_of_others_reach_a_shell(name: str) -> None:
    assert [step["run"] for step in steps(read(name)) if "${{" in step.get("run", "")] == []


def test_the_auditor_of_workflows_finds_nothing() -> None:
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [program, "--offline", "--no-progress", str(FOLDER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
