"""A run that is stopped removes what it started, also if it is told to stop twice."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys
import click
from tests.cloud.__main__ import ended

@click.command()
def run():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("removed")

sys.exit(ended(run))
"""


def test_a_second_signal_does_not_interrupt_the_removal() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (130, "removed\n")
