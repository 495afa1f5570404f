"""How far reading has got, shown while a person is watching."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TextIO

STEP = 20_000  # lines between two looks at the clock
PAUSE = 0.5  # seconds between two lines of progress


def counted(lines: Iterable[tuple[int, bytes]], out: TextIO) -> Iterable[tuple[int, bytes]]:
    """The same lines; on a terminal, `out` says how many and how fast."""
    return _shown(lines, out) if out.isatty() else lines


def _shown(lines: Iterable[tuple[int, bytes]], out: TextIO) -> Iterator[tuple[int, bytes]]:
    begun = last = time.monotonic()
    try:
        for count, line in enumerate(lines):
            if count % STEP == STEP - 1 and (now := time.monotonic()) - last >= PAUSE:
                last = now
                out.write(f"\r{count + 1:>13,} lines  {count / (now - begun):>9,.0f} lines/s")
                out.flush()
            yield line
    finally:
        out.write("\r\033[K")
        out.flush()
