"""The model gateway: at most one model call per key, and a reason if there is no answer.

    key -> cache? -> claimed by another? -> budget? -> breaker? -> model (with retries) -> read -> cache

Threads with the same key wait for the first one. Processes that share a cache coordinate by claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from cali.core.errors import CaliError, Misconfigured, Poison, Retryable
from cali.stages.reason.cached_answer import ParsedAnswer, dumped, loaded
from cali.stages.reason.limits import Breaker, Retries, pause
from cali.stages.reason.question import tokens_of
from cali.stages.reason.spend import ModelPrices, Spend

if TYPE_CHECKING:
    from cali.core.ports import Answer, AnswerCache, Budget, Model, Request

LOCKS = 64
CLAIMED = 180.0  # seconds after which a claim expires, in case its process died
PATIENCE = 10.0  # maximum seconds to wait for another process
STEP = 0.25
HOPELESS = 300.0  # seconds without calls after a permanent error
MOST_ASKED = 300.0  # maximum pause in seconds that a server can request


@dataclass(frozen=True, slots=True)
class Runtime:
    """The clock and the random numbers. `now` returns seconds since the epoch, `chance` a number between 0 and 1."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]

    def today(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).date().isoformat()


class NoAnswerError(CaliError):
    """The model was not called or did not answer. The message is shown to people."""


class ModelGateway:
    """A model with its cache, budget, circuit breaker and retries. Thread-safe."""

    def __init__(
        self,
        model: Model,
        cache: AnswerCache,
        budget: Budget,
        breaker: Breaker,
        runtime: Runtime,
        prices: ModelPrices,
        redact: Callable[[str], str],
        retries: Retries | None = None,
    ) -> None:
        self._model = model
        self._cache = cache
        self._budget = budget
        self._breaker = breaker
        self._runtime = runtime
        self._prices = prices
        self._redact = redact
        self._retries = retries or Retries()
        self._flights = tuple(Lock() for _ in range(LOCKS))
        self._lock = Lock()
        self._spend = Spend(priced=prices.knows(model.name), prices=prices.version)

    @property
    def spend(self) -> Spend:
        with self._lock:
            return self._spend

    def explained(self, key: str, request: Request, read: Callable[[Answer], ParsedAnswer]) -> ParsedAnswer:
        """Return the cached or new answer to a request. Raise NoAnswerError if there is none.

        An invalid answer is cached as refused until the next day.
        """
        with self._flights[hash(key) % LOCKS]:
            kept = self._kept(key) or self._claimed(key)
            if kept:
                return kept
            try:
                parsed = self._asked(request, read)
                self._cache.put(key, dumped(parsed))
            finally:
                self._cache.release(key)
            return parsed

    def _kept(self, key: str) -> ParsedAnswer | None:
        text = self._cache.get(key)
        parsed = loaded(text) if text else None
        if parsed is None or (parsed.refused and parsed.day != self._runtime.today()):
            return None
        self._count(cached=1)
        return parsed

    def _claimed(self, key: str) -> ParsedAnswer | None:
        """Return None if this process holds the claim, else the answer that another process cached."""
        waited = 0.0
        while not self._cache.claim(key, self._runtime.now(), CLAIMED):
            if waited >= PATIENCE:
                raise NoAnswerError("another process is asking the model for this error")
            self._runtime.sleep(STEP)
            waited += STEP
            kept = self._kept(key)
            if kept:
                return kept
        return None

    def _asked(self, request: Request, read: Callable[[Answer], ParsedAnswer]) -> ParsedAnswer:
        if self._redact(request.user) != request.user or self._redact(request.system) != request.system:
            raise NoAnswerError("not sent to the model: the request contains text that must be redacted")
        day = self._runtime.today()
        answer = self._called(request, day)
        try:
            parsed = self._redacted(read(answer))
        except Poison as unreadable:
            return ParsedAnswer(refused=str(unreadable), day=day)
        return replace(parsed, day=day)

    def _called(self, request: Request, day: str) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(request, day)
            except Retryable as failure:
                wait = pause(self._retries, attempt, self._runtime.chance(), failure.after)
                if wait is None:
                    raise NoAnswerError(f"the model is unavailable: {failure}") from failure
            self._runtime.sleep(wait)

    def _once(self, request: Request, day: str) -> Answer:
        booked = self._prices.dollars(self._model.name, _tokens(request), request.max_tokens)
        if not self._breaker.allows(self._runtime.now()):
            raise NoAnswerError("the model is unavailable: it failed several times, and calls are paused")
        if not self._budget.take(day, booked):
            self._breaker.gave_up()
            raise NoAnswerError("the model's budget for today is exhausted")
        self._count(calls=1)
        try:
            answer = self._model.explain(request)
        except Retryable as failure:
            asked = failure.after or 0.0
            self._breaker.failed(
                self._runtime.now(), min(asked, MOST_ASKED) if asked > self._retries.longest else 0.0
            )
            raise
        except Poison as unreadable:
            self._breaker.failed(self._runtime.now())
            raise NoAnswerError(f"the model's server cannot be understood: {unreadable}") from unreadable
        except Misconfigured as refusal:
            self._breaker.failed(self._runtime.now(), HOPELESS)
            raise NoAnswerError(f"the model rejects the call: {refusal}") from refusal
        except BaseException:
            self._breaker.failed(self._runtime.now())
            raise
        self._breaker.succeeded()
        spent = self._prices.dollars(self._model.name, answer.tokens_in, answer.tokens_out)
        self._budget.settle(day, spent - booked)
        self._count(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out, dollars=spent)
        return answer

    def _redacted(self, parsed: ParsedAnswer) -> ParsedAnswer:
        redact = self._redact
        return replace(
            parsed,
            cause=redact(parsed.cause),
            fix=tuple(map(redact, parsed.fix)),
            cited=tuple(map(redact, parsed.cited)),
            forged=tuple(map(redact, parsed.forged)),
            category=redact(parsed.category),
        )

    def _count(
        self,
        *,
        calls: int = 0,
        cached: int = 0,
        tokens_in: int = 0,
        tokens_out: int = 0,
        dollars: float = 0.0,
    ) -> None:
        with self._lock:
            self._spend = self._spend.plus(tokens_in, tokens_out, dollars, calls=calls, cached=cached)


def _tokens(request: Request) -> int:
    return tokens_of(request.system) + tokens_of(request.user)
