"""One word has one meaning: types and modules of one name stand for one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
GLOSSARY = (
    (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Glossary")[2].partition("\n## ")[0]
)
ROW = re.compile(r"^\| ([a-z ]+) \| .+ \| (?:`(\w+)[.\w]*`)? *\|$", re.MULTILINE)


def types() -> dict[str, list[str]]:
    """Return the places where each type is defined, by its name without a leading underscore."""
    found = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name.lstrip("_")].append(path.relative_to(SOURCE).as_posix())
    return found


def test_a_type_name_stands_for_one_thing():
    assert {name: places for name, places in types().items() if len(places) > 1} == {}


def test_a_module_name_that_repeats_is_a_word_of_the_glossary():
    folders = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        if not path.stem.startswith("__"):
            folders[path.stem].add(path.parent.relative_to(SOURCE).as_posix())
    words = {word.replace(" ", "_") for word, _ in ROW.findall(GLOSSARY)}
    assert {name: places for name, places in folders.items() if len(places) > 1 and name not in words} == {}


def test_the_types_of_the_glossary_exist():
    named = [kind for _, kind in ROW.findall(GLOSSARY) if kind]
    assert len(named) > 15
    defined = types()
    assert [kind for kind in named if kind not in defined] == []
