"""Terraform's outputs for Chalice match the settings that the functions read."""

from __future__ import annotations

import re
from pathlib import Path

import cali
from cali.core.event_sources import APP, INCIDENTS, LOGS, SOURCES
from cali.core.settings import Settings, read, variables
from cali_ops.chalice_config import SETTINGS, environment, stage, values
from tests.infrastructure.conftest import ROOT

SOURCE = Path(cali.__file__).parent
# Settings of the functions that nobody sets on AWS, with the reason.
NOT_SET = {
    "CALI_FRESH": "measured: how long a cold start takes",
    "CALI_OPENAI_API_KEY": "of a laptop; functions read the key from the secret",
}
# Settings of the nightly jobs, which take Terraform's `settings` from the add-ons.
JOBS = {
    "github_branch", "github_folder", "github_repository", "learning_approval", "learning_days", "learning_keep_days", "learning_post",
    "learning_wrong",
}  # fmt: skip


def test_chalice_is_configured_from_the_output(everything):
    # When Chalice's configuration is written from Terraform's outputs
    section = stage("dev", values(everything["outputs"]))

    # Then the functions read every variable, and each function has a role of its own
    assert {name for name in section["environment_variables"] if name.startswith("CALI_")} <= set(variables())
    assert section["environment_variables"]["CALI_MILVUS_URI"].endswith(":19530")
    assert section["environment_variables"]["CALI_INCIDENTS_TABLE"] == "cali-incidents"
    assert section["manage_iam_role"] is False


def test_streams_are_the_ones_that_functions_read(everything):
    outputs = everything["outputs"]
    assert outputs["chalice"]["value"]["app_name"] == APP
    assert (outputs["logs_stream"]["value"]["name"], outputs["incidents_stream"]["value"]["name"]) == (
        LOGS,
        INCIDENTS,
    )


def test_every_function_has_a_role_and_a_log_of_its_own(everything, resources):
    roles = everything["outputs"]["chalice"]["value"]["role_arns"]
    assert set(SOURCES) | {"api", "enrich", "sweep"} == set(roles)
    groups = {
        one.values["name"] for one in resources if one.address.startswith("aws_cloudwatch_log_group.function")
    }
    # Chalice names the function behind its routes after app and stage alone
    assert groups == {"/aws/lambda/cali-dev"} | {
        f"/aws/lambda/cali-dev-{name}" for name in roles if name != "api"
    }


def test_batches_given_up_go_where_functions_may_write(resources):
    (rule,) = (one.values for one in resources if one.address == "aws_cloudwatch_event_rule.failed_batch")
    assert '"aws/lambda/"' in rule["event_pattern"]


def test_settings_reach_the_functions(everything):
    # Given a root with settings of its own (everything.tftest.hcl)
    told = environment("dev", values(everything["outputs"]))

    # Then functions read them, by the names of settings.py
    read_by_functions = read(told)
    assert read_by_functions.alert_rules == "config/alerts.yaml"
    assert read_by_functions.slack_channel == "C0123456789"
    assert read_by_functions.console_url == "https://grafana.example.com/d/cali?var-id={id}"
    assert read_by_functions.model == "gpt-5-mini"
    assert read_by_functions.language == "ko"
    assert read_by_functions.dollars_per_day == 5.0


def test_what_is_not_set_has_the_functions_own_default(planned):
    told = environment("dev", values(planned["outputs"]))
    assert not [name for name in SETTINGS if f"CALI_{name.upper()}" in told]


def test_settings_may_be_nothing():
    # Given the number 0, which is a value
    told = environment(
        "dev", {"logs_stream": "a", "incidents_stream": "b", "incidents_table": "c", "bucket": "d", "calls_per_day": 0, "model": ""}
    )  # fmt: skip

    # Then it is passed on, and empty settings are not
    assert told["CALI_CALLS_PER_DAY"] == "0"
    assert "CALI_MODEL" not in told


def test_terraform_takes_the_settings_that_there_are():
    (block,) = re.findall(r"type = object\(\{(.*?)\}\)", (ROOT / "settings.tf").read_text(), re.DOTALL)
    assert set(re.findall(r"^ +(\w+) += optional", block, re.MULTILINE)) == set(SETTINGS) | JOBS
    assert set(SETTINGS) | JOBS <= set(Settings.__slots__)


def test_everything_a_function_reads_can_be_set(everything):
    # Given the settings that the functions' parts read, and those that they require
    text = "".join(
        (SOURCE / "bootstrap" / f"{part}.py").read_text()
        for part in ("alerts", "aws", "reasoner", "release_parts")
    )
    used = {name for name in Settings.__slots__ if re.search(rf"\b(?:wanted|settings)\.{name}\b", text)}
    needed = {
        name for call in re.findall(r"\.need\(([^)]*)\)", text) for name in re.findall(r'"(\w+)"', call)
    }
    told = environment("dev", values(everything["outputs"]))

    # Then the required ones are set, and the others can be
    assert {f"CALI_{name.upper()}" for name in needed} <= set(told)
    settable = set(told) | {f"CALI_{name.upper()}" for name in SETTINGS}
    assert {f"CALI_{name.upper()}" for name in used | needed} - settable == set(NOT_SET)


def test_each_secret_that_code_reads_is_an_entry(everything):
    # Given the secrets that settings name
    named = {name.removesuffix("_secret") for name in Settings.__slots__ if name.endswith("_secret")}

    # Then each has an entry; the other entries belong to the add-ons and OpenSearch
    entries = set(everything["outputs"]["secrets"]["value"])
    assert named <= entries
    assert entries - named == {"airflow", "grafana", "opensearch"}


def test_the_alerts_entry_is_described_with_every_key(resources):
    # Given the keys that sinks read from the one secret of all alerts
    adapters = "".join(
        path.read_text() for kind in ("sinks", "slack") for path in (SOURCE / "adapters" / kind).glob("*.py")
    )
    keys = set(re.findall(r'options\.get\("(?:url_)?secret", "(\w+)"\)', adapters)) | {"signing_secret"}
    assert len(keys) >= 6

    # Then the guide names them all
    guide = (ROOT.parent / "docs" / "deploy.md").read_text()
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []
