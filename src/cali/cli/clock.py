"""The time of the commands on incidents and alerts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import click


class Clock(NamedTuple):
    """What time it is, and how to wait. `main` may be given another one."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def clock(context: click.Context) -> Clock:
    """The clock that the command line was started with."""
    return context.find_object(Clock) or Clock()
