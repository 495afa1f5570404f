"""Program that runs `cali simulate` repeatedly, each time with the next seed, until it is stopped.

generate.py [--first SEED] [--runs COUNT] ANY OPTION OF cali simulate ...
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 after SIGTERM, or the exit code of a failed run."""
    parser = argparse.ArgumentParser("generate.py", description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="seed of the first run")
    parser.add_argument("--runs", type=int, help="how many runs; without it there is no end")
    given, options = parser.parse_known_args(arguments)
    running: list[subprocess.Popen[bytes]] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        for process in running:
            process.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    for run in itertools.count() if given.runs is None else range(given.runs):
        command = ["cali", "simulate", "--format", "raw", "--seed", str(given.first + run), *options]
        running[:] = [subprocess.Popen(command)]  # noqa: S603 - our own program, and the options of our own manifest
        if code := running[0].wait():
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
