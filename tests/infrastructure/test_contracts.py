"""What the root hands to Chalice is what the functions read."""

from __future__ import annotations

from cali.ops.chalice_config import stage, values
from cali.ops.event_sources import APP, INCIDENTS, LOGS, SOURCES
from cali.settings import variables


def test_chalice_is_configured_from_the_output(everything):
    # When Chalice's configuration is written from what Terraform gives out
    section = stage("dev", values(everything["outputs"]))

    # Then every variable is one that functions read, and each function has a role of its own
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
