"""`cali kb`, through click alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cali.cli.kb import command
from cali.core.errors import Misconfigured

FIXTURES = Path(__file__).parent / "knowledge"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def kb(cache: Path, *words: str | Path, team: Path | None = FIXTURES) -> Result:
    places = [*(["--team", str(team)] if team else []), "--cache", str(cache)]
    return CliRunner().invoke(command, [*places, *map(str, words)], env={"CALI_KNOWLEDGE_DIR": None})


def refusal(result: Result) -> str:
    assert isinstance(result.exception, Misconfigured), result.output
    return str(result.exception)


def test_list_narrows_by_area_and_tag(cache: Path) -> None:
    listed = kb(cache, "list", "--area", "network", "--tag", "tcp")
    assert [line.split()[1] for line in listed.stdout.splitlines()] == ["postgres-refused", "tcp-refused"]
    assert "no entry has this area" in refusal(kb(cache, "list", "--area", "nowhere"))


def test_list_as_json_can_be_read(cache: Path) -> None:
    rows = json.loads(kb(cache, "list", "--area", "cluster", "--format", "json").stdout)
    assert {row["id"] for row in rows} == {
        "pod-oom-killed",
        "pod-image-missing",
        "pod-back-off",
        "node-disk-pressure",
    }
    assert set(rows[0]) == {"id", "area", "title", "severity", "tags"}


def test_show_prints_the_whole_entry(cache: Path) -> None:
    page = kb(cache, "show", "pod-image-missing").stdout
    for said in (
        "The registry has no image",
        "Correct the name or the tag.",
        "manifest unknown",
        "unauthorized",
        "https://",
    ):
        assert said in page
    shown = json.loads(kb(cache, "show", "pod-image-missing", "--format", "json").stdout)
    assert (shown["severity"], shown["unless"]) == ("error", ["unauthorized"])


def test_show_of_no_entry_names_near_ones(cache: Path) -> None:
    assert refusal(kb(cache, "show", "pod-oom-kild")).startswith(
        "no entry has the id 'pod-oom-kild'; similar ids: "
    )


def test_search_marks_what_its_signature_proves(cache: Path, tmp_path: Path) -> None:
    found = kb(cache, "search", "getaddrinfo ENOTFOUND orders.internal", "--format", "json")
    answer = json.loads(found.stdout)
    assert answer["known"]
    assert any(hit["id"] == "dns-no-such-host" and hit["verified"] for hit in answer["hits"])


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_search_of_something_new_says_unknown(cache: Path) -> None:
    found = kb(cache, "search", "the flux capacitor drifted off its axis", "--limit", "2")
    assert found.exit_code == 0, found.exception
    assert "unknown" in found.stderr
    assert "*" not in found.stdout
    assert len(found.stdout.splitlines()) <= 2


def entry_file(tmp_path: Path, name: str = "frob.yaml") -> Path:
    path = tmp_path / name
    path.write_text(
        'version: "2026-03-01"\narea: frob\nentries:\n  - id: frob-stuck\n    title: Stuck\n    symptoms: ["the frob is stuck"]\n'
        '    match: ["frob is stuck"]\n    cause: It needs oil.\n    fix: ["Oil it."]\n    severity: warning\n'
    )
    return path


def test_check_names_each_fault_and_exits_2(cache: Path, tmp_path: Path) -> None:
    sound = entry_file(tmp_path)
    assert kb(cache, "check", sound).stdout == "1 entries, 0 faults\n"
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        sound.read_text().replace('["frob is stuck"]', '["frob jammed"]') + "    references: [x]\n"
    )
    result = kb(cache, "check", bad)
    assert result.exit_code == 2
    assert [line.removeprefix(f"{bad}: entry frob-stuck: ")[:21] for line in result.stderr.splitlines()] == [
        "its signature does no",
        "reference 'x' is not ",
    ]
    assert result.stdout == "1 entries, 2 faults\n"


def test_add_copies_once(cache: Path, tmp_path: Path) -> None:
    team, file = tmp_path / "team", entry_file(tmp_path)
    added = kb(cache, "add", file, team=team)
    assert added.exit_code == 0, added.exception
    assert (team / "frob.yaml").read_bytes() == file.read_bytes()
    assert [path.name for path in team.iterdir()] == ["frob.yaml"]
    assert "frob-stuck" in kb(cache, "show", "frob-stuck", team=team).stdout
    assert "overwrite it with --replace" in refusal(kb(cache, "add", file, team=team))
    assert kb(cache, "add", file, "--replace", team=team).exit_code == 0


def test_add_refuses_an_id_of_another_file_and_faulty_entries(cache: Path, tmp_path: Path) -> None:
    team = tmp_path / "team"
    kb(cache, "add", entry_file(tmp_path), team=team)
    assert "frob-stuck: already in" in refusal(
        kb(cache, "add", entry_file(tmp_path, "again.yaml"), team=team)
    )
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text(entry_file(tmp_path).read_text().replace("cause:", "because:"))
    assert "cause: Field required (and 1 more" in refusal(kb(cache, "add", faulty, team=team))
    assert [path.name for path in team.iterdir()] == ["frob.yaml"]


def test_add_without_a_team_folder_says_how_to_name_one(cache: Path, tmp_path: Path) -> None:
    assert "CALI_KNOWLEDGE_DIR" in refusal(kb(cache, "add", entry_file(tmp_path), team=None))


def test_every_command_and_option_has_help() -> None:
    for sub in command.commands.values():
        assert sub.help
        for parameter in sub.params:
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), (
                sub.name,
                parameter.name,
            )
