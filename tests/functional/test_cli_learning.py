"""`cali learning` and `cali release` on a folder, and the jobs over AWS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cali.bootstrap.learning import post_to_slack
from cali.core.life import StoredIncident
from cali.testing.model_server import ModelServer, explanation
from cali.testing.slack import Slack
from cali.usecases.diagnose import new_error, new_error_key
from tests.functional.aws_account import BUCKET, INCIDENTS_TABLE, REGION, Account, account
from tests.functional.github import TOKEN, GitHubServer
from tests.unit.learning.week import DAY, NOON, SHARD, SHARD_CAUSE, SILENT, incident, told

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


class Terminal:
    """A runner of `cali` with a folder of its own."""

    def __init__(self, place: Path, **env: str) -> None:
        self.data = place / "data"
        self.data.mkdir()
        self._env = {"PATH": os.environ["PATH"], "HOME": str(place), "COLUMNS": "120", **env}

    def run(self, *args: str, data: bool = True) -> subprocess.CompletedProcess[str]:
        where = ["--data", str(self.data)] if data else []
        return subprocess.run(
            [sys.executable, "-c", "from cali.cli import main; main()", *args, *where],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def job(self, name: str, day: date = DAY, data: bool = True) -> dict[str, Any]:
        done = self.run("learning", "run", name, "--day", day.isoformat(), data=data)
        assert done.returncode == 0, done.stderr
        return {said["step"]: said for said in map(json.loads, done.stdout.splitlines())}

    def put(self, diagnosis: Any) -> None:
        one = incident(SHARD, diagnosis=diagnosis)
        path = self.data / new_error_key(one, NOON)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(new_error(StoredIncident(one, NOON)))


def test_a_proposal_is_made_shown_accepted_and_taken_back(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.put(told(SHARD_CAUSE))
    (name,) = terminal.job("learn_new_errors")["publish"]["entries"]
    assert (terminal.data / f"learning/learn_new_errors/dt={DAY}/proposal.yaml").is_file()
    accepted = terminal.run("release", "accept", str(DAY))
    assert accepted.returncode == 0, accepted.stderr
    assert SHARD_CAUSE in terminal.run("release", "show").stdout
    version = terminal.run("release", "list").stdout.split()[2]
    back = terminal.run("release", "back", "--why", "not yet")
    assert "knowledge as shipped" in back.stderr
    assert f"knowledge {version}" in terminal.run("release", "use", version).stderr
    page = tmp_path / "learnt.yaml"
    page.write_text(terminal.run("release", "show", "--format", "yaml").stdout)
    assert terminal.run("kb", "check", str(page), data=False).stdout == "1 entries, 0 faults\n"
    assert name in page.read_text()
    assert "publish" in terminal.run("learning", "status").stdout


def test_a_merged_file_is_put_in_force(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    page = tmp_path / "ours.yaml"
    page.write_text(
        "version: 2026-11-20\narea: ours\nentries:\n- id: ours-shard\n  title: A shard is behind\n"
        f"  symptoms: ['{SHARD}']\n  match: ['ledger\\s+shard\\s+\\S+\\s+is\\s+two\\s+epochs']\n"
        f"  cause: {SHARD_CAUSE}\n  fix: [Wait.]\n  severity: error\n"
    )
    assert terminal.run("release", "add", str(page)).returncode == 0
    assert "ours-shard" in terminal.run("release", "show").stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("learning", "run", "learn_new_errors", "--day", "yesterday"), "is not a day"),
        (("learning", "run", "learn_new_errors", "--step", "x"), "has no step 'x'"),
        (
            ("learning", "run", "learn_new_errors", "--step", "gate", "--day", "2026-01-01"),
            "step draft has not run",
        ),
        (("release", "use", "2026-01-01-nothing"), "no release has this version"),
        (("release", "back"), "no release to go back to"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    done = Terminal(tmp_path).run(*args)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_approval_that_is_none_is_said(tmp_path: Path) -> None:
    done = Terminal(tmp_path, CALI_LEARNING_APPROVAL="yes").run("learning", "status")
    assert (
        done.stderr
        == "cali: CALI_LEARNING_APPROVAL: 'yes' is not valid; use one of auto, pull-request, manual\n"
    )


def test_a_pull_request_is_opened_from_a_folder(tmp_path: Path) -> None:
    with GitHubServer() as server:
        terminal = Terminal(
            tmp_path,
            CALI_LEARNING_APPROVAL="pull-request",
            CALI_GITHUB_REPOSITORY="team/knowledge",
            CALI_GITHUB_TOKEN=TOKEN,
            CALI_GITHUB_URL=server.url,
        )
        terminal.put(told(SHARD_CAUSE))
        url = terminal.job("learn_new_errors")["publish"]["url"]
        assert server.pulls[0]["html_url"] == url
        assert "By" in server.pulls[0]["body"] or "cause by model" in server.pulls[0]["body"]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


def test_all_jobs_run_over_aws_and_a_second_run_changes_nothing(aws: Account, tmp_path: Path) -> None:
    with ModelServer(explanation(SHARD_CAUSE, ["L1"], ["Wait."])) as server:
        terminal = Terminal(
            tmp_path,
            AWS_ENDPOINT_URL=aws.endpoint,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            CALI_LOGS_BUCKET=BUCKET,
            CALI_INCIDENTS_TABLE=INCIDENTS_TABLE,
            CALI_LEARNING_APPROVAL="auto",
            CALI_MODEL="local",
            CALI_OPENAI_BASE_URL=server.url,
        )
        one = incident(SHARD, diagnosis=SILENT)
        s3 = aws.client("s3")
        s3.put_object(Bucket=BUCKET, Key=new_error_key(one, NOON), Body=new_error(StoredIncident(one, NOON)))
        s3.put_object(Bucket=BUCKET, Key=f"raw/dt={DAY}/part", Body=b'level=info msg="all is well"\n')
        jobs = ("apply_feedback", "learn_new_errors", "learn_templates", "retention", "weekly_report")
        first = {job: terminal.job(job, data=False) for job in jobs}
        assert len(first["learn_new_errors"]["publish"]["entries"]) == 1
        assert server.calls == 1
        before = {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
        again = {job: terminal.job(job, data=False) for job in jobs}
        assert all(said["again"] for steps in again.values() for said in steps.values())
        after = {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
        assert after == before
        assert server.calls == 1


@pytest.mark.parametrize("account", [{}, {"AWS_PROFILE": "nobody"}])
def test_without_a_region_or_profile_a_job_is_refused_in_one_line(
    tmp_path: Path, account: dict[str, str]
) -> None:
    where = {"CALI_LOGS_BUCKET": "cali-logs-1", "CALI_INCIDENTS_TABLE": "t", "AWS_CONFIG_FILE": os.devnull}
    done = Terminal(tmp_path, **where, **account).run("learning", "run", "apply_feedback", data=False)
    assert done.returncode == 2
    assert re.fullmatch(
        r"cali: (dynamodb: You must specify a region|s3: The config profile .nobody.).*\n", done.stderr
    )


def test_a_title_in_the_weekly_report_calls_nobody() -> None:
    slack = Slack()
    with slack.serve() as server:
        post_to_slack(lambda: server.hook, "# Week\n| 3 | none | <!channel> failed & died | x |")
    (message,) = slack.messages
    assert message.content["text"] == "# Week\n| 3 | none | &lt;!channel&gt; failed &amp; died | x |"
