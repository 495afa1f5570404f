"""A command or option that no document names, and a document that names one that is not there, fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cali.cli import COMMANDS, root

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "cli.md"


def commands(group: click.Group, path: str = "cali") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


ALL = dict(commands(root))


@pytest.mark.parametrize("name", ALL)
def test_a_command_and_its_options_are_in_the_reference(name: str):
    section = re.search(
        rf"^## `{re.escape(name)}`\n(.*?)(?=^## |\Z)", REFERENCE.read_text("utf-8"), re.M | re.S
    )
    assert section, f"docs/cli.md has no section `{name}`"
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            longest = max(parameter.opts, key=len)
            assert f"`{longest}" in section[1], f"docs/cli.md does not explain {longest} of {name}"
            assert parameter.help, f"{name} {longest} has no help text"
    assert ALL[name].help, f"{name} has no help text"


def test_the_reference_names_no_command_that_is_not_there():
    named = set(re.findall(r"^## `(cali [^`]+)`", REFERENCE.read_text("utf-8"), re.M))
    assert named == set(ALL)


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`cali {name}" not in readme] == []


def test_readme_opens_with_the_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.index("make demo") < text.index("make test") < 1500


@pytest.mark.parametrize(
    "path", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_within_the_repository_lead_somewhere(path: str):
    text = (ROOT / path).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", text):
        assert ((ROOT / path).parent / target).exists(), f"{path} links to {target}"
