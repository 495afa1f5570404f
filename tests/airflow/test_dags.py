"""The DAGs in a real Airflow. They load fast, learn a day, stop bad drafts, continue after a failure, and repeat
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cali.usecases.learn import JOBS
from tests.airflow.process import BIN, DAGS, ORDER
from tests.airflow.story import DAY, SHARD_CAUSE, Told, told

pytestmark = [
    pytest.mark.skipif(
        not (BIN / "airflow").exists(), reason=".venv-airflow is not there: `make airflow` makes it"
    ),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
HEAVY = {"boto3", "botocore", "cali", "openai", "pymilvus"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with told(tmp_path_factory.mktemp("airflow")) as said:
        yield said


def steps(run: dict[str, Any]) -> dict[str, Any]:
    return {name: task["said"] for name, task in run["tasks"].items()}


def test_every_file_makes_its_dag(story: Told) -> None:
    assert story.found["errors"] == {}
    assert set(story.found["dags"]) == set(JOBS)
    assert set(JOBS) <= {path.stem for path in DAGS.glob("*.py")}


def test_airflow_itself_finds_no_errors_but_would(story: Told, tmp_path: Path) -> None:
    look = ("dags", "list-import-errors", "--local", "--bundle-name", "dags-folder")
    assert "No data found" in story.airflow.command(*look)
    for path in DAGS.glob("*.py"):
        (tmp_path / path.name).write_text(
            path.read_text().replace("from cali_steps import", "from no_such import")
        )
    said = story.airflow.command(*look, AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path))
    assert all(f"{job}.py" in said for job in JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_a_dag_has_a_task_for_each_step_in_order(story: Told, job: str) -> None:
    dag, names = story.found["dags"][job], list(JOBS[job])
    assert dag["steps"] == names
    assert dag["edges"] == sorted(map(list, pairwise(names)))


@pytest.mark.parametrize("job", JOBS)
def test_a_dag_is_tried_again_runs_alone_and_says_what_it_is(story: Told, job: str) -> None:
    dag = story.found["dags"][job]
    assert dag["retries"] == [[3, 2.0]]
    assert dag["active"] == 1
    assert all(0 < limit <= 3600 for limit in dag["limits"])
    assert dag["tags"] == ["cali", "learning"]
    assert len(dag["doc"].split()) > 30


def test_only_what_reads_its_own_day_alone_is_caught_up_on(story: Told) -> None:
    assert [name for name, dag in story.found["dags"].items() if dag["catchup"]] == ["learn_new_errors"]


def test_loading_the_dags_is_cheap(story: Told) -> None:
    assert not HEAVY & set(story.found["modules"])
    assert story.found["seconds"] < 1.0


def test_a_run_is_for_the_day_that_is_over(story: Told) -> None:
    for name in ORDER:
        for logical, at in story.found["dags"][name]["runs"]:
            day, runs = datetime.fromisoformat(logical), datetime.fromisoformat(at)
            back = 7 if name == "weekly_report" else 1
            assert runs.date() - day.date() == timedelta(days=back)
            assert name != "weekly_report" or day.weekday() == 0
            assert runs.utcoffset() == timedelta()


def test_a_night_has_an_order(story: Told) -> None:
    nightly = [name for name in ORDER if name != "weekly_report"]
    hours = [story.found["dags"][name]["runs"][0][1][11:] for name in nightly]
    assert hours == sorted(set(hours))
    assert hours[0] >= "00:30", "Firehose delivers the last lines of a day up to a quarter of an hour later"


def test_every_dag_succeeds(story: Told) -> None:
    assert {name: run["state"] for name, run in story.night.items()} == dict.fromkeys(JOBS, "success")


def test_a_task_that_fails_is_tried_again_and_told_once(story: Told) -> None:
    tasks = story.storm["tasks"]
    assert story.storm["state"] == "failed"
    assert (tasks["gate"]["state"], tasks["gate"]["tries"]) == ("failed", 2)
    assert tasks["publish"]["state"] == "upstream_failed"
    (post,) = story.posts
    assert post.startswith(f"learn_new_errors {DAY}: gate failed: ")


def test_the_night_goes_on_after_the_step_that_succeeded(story: Told) -> None:
    said = steps(story.night["learn_new_errors"])
    assert [said[name]["again"] for name in JOBS["learn_new_errors"]] == [True, True, False, False]
    assert story.asked[0] == 2, "the model was asked once for each group"
    assert story.asked[1] == 2, "and not again when the night went on"


def test_new_errors_become_an_entry_that_the_next_diagnosis_finds(story: Told) -> None:
    (name,) = story.released
    assert story.released[name].cause == SHARD_CAUSE
    (found,) = [one for title, one in story.next_day.items() if "ledger shard" in title]
    assert found == {"origin": "knowledge", "cause": SHARD_CAUSE, "knowledge": found["knowledge"]}
    assert found["knowledge"][0] == name
    assert story.before["learnt"] == [name], "Milvus holds it too"


def test_a_bad_draft_is_stopped_by_the_gate_and_stays_out(story: Told) -> None:
    gate = steps(story.night["learn_new_errors"])["gate"]
    ((name, why),) = gate["stopped"].items()
    assert name.startswith("learnt-gift-card-")
    assert "matches a healthy line" in why
    assert name not in story.released
    assert name not in story.before["learnt"]
    (found,) = [one for title, one in story.next_day.items() if "gift card" in title]
    assert found == {"origin": "none", "cause": "", "knowledge": found["knowledge"]}


def test_a_second_run_of_a_day_changes_nothing(story: Told) -> None:
    assert {name: run["state"] for name, run in story.again.items()} == dict.fromkeys(JOBS, "success")
    assert all(said["again"] for run in story.again.values() for said in steps(run).values())
    assert story.after == story.before
    assert story.asked[2] == 2


def test_a_run_without_a_logical_date_is_for_the_last_whole_day(story: Told) -> None:
    day = date.fromisoformat(steps(story.undated)["retain"]["day"])
    assert datetime.now(UTC).date() - day in (timedelta(days=1), timedelta(days=2))


def test_what_a_person_must_mend_is_not_tried_again(story: Told) -> None:
    task = story.denied["tasks"]["retain"]
    assert (task["state"], task["tries"]) == ("failed", 1)


def test_the_command_for_people_runs_a_day(story: Told) -> None:
    said = story.airflow.command("dags", "test", "apply_feedback", DAY.isoformat())
    assert "state=success" in said
