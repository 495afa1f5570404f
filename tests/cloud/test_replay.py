"""A replay of Firehose's raw/ objects, and the command line on the same lines, find the same incidents as the
functions. One short run without faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cali.adapters.sources.raw_logs import raw_logs
from cali.bootstrap.local import LocalParts
from cali.core.models import Incident, Origin
from cali.core.settings import Settings
from cali.simulator import enveloper, load_scenario, simulate
from cali.stages.retrieve.knowledge import load
from cali.usecases.replay import ReplayResult, ReplayVersions, Terms, replay
from cali.usecases.replay.versions import AS_ANALYZED
from tests.cloud.aws import BUCKET
from tests.cloud.cloud import Cloud, Options
from tests.cloud.project import missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # warnings of botocore
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPTIONS = Options(lines=1_000, rate=0, seed=1, start=1_795_140_000.0, slack_pace=0.02)


@dataclass(frozen=True, slots=True)
class Run:
    """The incidents in the table after a run, and those of a replay of its raw/ objects."""

    put: int
    stored: tuple[Incident, ...]
    replayed: ReplayResult
    again: ReplayResult
    as_analyzed: ReplayResult


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    versions = ReplayVersions(load(cache=tmp_path_factory.mktemp("cache")))
    with Cloud(OPTIONS) as cloud:
        put = cloud.run().put
        logs = raw_logs(f"s3://{BUCKET}/raw/", client=cloud.account.client("s3"))
        terms = Terms(cluster="local", year=logs.year)
        yield Run(
            put,
            tuple(stored.incident for stored in cloud._stored()),
            replay(logs.lines(), versions, terms),
            replay(logs.lines(), versions, terms),
            replay(logs.lines(), versions, Terms(cluster="local", year=logs.year, policy=AS_ANALYZED)),
        )


def seen(incidents: tuple[Incident, ...]) -> dict[str, tuple[object, ...]]:
    """Return the fields of an incident that must be equal everywhere. Titles are left out: they quote the first line,
    which differs between two shards, the objects and a log."""
    return {
        one.id: (one.template, one.scope, one.severity, one.count, one.first_seen, one.last_seen, cause(one))
        for one in incidents
    }  # fmt: skip


def cause(incident: Incident) -> str:
    """Return the entry that explains it. The local model answers unknown errors; a replay asks no model."""
    said = incident.diagnosis
    return said.knowledge[0].id if said is not None and said.origin is Origin.KNOWLEDGE else ""


def test_a_replay_of_the_raw_objects_gives_what_the_table_holds(run: Run) -> None:
    assert run.replayed.counts.lines == run.put == OPTIONS.lines
    assert len(run.stored) > 20
    assert seen(run.replayed.incidents) == seen(run.stored)


def test_a_replay_of_the_raw_objects_gives_the_same_twice(run: Run) -> None:
    assert repr(run.replayed) == repr(run.again)


def test_the_command_line_finds_the_same_in_the_lines_as_they_were_written(run: Run, tmp_path: Path) -> None:
    scenario, wrap = load_scenario(OPTIONS.scenario), enveloper("fluentbit")
    written = simulate(scenario, seed=OPTIONS.seed, lines=OPTIONS.lines, seconds=None, start=OPTIONS.start)
    (tmp_path / "shop.log").write_text("".join(f"{wrap(line)}\n" for line in written))

    parts = LocalParts(Settings(cluster="local", cache_dir=str(tmp_path / "cache")), ask_model=False)
    analyzed = parts.analyze([str(tmp_path / "shop.log")])

    assert seen(run.as_analyzed.incidents) == seen(analyzed.findings)
