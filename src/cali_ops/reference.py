"""Generator of docs/cli.md from the help of the commands: `python -m cali_ops.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from cali.cli import root

HEAD = """# The command line

Written by `make reference` from the commands' own help; a test fails when it is out of date.
An error is one line on standard error and exit code 2. Ctrl-C gives exit code 130.
"""


def commands(group: click.Group = root, path: str = "cali") -> Iterator[tuple[str, click.Command]]:
    """Yield the command line and the click command of each command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command:
            yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def page() -> str:
    """Return the whole page as Markdown."""
    return HEAD + "".join(_section(path, command) for path, command in commands())


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [_row(parameter, context) for parameter in command.params if isinstance(parameter, click.Option)]
    table = "| option | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return (
        f"\n## `{path}`\n\n`{path} {usage}`\n\n{inspect.cleandoc(command.help or '')}\n\n{table}".rstrip()
        + "\n"
    )


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    names, text = record or (", ".join(option.opts), option.help or "")
    return (
        f"| `{names.replace('|', chr(92) + '|')}` | {' '.join(text.split()).replace('|', chr(92) + '|')} |\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
