"""The shell people use. Each command is a file of this folder with a click command named `command`.

A command is imported when it is called, so that `cali refine` never waits for what `cali analyze` needs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cali.cli.clock import Clock
from cali.core.errors import CaliError

COMMANDS = {
    "alerts": "cali.cli.alerts",
    "analyze": "cali.cli.analyze",
    "bench": "cali.cli.bench",
    "demo": "cali.cli.demo",
    "doctor": "cali.cli.doctor",
    "incidents": "cali.cli.incidents",
    "kb": "cali.cli.kb",
    "learn": "cali.cli.learn",
    "learning": "cali.cli.learning",
    "refine": "cali.cli.refine",
    "release": "cali.cli.release",
    "replay": "cali.cli.replay",
    "simulate": "cali.cli.simulate",
    "watch": "cali.cli.watch",
    "worker": "cali.cli.worker",
}


class Commands(click.Group):
    """Finds a command by its name and imports it then."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cali", prog_name="cali")
def root() -> None:
    """CALI turns logs into a few explained incidents: what broke, why, and what to do.

    Every command says more with --help. Errors are one line; the exit code is then 2.
    """


def main(args: Sequence[str] | None = None, clock: Clock | None = None) -> None:
    """Runs the command line, by default of this process. Errors that a person can mend are one clear line and exit code 2.
    `clock` is the time of the commands on incidents and alerts."""
    if sys.stderr is None:  # closed by `2>&-`: there is nowhere to complain to
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
    if sys.stdout is None:
        sys.exit(_fail("standard output is closed, there is nowhere to write to"))
    try:
        # Not root.main(): it has words and exit codes of its own for a closed pipe and for Ctrl-C.
        with root.make_context("cali", list(sys.argv[1:] if args is None else args), obj=clock) as context:
            status = root.invoke(context)
        sys.stdout.flush()
        code = status if isinstance(status, int) else 0
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())
        code = 0
    except click.ClickException as error:
        code = _fail(error.format_message())
    except CaliError as error:
        code = _fail(str(error))
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; that must not complain a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _fail("the output was closed before everything was written")
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _fail(f"the output cannot be written: {error.strerror or error}")
    except (KeyboardInterrupt, click.Abort):
        code = _fail("interrupted", 130)
    sys.exit(code)


def _fail(message: str, code: int = 2) -> int:
    print("cali:", " ".join(message.split()), file=sys.stderr)
    return code
