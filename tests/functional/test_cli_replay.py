"""`cali replay` as people and pipelines run it: on folders, on S3, with two versions, and as the gate of a change."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.aws import clients
from cali.adapters.files.objects import FolderObjects
from cali.adapters.sources.raw_logs import raw_logs
from cali.cli.demo import planted
from cali.simulator import load_scenario
from cali.stages.refine import book
from cali.stages.retrieve.knowledge import load, shipped
from cali.usecases.releases import Releases
from tests.functional import replay_golden
from tests.functional.aws_account import BUCKET, REGION, Account, account
from tests.functional.shell import inside, outside

RULES = """
sinks:
  team: {kind: slack_bot}
  duty: {kind: pagerduty}
routes:
  - name: worst
    when: {severity: critical}
    send: [{sink: team, channel: C0DUTY}, duty]
  - name: rest
    send: [{sink: team, channel: C0TEAM}]
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the demo's log, shortened."""
    path = tmp_path_factory.mktemp("demo") / "shop.log"
    planted(load_scenario("shop"), 1, 3_000, path)
    return path


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """Return a team's entry for an error of the demo that the shipped knowledge lacks."""
    folder = tmp_path / "team"
    folder.mkdir()
    (folder / "tariffs.yaml").write_text(
        "area: application\nversion: '2026-11-20'\nentries:\n"
        "  - id: tariff-without-successor\n    title: A tariff bundle has no successor\n"
        "    symptoms: ['com.shop.pricing.TariffRuleException: tariff bundle 12 has no successor']\n"
        "    match: ['TariffRuleException: tariff bundle']\n"
        "    cause: A tariff ended and nobody made the next one.\n    fix: [Make the next tariff.]\n"
        "    severity: error\n"
    )
    return folder


def told(report: Any) -> list[tuple[Any, ...]]:
    """Return the fields of findings that must be equal in every source."""
    return sorted(
        (one["id"], one["template"], one["scope"], one["severity"], one["count"], one["title"], one["first_seen"],
         one["last_seen"])
        for incident in report["incidents"] for one in incident.get("findings", [incident])
    )  # fmt: skip


def causes(report: Any) -> dict[str, tuple[str, str]]:
    """Return origin and cause of each root."""
    roots = [one for one in report["incidents"] if not one.get("follows")]
    return {one["id"]: (one["diagnosis"]["origin"], one["diagnosis"]["cause"]) for one in roots}


def test_two_runs_give_the_same_bytes(cache: Path, log: Path) -> None:
    first = outside("replay", log, "--format", "json", "--model", "gpt-4o-mini", env={"PYTHONHASHSEED": "1"})
    second = outside("replay", log, "--format", "json", "--model", "gpt-4o-mini", env={"PYTHONHASHSEED": "2"})
    text = [outside("replay", log).out for _ in range(2)]

    assert first.code == second.code == 0
    assert first.out == second.out
    assert text[0] == text[1]


def test_the_incidents_of_the_demo_are_those_of_the_command_line(cache: Path, log: Path) -> None:
    analyzed = inside("analyze", log, "--format", "json", "--no-model").report
    as_analyzed = inside("replay", log, "--format", "json", "--undo-warnings").report
    as_deployed = inside("replay", log, "--format", "json").report

    assert told(as_analyzed) == told(analyzed)
    assert causes(as_analyzed) == causes(analyzed)
    # The functions cannot know that a later line undoes a warning. All their additional incidents are such warnings.
    more = [one for one in told(as_deployed) if one[0] not in {other[0] for other in told(analyzed)}]
    assert len(told(as_deployed)) == len(told(analyzed)) + len(more)
    assert all("Trying to re-establish" in one[1] for one in more)


def test_what_it_would_have_cost_and_alerted_is_told(cache: Path, log: Path, tmp_path: Path) -> None:
    rules = tmp_path / "alerts.yaml"
    rules.write_text(RULES)

    report = inside("replay", log, "--format", "json", "--model", "gpt-4o-mini", "--rules", rules).report

    unknown = {one["fingerprint"] for one in report["incidents"] if one["diagnosis"]["origin"] == "none"}
    assert report["cost"]["calls"] == len(unknown) > 0
    assert 0 < report["cost"]["dollars"] < 0.01
    places = {(place["sink"], place["channel"]): place["posts"] for place in report["alerts"]}
    roots = [one for one in report["incidents"] if one["follows"] is None]
    critical = sum(one["severity"] == "critical" for one in roots)
    assert set(places) == {("team", "C0DUTY"), ("team", "C0TEAM"), ("duty", "")}
    assert critical <= places["team", "C0DUTY"] <= len(report["incidents"])


def test_a_cause_that_the_new_knowledge_adds_is_gained_and_one_that_it_loses_fails_the_gate(
    cache: Path, log: Path, entry: Path
) -> None:
    newer = f"{shipped().name}+{entry}"

    gained = inside("replay", log, "--compare", "now", newer, "--fail-on", "loss", "--format", "json")
    lost = inside("replay", log, "--compare", f"knowledge={newer}", "now", "--fail-on", "loss")
    any_change = inside("replay", log, "--compare", "now", newer, "--fail-on", "change")
    none = inside("replay", log, "--compare", "now", "now", "--fail-on", "change", "--format", "json")

    assert (gained.code, lost.code, any_change.code, none.code) == (0, 1, 1, 0)
    assert {row["what"] for row in gained.report["changes"]} == {"gained"}
    assert all(row["detail"] == "no cause -> tariff-without-successor" for row in gained.report["changes"])
    assert "lost" in lost.text
    assert gained.report["before"]["summary"] == gained.report["after"]["summary"]
    assert none.report["changes"] == []


def test_a_book_is_compared_by_the_lines_of_its_incidents(cache: Path, tmp_path: Path) -> None:
    names = [
        f"{a}{b}" for a in ("ada", "bob", "cyd", "dan", "eve") for b in ("lee", "kim", "roe", "ito", "paz")
    ]
    lines = [
        f"2026-11-20T02:00:{n:02}Z ERROR the quota of tenant {name} is used up"
        for n, name in enumerate(names)
    ]
    (tmp_path / "tenants.log").write_text("\n".join(lines))
    assert inside("learn", tmp_path / "tenants.log", "--out", tmp_path / "new.book").code == 0

    done = inside(
        "replay", tmp_path / "tenants.log", "--compare", "now", f"book={tmp_path / 'new.book'}", "--format", "json"
    )  # fmt: skip

    (row,) = done.report["changes"]
    assert (row["what"], len(row["before"]), len(row["after"])) == ("merged", 25, 1)
    assert done.report["after"]["versions"]["book"]


def test_what_was_released_can_be_replayed_by_its_version(cache: Path, tmp_path: Path) -> None:
    home = FolderObjects(tmp_path / "home")
    releases = Releases(home, home)
    made = book.learn("2026-11-20", ["the quota of tenant ada is used up"])
    current = releases.publish_book(made, "2026-11-20", "2026-11-20T03:00:00Z", "a test")
    (tmp_path / "app.log").write_text("2026-11-20T02:00:00Z ERROR the quota of tenant ada is used up\n")
    ask = ("replay", tmp_path / "app.log", "--releases", tmp_path / "home", "--format", "json")

    by_name = inside(*ask, "--book", f"release:{current.versions.book}", "--knowledge", "release:").report
    in_force = inside(*ask, "--book", "release:").report

    assert by_name["versions"] == in_force["versions"]
    assert by_name["versions"]["knowledge"] == load(cache=cache).version
    missing = inside(*ask, "--knowledge", "release:2020-01-01-00000000")
    assert (missing.code, missing.err.count("\n")) == (2, 1)


def test_time_is_that_of_the_lines(cache: Path, log: Path) -> None:
    early = inside("replay", log, "--at", "2026-11-20T02:20:00Z", "--format", "json").report
    late = inside("replay", log, "--since", "2026-11-20T02:20:00", "--format", "json").report
    whole = inside("replay", log, "--format", "json").report

    assert early["period"]["ended"] == "2026-11-20T02:20:00.000Z"
    assert early["summary"]["events"] + late["summary"]["events"] == whole["summary"]["events"]
    assert {one["last_seen"] <= "2026-11-20T02:20:00.000Z" for one in early["incidents"]} == {True}


def test_nothing_is_written_but_with_write_and_then_only_what_is_new(
    cache: Path, log: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.db"
    plain = inside("replay", log, "--dry-run")
    assert (plain.code, list(tmp_path.iterdir())) == (0, [])

    first = inside("replay", log, "--write", state)
    second = inside("replay", log, "--write", state)

    listed = inside("incidents", "--state", state, "list", "--status", "all").text.splitlines()
    assert first.err == f"cali: {state}: {len(listed):,} incidents kept\n"
    assert second.err == f"cali: {state}: 0 incidents kept\n"
    assert first.out == plain.out


@pytest.fixture(scope="module")
def bucket() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


def test_a_bucket_gives_what_the_folder_gives(
    cache: Path, bucket: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = bucket.client("s3")
    for path in sorted(replay_golden.RAW.rglob("*.gz")):
        s3.put_object(Bucket=BUCKET, Key=f"raw/{path.relative_to(replay_golden.RAW)}", Body=path.read_bytes())
    s3.put_object(Bucket=BUCKET, Key="raw/dt=2026-11-22/late.gz", Body=gzip.compress(b"ERROR much later\n"))
    for name, value in {
        "AWS_ENDPOINT_URL": bucket.endpoint, "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()

    kept = inside("replay", f"s3://{BUCKET}/raw/", "--at", "2026-11-21T00:59:59Z", "--format", "json")
    folder = inside("replay", replay_golden.RAW, "--at", "2026-11-21T00:59:59Z", "--format", "json").report
    absent = inside("replay", "s3://cali-logs-000000000001/raw/")
    clients.client.cache_clear()

    # The 22nd is read too, because lines from before --until may have arrived late. Its own line has no time.
    assert kept.report["source"]["objects"] == 4
    assert set(told(folder)) < set(told(kept.report))
    assert (absent.code, absent.err.count("\n")) == (2, 1)
    assert "NoSuchBucket" in absent.err


def test_days_before_the_time_asked_for_are_not_even_listed(bucket: Account) -> None:
    s3 = bucket.client("s3")
    for day in ("18", "19", "20"):
        s3.put_object(Bucket=BUCKET, Key=f"days/dt=2026-11-{day}/a.gz", Body=gzip.compress(b"x\n"))

    logs = raw_logs(f"s3://{BUCKET}/days/", since=1_795_132_800.0, client=s3)  # the 20th

    assert [kept.key for kept in logs.objects] == ["days/dt=2026-11-20/a.gz"]
    assert list(logs.lines()) == [(1, b"x")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fail-on", "loss"], "--fail-on: needs --compare"),
        (["--compare", "now", "nothing=1"], "is not valid; use knowledge=, masks=, book= or now"),
        (["--knowledge", "2020-01-01"], "no such folder or shipped version"),
        (["--knowledge", "release:x"], "--releases: missing"),
        (["--masks", "2020-01-01"], "no mask version"),
        (["--book", "/nowhere"], "/nowhere"),
        (["--at", "yesterday"], "is not a time"),
        (["--dry-run", "--write", "x.db"], "cannot be combined with --dry-run"),
        (["--compare", "now", "now", "--write", "x.db"], "cannot be combined with --compare"),
        (["--rules", "/nowhere"], "/nowhere"),
        (["--out", "/nowhere/x"], "is not a directory"),
        (["--at", "2026-11-20T00:00:00Z", "--since", "2026-11-21"], "--since"),
    ],
)
def test_a_fault_is_one_line_that_names_it(options: list[str], said: str, cache: Path, log: Path) -> None:
    done = inside("replay", log, *options)

    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_the_sample_shows_what_it_is_held_to(cache: Path) -> None:
    """The gate: a change of code or knowledge that changes these incidents fails here. For an intended change run:
    python -m tests.functional.replay_golden reprint"""
    assert replay_golden.differences() == []


def test_the_gate_sees_a_difference(cache: Path) -> None:
    held = json.loads(replay_golden.seen())

    assert held == json.loads(replay_golden.EXPECTED.read_bytes())
    assert len(held["incidents"]) > 20
    assert {one["cause"] for one in held["incidents"]} > {"none", "redis-misconf-save.save-failed"}
