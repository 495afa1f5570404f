"""The envelopes in which collectors wrap a line."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import orjson

from cali.core.errors import Misconfigured
from cali.simulator.fleet import SimulatedLine


@lru_cache(maxsize=64)
def _minute(minute: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:", time.gmtime(minute * 60))


def _stamp(now: float) -> str:
    minute = int(now // 60)
    return f"{_minute(minute)}{min(now - minute * 60, 59.999999):09.6f}"


def _fluentbit(line: SimulatedLine) -> str:
    log = orjson.dumps(line.text).decode()
    return f'{{"stream":"{line.stream}","log":{log},"kubernetes":{line.pod.metadata},"@timestamp":"{_stamp(line.time)[:-3]}Z"}}'


def _cri(line: SimulatedLine) -> str:
    return f"{_stamp(line.time)}{_nanos(line.time)}Z {line.stream} F {line.text}"


def _nanos(now: float) -> str:
    """Return the last three digits of a nanosecond stamp. They depend only on the time, so lines are reproducible."""
    return f"{int(now * 1e6) * 7919 % 1000:03d}"


def _raw(line: SimulatedLine) -> str:
    return line.text


def _kubectl(line: SimulatedLine) -> str:
    return f"[pod/{line.pod.name}/{line.pod.container}] {line.text}"


_ENVELOPES: dict[str, Callable[[SimulatedLine], str]] = {
    "fluentbit": _fluentbit,
    "cri": _cri,
    "raw": _raw,
    "kubectl": _kubectl,
}
ENVELOPES = tuple(_ENVELOPES)


def enveloper(kind: str) -> Callable[[SimulatedLine], str]:
    """Return the function that wraps a line in an envelope of this kind, for use in loops."""
    try:
        return _ENVELOPES[kind]
    except KeyError:
        raise Misconfigured(f"unknown envelope {kind!r}; use one of {', '.join(ENVELOPES)}") from None


def envelope(line: SimulatedLine, kind: str = "fluentbit") -> str:
    """Return the line as the collector writes it, without a line end."""
    return enveloper(kind)(line)
