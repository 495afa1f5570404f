"""Every command and option is in a document, and every link of a document leads to a file."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cali.cli import COMMANDS
from cali_ops import picture
from cali_ops.reference import commands, page

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ALL = dict(commands())


def test_the_reference_is_what_the_commands_say():
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == page(), "run `make reference`"


@pytest.mark.parametrize("name", ALL)
def test_a_command_and_its_options_have_help(name: str):
    assert ALL[name].help, f"{name} has no help text"
    silent = [p.name for p in ALL[name].params if isinstance(p, click.Option) and not p.help]
    assert silent == []


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`cali {name}" not in readme] == []


def test_the_readme_opens_with_the_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.index("make demo") < text.index("make test") < 1500


@pytest.mark.parametrize("page_path", PAGES)
def test_links_within_the_repository_lead_somewhere(page_path: str):
    text = (ROOT / page_path).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", text):
        assert ((ROOT / page_path).parent / target).exists(), f"{page_path} links to {target}"


def test_the_reference_of_settings_is_what_the_settings_say():
    from cali_ops import settings_reference

    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert text == settings_reference.page(), "run `make reference`"
    assert [row.variable for row in settings_reference.rows() if not row.meaning] == []


def test_the_site_has_every_page():
    listed = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]
    assert [name for name in pages if name not in listed] == []


def test_both_readmes_name_the_same_commands():
    named = [
        re.findall(r"^\| `(cali [^`]+)`", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        for name in ("README.md", "README.ko.md")
    ]
    assert named[0] == named[1]


def test_the_picture_is_drawn_from_the_table_of_stages():
    rows = picture.stages((ROOT / "README.md").read_text("utf-8"))
    assert [row.verb for row in rows] == [
        "decode",
        "join",
        "refine",
        "detect",
        "group",
        "retrieve",
        "reason",
        "notify",
    ]
    assert all((ROOT / "src" / "cali" / row.folder).is_dir() for row in rows)
    drawn = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    assert drawn == picture.picture(rows), "run `make reference`"
