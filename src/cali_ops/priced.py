"""The two dated files that a cost is computed from: prices, and the volume that is planned for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from math import ceil
from typing import Any

import yaml

from cali.core.errors import Misconfigured

MONTH = 30.4  # days


@dataclass(frozen=True, slots=True)
class ResourcePrices:
    """ResourcePrices by name; some by name and size."""

    version: str
    table: dict[str, Any]

    def of(self, name: str, size: str | None = None) -> float:
        """Return one price. Raise Misconfigured if the file does not have it."""
        try:
            price = self.table[name] if size is None else self.table[name][size]
            return float(price)
        except (KeyError, TypeError, ValueError) as error:
            said = name if size is None else f"{name} of {size}"
            raise Misconfigured(f"{self.version}: has no price {said}; add it") from error


@dataclass(frozen=True, slots=True)
class Volume:
    """The planned volume of a day, and the other drivers of cost."""

    gb: float
    bytes_per_line: int
    assumed: dict[str, Any]

    @property
    def lines(self) -> float:
        """Return the number of lines per day."""
        return self.gb * 1e9 / self.bytes_per_line

    @property
    def shards(self) -> int:
        """Shards that take the busiest second: each 1 MB or 1,000 records of it."""
        peak = self.assumed["lines"]["peak"] / 86400
        return int(max(1, ceil(self.gb * 1e3 * peak), ceil(self.lines / 1e3 * peak)))

    @property
    def index_gb(self) -> float:
        """Disk that OpenSearch needs for the days it keeps."""
        search = self.assumed["search"]
        return float(self.gb * search["days"] * search["index_per_raw"] / search["fill"])

    @property
    def nodes(self) -> int:
        """Nodes that hold state."""
        steps = sorted(self.assumed["cluster"]["nodes_for_gb"].items())
        return int(next((nodes for gb, nodes in steps if self.gb <= gb), steps[-1][1]))

    def times(self, factor: float) -> Volume:
        """The same day with so many times the lines."""
        return replace(self, gb=self.gb * factor)


def load_prices(version: str = "2026-11-20") -> ResourcePrices:
    """The price file of a version."""
    data = _load(f"prices-{version}.yaml")
    return ResourcePrices(data["version"], data["prices"])


def load_volume(version: str = "2026-11-20", gb: float | None = None) -> Volume:
    """The volume file of a version, for another number of GB a day if one is given."""
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
