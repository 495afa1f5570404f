"""Entry point of the command line: finds the command, maps errors to one line and an exit code, and writes output.

Each command is a file in this folder with a click command named `command`. It is imported when it is called, so that
`cali refine` does not wait for the imports of `cali analyze`.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from cali.bootstrap.extras import EXTRAS, missing
from cali.core.errors import CaliError, Misconfigured

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
PROGRESS_LINES = 20_000  # lines between two reads of the clock
PROGRESS_SECONDS = 0.5  # seconds between two updates of the progress line


class Clock(NamedTuple):
    """The clock that the commands `incidents` and `alerts` use. Tests pass a fake one to `main`."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def clock(context: click.Context) -> Clock:
    """Return the clock that the command line was started with."""
    return context.find_object(Clock) or Clock()


class Commands(click.Group):
    """Group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cali-insight", prog_name="cali")
def root() -> None:
    """Find the incidents in logs, and explain each: what broke, why, and how to fix it.

    Run `cali COMMAND --help` for details of a command. An error is one line on standard error, and the exit code is 2.
    """


def main(args: Sequence[str] | None = None, clock: Clock | None = None) -> None:
    """Run the command line, by default with the arguments of this process. A CaliError is one line and exit code 2."""
    if sys.stderr is None:  # closed by `2>&-`
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
    if sys.stdout is None:
        sys.exit(_fail("standard output is closed; open it, or redirect it to a file"))
    try:
        # Not root.main(): it has its own messages and exit codes for a closed pipe and for Ctrl-C.
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
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        code = _fail(missing(package))
    except BrokenPipeError:
        # The interpreter flushes stdout again at exit, which must not raise a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _fail("the output was closed before everything was written")
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _fail(f"the output cannot be written: {error.strerror or error}")
    except (KeyboardInterrupt, click.Abort):
        code = _fail("interrupted", 130)
    sys.exit(code)


def color_wanted() -> bool:
    """Return whether standard output is a terminal and NO_COLOR is not set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def write(content: str | bytes, out: Path | None) -> None:
    """Write to standard output, or to a file atomically."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    if out is None:
        sys.stdout.buffer.write(data)
        return
    part = out.with_name(out.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(out)
    except OSError as error:
        raise Misconfigured(f"--out {out}: {error.strerror}") from error


def check_folder(out: Path | None) -> None:
    """Raise Misconfigured if `--out` names a file in a folder that does not exist."""
    if out is not None and not out.parent.is_dir():
        raise Misconfigured(f"--out {out}: {out.parent} is not a directory")


def with_progress(lines: Iterable[tuple[int, bytes]]) -> Iterable[tuple[int, bytes]]:
    """Return the same lines. If standard error is a terminal, show the number of lines and the rate there."""
    return _counted(lines) if sys.stderr.isatty() else lines


def _counted(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    begun = last = time.monotonic()
    try:
        for count, line in enumerate(lines, 1):
            if count % PROGRESS_LINES == 0 and (now := time.monotonic()) - last >= PROGRESS_SECONDS:
                last = now
                sys.stderr.write(f"\r{count:>13,} lines  {count / (now - begun):>9,.0f} lines/s")
                sys.stderr.flush()
            yield line
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def _fail(message: str, code: int = 2) -> int:
    print("cali:", " ".join(message.split()), file=sys.stderr)
    return code
