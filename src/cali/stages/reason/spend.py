"""The cost of the model: calls, tokens, and dollars from a dated price table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

LATEST = "prices-2026-11-20"
MILLION = 1_000_000
SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")  # the release date in a model's name


class Price(NamedTuple):
    """Dollars per million tokens."""

    tokens_in: float
    tokens_out: float


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """A dated price table. An unknown model costs no dollars; `knows` returns False for it."""

    version: str
    models: Mapping[str, Price]

    def knows(self, model: str) -> bool:
        return self._price(model) is not None

    def dollars(self, model: str, tokens_in: int, tokens_out: int) -> float:
        price = self._price(model)
        return (price.tokens_in * tokens_in + price.tokens_out * tokens_out) / MILLION if price else 0.0

    def _price(self, model: str) -> Price | None:
        return self.models.get(SNAPSHOT.sub("", model))


@cache
def prices(name: str = LATEST) -> ModelPrices:
    """Return the shipped price table of a name."""
    source = files("cali") / "data" / "prompts" / f"{name}.yaml"
    if not source.is_file():
        raise Misconfigured(f"prices {name!r}: no such file in cali/data/prompts")
    try:
        table: Any = yaml.safe_load(source.read_text("utf-8"))
        models = {
            str(model): Price(float(cost[0]), float(cost[1])) for model, cost in table["models"].items()
        }
        return ModelPrices(str(table["version"]), models)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise Misconfigured(
            f"prices {name!r}: not a valid price table: {' '.join(str(error).split())}"
        ) from error


@dataclass(frozen=True, slots=True)
class Spend:
    """The cost of a run. `cached` answers are free. `priced` is false if the model's price is unknown."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    cached: int = 0
    priced: bool = True
    prices: str = ""

    def plus(
        self,
        tokens_in: int = 0,
        tokens_out: int = 0,
        dollars: float = 0.0,
        *,
        calls: int = 0,
        cached: int = 0,
    ) -> Spend:
        return Spend(
            self.calls + calls,
            self.tokens_in + tokens_in,
            self.tokens_out + tokens_out,
            self.dollars + dollars,
            self.cached + cached,
            self.priced,
            self.prices,
        )
