"""The dated files of prices and of the planned volume, from which a cost is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from math import ceil
from typing import Any

import yaml

from cali.core.errors import Misconfigured

MONTH = 30.4  # days per month


@dataclass(frozen=True, slots=True)
class ResourcePrices:
    """Prices by name, some by name and size."""

    version: str
    table: dict[str, Any]

    def of(self, name: str, size: str | None = None) -> float:
        """Return one price. Raise Misconfigured if the file does not contain it."""
        try:
            price = self.table[name] if size is None else self.table[name][size]
            return float(price)
        except (KeyError, TypeError, ValueError) as error:
            said = name if size is None else f"{name} of {size}"
            raise Misconfigured(f"{self.version}: has no price {said}; add it") from error


@dataclass(frozen=True, slots=True)
class Volume:
    """The planned volume of a day, and the other cost drivers."""

    gb: float
    bytes_per_line: int
    assumed: dict[str, Any]

    @property
    def lines(self) -> float:
        """Return the number of lines per day."""
        return self.gb * 1e9 / self.bytes_per_line

    @property
    def shards(self) -> int:
        """Return the shards for the peak: each accepts 1 MB or 1,000 records per second."""
        peak = self.assumed["lines"]["peak"] / 86400
        return int(max(1, ceil(self.gb * 1e3 * peak), ceil(self.lines / 1e3 * peak)))

    @property
    def index_gb(self) -> float:
        """Return the disk space in GB of the index over its retention."""
        search = self.assumed["search"]
        return float(self.gb * search["days"] * search["index_per_raw"] / search["fill"])

    @property
    def nodes(self) -> int:
        """Return the number of data nodes."""
        steps = sorted(self.assumed["cluster"]["nodes_for_gb"].items())
        return int(next((nodes for gb, nodes in steps if self.gb <= gb), steps[-1][1]))

    def times(self, factor: float) -> Volume:
        """Return the same day with a multiple of the lines."""
        return replace(self, gb=self.gb * factor)


def load_prices(version: str = "2026-11-20") -> ResourcePrices:
    """Load the price file of a version."""
    data = _load(f"prices-{version}.yaml")
    return ResourcePrices(data["version"], data["prices"])


def load_volume(version: str = "2026-11-20", gb: float | None = None) -> Volume:
    """Load the volume file of a version. `gb` replaces the number of GB per day."""
    data = _load(f"volume-{version}.yaml")
    lines = data["lines"]
    return Volume(lines["gb_per_day"] if gb is None else gb, lines["bytes_per_line"], data)


def _load(name: str) -> dict[str, Any]:
    try:
        text = resources.files("cali_ops").joinpath(name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Misconfigured(f"{name}: there is no such file beside cali_ops") from error
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
