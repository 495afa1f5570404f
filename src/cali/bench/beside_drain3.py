"""Templates per second, compared with Drain3 with ten masks, on the same messages in the same process.

The messages are those of the simulated shop without headers. Nearly all contain new values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cali.bench.cpu_time import drain, seconds
from cali.bench.throughput import decoded, simulated
from cali.core.errors import Misconfigured
from cali.stages.refine.refiner import Refiner

_MASKS = (
    r"[\da-fA-F]{8}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{12}",  # UUID
    r"[a-z][a-z\d+.-]*://[^\s,;\"'<>()\[\]]+",  # URL
    r"(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?",  # address
    r"(?:[\da-fA-F]{2}:){5}[\da-fA-F]{2}",  # hardware address
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?",  # date and time
    r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?",  # time of day
    r"(?:/[\w.@%+~-]+){2,}/?",  # path
    r"\b0[xX][\da-fA-F]+\b",
    r"\b[\da-fA-F]{12,}\b",
    r"\b[-+]?\d+(?:\.\d+)*\b",
)


class Duel(NamedTuple):
    """Messages per second of CALI and of Drain3."""

    messages: int
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer


def measure(messages: int = 20_000, runs: int = 5) -> Duel:
    """Return medians over runs that each start with an empty parser. Raise Misconfigured if Drain3 is not installed."""
    texts = [record.message for record in decoded(simulated("raw", messages))]
    peer = drain3_parser()
    ours = len(texts) / seconds(lambda: drain(map(Refiner().template, texts)), runs)
    return Duel(len(texts), ours, len(texts) / seconds(lambda: drain(map(peer(), texts)), runs))


def drain3_parser() -> Callable[[], Callable[[str], Any]]:
    """Return a function that makes an empty Drain3 with ten masks. Raise Misconfigured if Drain3 is not installed."""
    try:
        from drain3 import TemplateMiner
        from drain3.masking import MaskingInstruction
        from drain3.template_miner_config import TemplateMinerConfig
    except ImportError:
        raise Misconfigured("drain3 is not installed; run pip install drain3") from None

    def fresh() -> Callable[[str], Any]:
        config = TemplateMinerConfig()
        config.profiling_enabled = False
        config.masking_instructions = [MaskingInstruction(mask, "*") for mask in _MASKS]
        parse: Callable[[str], Any] = TemplateMiner(config=config).add_log_message
        return parse

    return fresh
