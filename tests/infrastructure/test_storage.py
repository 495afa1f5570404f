"""The log bucket in the state of the whole root."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali_ops.cost import Resource


def of(resources: Sequence[Resource], type_: str, module: str = "module.logs") -> dict[str, Any]:
    (found,) = (one for one in resources if one.type == type_ and one.address.startswith(f"{module}."))
    return found.values


def test_what_ages_ages_as_designed(resources):
    rules = {rule["id"]: rule for rule in of(resources, "aws_s3_bucket_lifecycle_configuration")["rule"]}
    for name, prefix in (
        ("raw", "raw/"),
        ("new-errors", "new_errors/"),
        ("firehose-failed", "firehose-failed/"),
        ("quarantine", "quarantine/"),
    ):
        rule = rules[name]
        assert rule["filter"][0]["prefix"] == prefix
        assert {one["storage_class"]: one["days"] for one in rule["transition"]} == {
            "STANDARD_IA": 30,
            "GLACIER": 90,
        }
        assert rule["expiration"][0]["days"] == 365


def test_what_functions_load_never_ages(resources):
    for rule in of(resources, "aws_s3_bucket_lifecycle_configuration")["rule"]:
        prefix = rule["filter"][0]["prefix"]
        if rule["expiration"] or rule["transition"]:
            assert not any(
                key.startswith(prefix)
                for key in ("releases/current.json", "config/alerts.yaml", "learning/collections.json")
            )


def test_both_buckets_are_hardened(resources):
    for module in ("module.logs", "module.access_logs"):
        assert (
            of(resources, "aws_s3_bucket_versioning", module)["versioning_configuration"][0]["status"]
            == "Enabled"
        )
        assert all(
            of(resources, "aws_s3_bucket_public_access_block", module)[name]
            for name in (
                "block_public_acls",
                "block_public_policy",
                "ignore_public_acls",
                "restrict_public_buckets",
            )
        )
        first, *_ = json.loads(of(resources, "aws_s3_bucket_policy", module)["policy"])["Statement"]
        assert (first["Effect"], first["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_reads_of_the_log_bucket_are_logged(resources):
    assert of(resources, "aws_s3_bucket_logging")["target_prefix"] == "s3/cali-logs-111122223333/"


def test_the_log_bucket_announces_its_objects(resources):
    (notification,) = (one.values for one in resources if one.type == "aws_s3_bucket_notification")
    assert notification["eventbridge"] is True


def test_data_survives_a_destroy(resources):
    assert of(resources, "aws_s3_bucket")["force_destroy"] is False


def test_the_table_is_the_one_that_the_functions_use(resources):
    from cali.adapters.aws.dynamodb_incidents import EXPIRES, TABLE

    # Given Terraform's table, in the terms of the API
    (table,) = (one.values for one in resources if one.type == "aws_dynamodb_table")
    made = {
        "AttributeDefinitions": [
            {"AttributeName": one["name"], "AttributeType": one["type"]} for one in table["attribute"]
        ],
        "KeySchema": [{"AttributeName": table["hash_key"], "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": one["name"],
                "KeySchema": [
                    {"AttributeName": one["hash_key"], "KeyType": "HASH"},
                    {"AttributeName": one["range_key"], "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": one["projection_type"]},
            }
            for one in table["global_secondary_index"]
        ],
        "BillingMode": table["billing_mode"],
    }

    # Then it is the table that the adapter was tested with
    def by_name(definition: dict[str, Any]) -> dict[str, Any]:
        return {
            **definition,
            "AttributeDefinitions": sorted(
                definition["AttributeDefinitions"], key=lambda one: one["AttributeName"]
            ),
        }

    assert by_name(made) == by_name(dict(TABLE))
    assert table["ttl"][0]["attribute_name"] == EXPIRES
