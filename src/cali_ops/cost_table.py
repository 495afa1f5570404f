"""Formatter of the cost of a plan as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cali_ops.cost import CostLine, Resource, lines, search_tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali_ops.priced import ResourcePrices, Volume

FACTORS = (1, 10, 100)


def table(resources: Sequence[Resource], volume: Volume, prices: ResourcePrices, model_dollars: float) -> str:
    """Return dollars per day for each kind of resource at 1, 10 and 100 times the volume, most expensive first, and
    the settings to change."""
    volumes = [volume.times(factor) for factor in FACTORS]
    days = [lines(resources, one, prices, model_dollars) for one in volumes]
    first = days[0]
    by_name = [{(line.what, line.driver): line.dollars for line in day} for day in days]
    heads = ("dollars a day", *(f"{one.gb:,.4g} GB/day" for one in volumes), "driven by")
    rows = [
        (line.what, *(f"{day.get((line.what, line.driver), 0.0):,.2f}" for day in by_name), line.driver)
        for line in first
    ]
    rows.append(("In all", *(f"{total(day):,.2f}" for day in days), ""))
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    text = [
        _row(heads, widths),
        _row(tuple("-" * width for width in widths), widths),
        *(_row(row, widths) for row in rows),
    ]
    return "\n".join(
        [
            *text,
            "",
            *_changes(resources, volumes),
            f"ResourcePrices: {prices.version}, list prices without tax or discounts.",
        ]
    )


def total(day: Sequence[CostLine]) -> float:
    """Return the total in dollars per day."""
    return sum(line.dollars for line in day)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    padded = (
        cell.ljust(width) if column in (0, last) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()


def _changes(resources: Sequence[Resource], volumes: Sequence[Volume]) -> list[str]:
    """Return the settings that must change at each volume."""
    domain = next((one.values for one in resources if one.type == "aws_opensearch_domain"), None)
    said = []
    for volume in volumes[1:]:
        kind, count = search_tier(volume)
        enough = (
            domain is None
            or volume.index_gb
            <= domain["ebs_options"][0]["volume_size"] * domain["cluster_config"][0]["instance_count"]
        )
        search = (
            "OpenSearch as it is"
            if enough
            else f"OpenSearch {count} x {kind} with {volume.index_gb:,.0f} GB in all"
        )
        said.append(
            f"At {volume.gb:,.4g} GB/day: stream_shards = {volume.shards}, {search}, {volume.nodes} nodes."
        )
    return said
