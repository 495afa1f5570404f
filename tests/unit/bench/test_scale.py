"""The figures in docs/scale.md are those of the script, and they grow as the formulas state."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from cali_ops.scale import SHARDS, hot, lag, load, rows, table

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"


def test_the_table_in_the_page_is_what_the_script_prints() -> None:
    page = PAGE.read_text("utf-8")

    assert "\n".join(table(rows(load()))) in page, "run `python -m cali_ops.scale` and put its table into docs/scale.md"  # fmt: skip


def test_every_input_says_where_it_is_from() -> None:
    assert all(line.split("   ")[1].startswith(("assumed", "measured", "published", "python -m", "make prove", "src/", ".chalice")) for line in load().lines())  # fmt: skip


def test_cost_grows_no_faster_than_shards() -> None:
    found = rows(load())

    for small, large in pairwise(found):
        grown = sum(large.dollars.values()) / sum(small.dollars.values())
        assert grown <= large.shards / small.shards * 1.01
    assert [one.shards for one in found] == list(SHARDS)


def test_writers_of_one_incident_get_in_each_others_way_only_when_they_are_many() -> None:
    inputs = load()

    alone, many = hot(inputs, 1, 1.0), hot(inputs, 1_000, 1.0)

    assert alone.gave_up == 0
    assert alone.tries == 1.0
    assert many.gave_up > 0.1
    assert many.writes <= 1 / inputs.of("aws", "dynamodb_seconds")  # no faster than one read and one write
    assert hot(inputs, 1_000, 10.0).gave_up < many.gave_up


def test_the_same_seed_gives_the_same_lag() -> None:
    assert lag(load(), seed=3) == lag(load(), seed=3)
