"""The daily cost, from the plan, the dated prices and the dated volume."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cali.core.errors import Misconfigured
from cali_ops import cost_table
from cali_ops.command import group
from cali_ops.cost import Resource, lines, resources_in, search_tier
from cali_ops.priced import ResourcePrices, Volume, load_prices, load_volume
from tests.infrastructure.conftest import ROOT

MODEL = 5.0


def stream(**values: Any) -> Resource:
    provisioned = {
        "stream_mode_details": [{"stream_mode": "PROVISIONED"}],
        "shard_count": 1,
        "retention_period": 24,
    }
    return Resource("aws_kinesis_stream.logs", "aws_kinesis_stream", provisioned | values)


def priced(resource: Resource, volume: Volume, what: str) -> float:
    return sum(line.dollars for line in lines([resource], volume, load_prices(), MODEL) if line.what == what)


def test_the_default_set_up_costs_less_than_fifty_dollars_a_day(planned):
    # Given the plan with its defaults
    day = lines(resources_in(planned), load_volume(), load_prices(), MODEL)

    # Then the total, with the whole budget of the model, is below the limit, and no large resource is missing
    assert 10 < cost_table.total(day) < 50
    assert {"EKS control plane", "Nodes", "NAT gateway", "OpenSearch nodes", "Log stream", "The model"} <= {
        line.what for line in day[:9]
    }


def test_the_dearest_comes_first_and_names_its_driver(planned):
    day = lines(resources_in(planned), load_volume(), load_prices(), MODEL)
    assert [line.dollars for line in day] == sorted((line.dollars for line in day), reverse=True)
    assert all(line.driver for line in day)


def test_everything_switched_on_is_priced_too(everything):
    assert cost_table.total(lines(resources_in(everything), load_volume(), load_prices(), MODEL)) > 0


def test_a_type_without_a_price_is_refused():
    with pytest.raises(Misconfigured, match="aws_sagemaker_endpoint"):
        lines(
            [Resource("aws_sagemaker_endpoint.x", "aws_sagemaker_endpoint", {})],
            load_volume(),
            load_prices(),
            MODEL,
        )


def test_a_missing_price_is_named():
    with pytest.raises(Misconfigured, match=r"prices-x: has no price ec2.hour of z9.huge"):
        ResourcePrices("prices-x", {"ec2.hour": {}}).of("ec2.hour", "z9.huge")


def test_shards_follow_the_busiest_second():
    # Given 1 MB and 1,000 records a second per shard, and lines of 600 bytes, with peaks of ten times the average
    day = load_volume()

    # Then records, not bytes, determine the shards
    assert (day.shards, day.times(10).shards, day.times(100).shards) == (1, 2, 20)


def test_a_shard_costs_its_hours():
    hour = load_prices().of("kinesis.shard_hour")
    assert priced(stream(), load_volume(), "Log stream") == pytest.approx(24 * hour)
    assert priced(stream(shard_count=3), load_volume(), "Log stream") == pytest.approx(72 * hour)


def test_on_demand_is_paid_by_bytes():
    mode = stream(stream_mode_details=[{"stream_mode": "ON_DEMAND"}], shard_count=None)
    day = load_volume()
    more = priced(mode, day.times(10), "Log stream") - priced(mode, day, "Log stream")
    assert more == pytest.approx(9 * (0.098 + 3 * 0.049))


def test_firehose_counts_each_line_as_five_kilobytes():
    raw = Resource(
        "aws_kinesis_firehose_delivery_stream.raw",
        "aws_kinesis_firehose_delivery_stream",
        {"destination": "extended_s3"},
    )
    day = load_volume()
    assert priced(raw, day, "Firehose to S3") == pytest.approx(day.lines * 5e3 / 1e9 * 0.036)


def test_search_grows_by_what_it_keeps():
    day = load_volume()
    assert [search_tier(day.times(factor))[0] for factor in (1, 10, 100)] == [
        "t3.small.search",
        "r7g.large.search",
        "r7g.xlarge.search",
    ]
    kind, count = search_tier(day.times(1000))
    assert (kind, count > 3) == ("r7g.xlarge.search", True)


def test_more_lines_never_cost_less(planned):
    resources = resources_in(planned)
    totals = [
        cost_table.total(lines(resources, load_volume().times(factor), load_prices(), MODEL))
        for factor in (1, 3, 10, 30, 100)
    ]
    assert totals == sorted(totals)


def test_the_table_says_what_changes(planned):
    text = cost_table.table(resources_in(planned), load_volume(), load_prices(), MODEL)
    assert "1 GB/day" in text
    assert "In all" in text
    assert "At 10 GB/day: stream_shards = 2, OpenSearch 2 x r7g.large.search" in text
    assert "prices-2026-11-20" in text


def test_the_command_prices_a_given_plan(planned, tmp_path):
    # Given a plan as `terraform show -json` prints it
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"planned_values": planned}))

    # When it is priced for another volume
    said = CliRunner().invoke(
        group, ["--folder", str(ROOT), "cost", "--plan", str(file), "--gb-per-day", "4"]
    )

    # Then the table is for that volume
    assert said.exit_code == 0
    assert "4 GB/day" in said.output
    assert "400 GB/day" in said.output


def test_a_plan_that_is_none_is_refused(tmp_path):
    file = tmp_path / "plan.json"
    file.write_text("{}")
    said = CliRunner().invoke(group, ["--folder", str(ROOT), "cost", "--plan", str(file)])
    assert isinstance(said.exception, Misconfigured)
    assert "terraform show -json" in str(said.exception)
