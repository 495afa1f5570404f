"""Runner of the real Chalice against the emulated account."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cloud.aws import Account, clean_environment

STAGE = "local"


class DeployError(Exception):
    """A failed deployment, with the output of the command."""


def chalice(account: Account, project: Path, command: str, *options: str) -> str:
    """Return the output of `chalice COMMAND --stage local OPTIONS` in a project."""
    program = "import sys; from chalice.cli import main; sys.exit(main())"
    return run(
        [sys.executable, "-W", "ignore", "-c", program, command, "--stage", STAGE, *options], account, project
    )


def run(command: list[str], account: Account, place: Path) -> str:
    """Return the output of a command on the account. Raise DeployError if it fails."""
    done = subprocess.run(
        command,
        cwd=place,
        env={**clean_environment(), **account.environment()},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise DeployError(f"{' '.join(command[-4:])}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
