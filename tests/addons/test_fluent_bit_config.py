"""The two files of Fluent Bit: the rules of their format, and the settings that CALI needs."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali.usecases.checkpoint import record_mark
from tests.addons.fluent_bit_rules import RULES, START, read

FOLDER = Path(__file__).parents[2] / "eks_addons" / "fluent_bit"
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "fluent-bit.yaml").read_text("utf-8"))
SERVICE, PIPELINE = CONFIG["service"], CONFIG["pipeline"]
(TAIL,), FILTERS, (OUTPUT,) = PIPELINE["inputs"], PIPELINE["filters"], PIPELINE["outputs"]
(MULTILINE,) = TAIL["processors"]["logs"]
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))


def size(text: str) -> int:
    return int(text[:-1]) * {"K": 1024, "M": 1024**2, "G": 1024**3}[text[-1]]


# ---------------------------------------------------------------- Rules of the format


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('Rule "line" "/^ /" "line"\n    Rule "start_state" "/./" "line"', "don't contain a 'start_state'"),
        ('Rule "start_state" "/./" "line"', "to_state='line' is not registered"),
        ('Rule "start_state" /./ "line"', "three quoted parts"),
        ('Rule "start_state,line" "/./" "line"', "sends its events twice"),
    ],
)
def test_rules_that_fluent_bit_refuses_or_sends_twice_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(f"    {text}")


def test_every_line_begins_an_event_or_continues_one() -> None:
    starts = [rule for rule in RULES if START in rule.before]
    assert RULES[: len(starts)] == starts
    assert starts[-1].pattern.search("any line at all")


def test_only_the_name_of_our_parser_and_of_built_in_ones_is_used() -> None:
    defined = re.findall(r"^    Name +(\w+)$", (FOLDER / "parsers.conf").read_text("utf-8"), re.MULTILINE)
    assert [MULTILINE["multiline.parser"]] == defined
    assert TAIL["multiline.parser"] == "docker, cri"


# ---------------------------------------------------------------- Nothing is lost in silence


def test_events_are_joined_by_a_processor_because_the_filter_drops_what_its_emitter_refuses() -> None:
    assert MULTILINE["name"] == "multiline"
    assert [each["name"] for each in FILTERS] == ["kubernetes", "record_modifier"]


def test_a_line_fits_into_the_joiner_and_an_event_into_a_record_of_kinesis() -> None:
    # A first line above the joiner's limit would lose its stream and its time. Kinesis accepts 1 MB, and quotes
    # double their size in JSON.
    assert size(TAIL["buffer_max_size"]) <= size(SERVICE["multiline_buffer_limit"]) <= 1024**2 // 2
    assert TAIL["truncate_long_lines"] is True
    assert SERVICE["json.escape_unicode"] is False


def test_waiting_records_are_on_disk_and_bounded() -> None:
    assert TAIL["storage.type"] == "filesystem"
    assert OUTPUT["retry_limit"] == "no_limits"
    assert size(OUTPUT["storage.total_limit_size"]) == 2 * 1024**3
    writable = [each["mountPath"] for each in VALUES["daemonSetVolumeMounts"] if not each.get("readOnly")]
    for path in (SERVICE["storage.path"], TAIL["db"]):
        assert any(path.startswith(f"{folder}/") for folder in writable)


def test_chunks_in_memory_fit_into_the_limit_of_the_pod() -> None:
    mebibytes = SERVICE["storage.max_chunks_up"] * 2 + size(SERVICE["storage.backlog.mem_limit"]) // 1024**2
    assert mebibytes + 128 < int(VALUES["resources"]["limits"]["memory"].removesuffix("Mi"))


def test_a_stopping_pod_has_the_time_that_the_engine_takes() -> None:
    assert VALUES["terminationGracePeriodSeconds"] > SERVICE["grace"]


# ---------------------------------------------------------------- Which lines are read, and how they are sent


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
    path = f"/var/log/containers/{file}"
    assert fnmatch.fnmatchcase(path, TAIL["path"])
    excluded = any(fnmatch.fnmatchcase(path, pattern) for pattern in TAIL["exclude_path"].split(","))
    assert excluded is not read_


def test_records_pass_every_filter_and_the_output() -> None:
    tag = TAIL["tag"].replace("*", "var.log.containers.a_b_c-0.log")
    assert all(fnmatch.fnmatchcase(tag, each["match"]) for each in [*FILTERS, OUTPUT])
    assert tag.startswith(FILTERS[0]["kube_tag_prefix"])


def test_cali_reads_what_the_application_wrote() -> None:
    assert FILTERS[0]["merge_log"] is False
    assert FILTERS[0]["k8s-logging.parser"] is False
    assert OUTPUT["time_key"] == "@timestamp"


def test_a_copy_of_a_record_can_be_told_from_another_line_with_its_text() -> None:
    stamp = OUTPUT["time_key_format"].replace("%9N", "123456789")
    stamp = "2026-11-30T15:38:06" + stamp.removeprefix("%Y-%m-%dT%H:%M:%S")
    record = f'{{"stream":"stdout","log":"ERROR","kubernetes":{{}},"@timestamp":"{stamp}"}}'.encode()

    assert record_mark(record)
    assert record_mark(record) != record_mark(record.replace(b"789Z", b"790Z"))
