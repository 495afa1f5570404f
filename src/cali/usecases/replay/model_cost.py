"""The cost of a model, estimated without asking it: each question is built and measured, but not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cali.core.ports import Answer, Request
from cali.stages.reason import Breaker, ModelGateway, Runtime, prices
from cali.stages.reason.question import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.usecases.replay.versions import ReplayVersions


class Cost(NamedTuple):
    """The calls to a model, one for each kind of error, and their highest cost: every answer has its maximum length.

    `priced` is false if the model is not in the table of prices.
    """

    model: str = ""
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    priced: bool = True
    prices: str = ""


class Meter:
    """A substitute for a model, its cache and its budget, which counts tokens."""

    def __init__(self, versions: ReplayVersions, redact: Callable[[str], str]) -> None:
        self.name = versions.model
        self._table = prices(versions.prices)
        self._answers: dict[str, str] = {}
        self._tokens_in = self._tokens_out = self._calls = 0
        runtime = Runtime(now=lambda: 0.0, sleep=lambda _: None, chance=lambda: 0.0)
        self.asking = ModelGateway(self, self, self, Breaker(), runtime, self._table, redact)

    def cost(self) -> Cost:
        dollars = self._table.dollars(self.name, self._tokens_in, self._tokens_out)
        return Cost(
            self.name,
            self._calls,
            self._tokens_in,
            self._tokens_out,
            round(dollars, 6),
            self._table.knows(self.name),
            self._table.version,
        )

    # Model: the answer is cut off, so it is never used.
    def explain(self, request: Request) -> Answer:
        asked = tokens_of(request.system) + tokens_of(request.user)
        self._calls += 1
        self._tokens_in += asked
        self._tokens_out += request.max_tokens
        return Answer("", asked, request.max_tokens, finished=False)

    # AnswerCache: a kind of error is asked once.
    def get(self, key: str) -> str | None:
        return self._answers.get(key)

    def put(self, key: str, value: str) -> None:
        self._answers[key] = value

    def claim(self, name: str, now: float, seconds: float) -> bool:  # noqa: ARG002 - part of AnswerCache
        return True

    def release(self, name: str) -> None:
        """Do nothing: there is no other process."""

    # Budget: unlimited, to measure the whole cost.
    def take(self, day: str, dollars: float) -> bool:  # noqa: ARG002 - part of Budget
        return True

    def settle(self, day: str, difference: float) -> None:
        """Do nothing: `cost` counts the tokens."""
