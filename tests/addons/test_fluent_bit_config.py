"""The two files of Fluent Bit hold sections, options and values that Fluent Bit knows, and what CALI needs of them."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path

import pytest

from tests.addons.fluent_bit_format import Section, read, rules
from tests.addons.fluent_bit_options import BUILT_IN, PARSERS, PLUGINS, SERVICE, Options

FOLDER = Path(__file__).parents[2] / "eks_addons" / "fluent_bit"
CONFIG = read((FOLDER / "fluent-bit.conf").read_text())
PARSER_SECTIONS = read((FOLDER / "parsers.conf").read_text())


def _options(section: Section) -> Options:
    if section.name == "SERVICE":
        return SERVICE
    if section.name in PARSERS:
        return PARSERS[section.name]
    return PLUGINS[section.name, section["name"]]


def _one(name: str, plugin: str) -> Section:
    (found,) = (each for each in CONFIG if each.name == name and each["name"] == plugin)
    return found


def problems(sections: list[Section]) -> list[str]:
    """Every option that Fluent Bit does not know, and every value that it cannot read."""
    found = []
    for section in sections:
        known = _options(section)
        for key, value in section.entries:
            if key not in known:
                found.append(f"{section.name}: no option {key}")
            elif not known[key](value) and "${" not in value:
                found.append(f"{section.name}: {key} cannot be {value!r}")
    return found


def test_every_option_and_value_is_known() -> None:
    assert problems([*CONFIG, *PARSER_SECTIONS]) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[SERVICE]\n    Flushes 1\n",
            "SERVICE: no option flushes",
        ),
        ("[SERVICE]\n    Flush soon\n", "SERVICE: flush cannot be 'soon'"),
        (
            "[OUTPUT]\n    Name kinesis_streams\n    partition_key pod\n",
            "OUTPUT: no option partition_key",
        ),
        (
            "[OUTPUT]\n    Name kinesis_streams\n    compression lz4\n",
            "OUTPUT: compression cannot be 'lz4'",
        ),
        ("[INPUT]\n    Name tail\n    DB tail.db\n", "INPUT: db cannot be 'tail.db'"),
    ],
)
def test_what_fluent_bit_would_refuse_is_found(text: str, problem: str) -> None:
    assert problems(read(text)) == [problem]


@pytest.mark.parametrize(
    "text", ["Flush 1\n", "[SERVICE]\nFlush 1\n", "[SERVICE]\n  Flush 1\n", "[SERVICE]\n    Flush\n"]
)
def test_a_line_out_of_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        read(text)


def test_every_multiline_parser_exists() -> None:
    defined = BUILT_IN | {each["name"] for each in PARSER_SECTIONS if each.name == "MULTILINE_PARSER"}
    named = {
        name.strip() for each in CONFIG for value in each.all("multiline.parser") for name in value.split(",")
    }
    assert named <= defined
    assert defined - BUILT_IN <= named


def test_every_state_can_be_reached_and_left() -> None:
    (parser,) = PARSER_SECTIONS
    table = rules(parser)
    entered = {rule.after for rule in table}
    left = {state for rule in table for state in rule.before}
    assert entered | {"start_state"} == left
    assert table[-1].before == ("start_state",)
    assert table[-1].pattern.search("any line at all")


def test_records_keep_their_way() -> None:
    tag = _one("INPUT", "tail")["tag"]
    example = tag.replace("*", "var.log.containers.a_b_c-0.log")
    for section in CONFIG:
        for match in section.all("match"):
            assert fnmatch.fnmatchcase(example, match)
    assert example.startswith(_one("FILTER", "kubernetes")["kube_tag_prefix"])


def test_lines_are_joined_before_anything_else_happens_to_them() -> None:
    order = [each["name"] for each in CONFIG if each.name == "FILTER"]
    assert order == ["multiline", "kubernetes", "record_modifier"]


def test_what_waits_is_on_disk_and_bounded() -> None:
    service = next(each for each in CONFIG if each.name == "SERVICE")
    assert service["storage.path"].startswith("/var/lib/cali-fluent-bit/")
    assert _one("INPUT", "tail")["db"].startswith("/var/lib/cali-fluent-bit/")
    assert _one("INPUT", "tail")["storage.type"] == "filesystem"
    assert _one("FILTER", "multiline")["emitter_storage.type"] == "filesystem"
    output = _one("OUTPUT", "kinesis_streams")
    assert output["retry_limit"] == "no_limits"
    assert output["storage.total_limit_size"]


@pytest.mark.parametrize(
    ("file", "read_"),
    [
        ("orders-7d9f8b6c5d-x2k4p_shop_orders-0a1b.log", True),
        ("coredns-6f6b679f8f-abcde_kube-system_coredns-0a1b.log", True),
        ("loggen-5c8d7f9b6d-q8z7x_cali_generator-0a1b.log", True),
        ("fluent-bit-x2k4p_logging_fluent-bit-0a1b.log", False),
        ("milvus-standalone-0_milvus_standalone-0a1b.log", False),
        ("airflow-scheduler-0_airflow_scheduler-0a1b.log", False),
        ("grafana-7d9f8b6c5d-x2k4p_monitoring_grafana-0a1b.log", False),
        ("cluster-autoscaler-aws-7d9f8b6c5d-x2k4p_kube-system_aws-cluster-autoscaler-0a1b.log", False),
    ],
)
def test_its_own_lines_and_those_of_the_addons_are_not_read(file: str, read_: bool) -> None:
    left_out = _one("INPUT", "tail")["exclude_path"].split(",")
    path = f"/var/log/containers/{file}"
    assert fnmatch.fnmatchcase(path, _one("INPUT", "tail")["path"])
    assert any(fnmatch.fnmatchcase(path, pattern) for pattern in left_out) is not read_


def test_the_way_to_try_it_without_a_cluster_leaves_nothing_that_needs_one(tmp_path: Path) -> None:
    # Given the commands of the readme, but for the program itself
    readme = (FOLDER / "README.md").read_text("utf-8")
    shown = next(block for block in readme.split("```") if "mkdir" in block)
    script = shown.replace("/tmp/try", str(tmp_path)).rsplit("fluent-bit -c", 1)[0]  # noqa: S108 - the readme's
    script = script.replace("kube.tmp.try", f"kube{str(tmp_path).replace('/', '.')}")
    subprocess.run(["/bin/sh", "-ec", script], cwd=FOLDER.parents[1], check=True)

    # Then what they make is as good a configuration, of all but the input's files, the cluster and AWS
    made = read((tmp_path / "fluent-bit.conf").read_text())
    assert problems(made) == []
    assert [each.name for each in made] == [each.name for each in CONFIG]
    assert made[-1]["name"] == "stdout"
    assert "${" not in (tmp_path / "fluent-bit.conf").read_text()
    for section in made:
        for key, value in section.entries:
            if key in ("path", "db", "storage.path"):
                assert value.startswith(f"{tmp_path}/")
    pods = made[[each.all("name") for each in made].index(["kubernetes"])]
    assert pods["dummy_meta"] == "On"
    assert pods["kube_tag_prefix"] == "kube" + made[1]["path"].replace("/", ".").removesuffix("*.log")
    assert (tmp_path / "parsers.conf").read_text() == (FOLDER / "parsers.conf").read_text()
