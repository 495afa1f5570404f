"""Reads Fluent Bit's classic configuration format as strictly as it is documented: sections, keys, one indentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_SECTION = re.compile(r"\[(\w+)\]")
_INDENT = "    "
_RULE = re.compile(r'"([^"]*)"\s+"/(.*)/"\s+"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Section:
    """`[NAME]` and its keys, lower-cased, in order; a key may come several times."""

    name: str
    entries: tuple[tuple[str, str], ...]

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.entries if name == key]

    def __getitem__(self, key: str) -> str:
        (value,) = self.all(key)
        return value


class Rule(NamedTuple):
    """A rule of a multiline parser."""

    before: tuple[str, ...]
    pattern: re.Pattern[str]
    after: str


def read(text: str) -> list[Section]:
    """The sections of a file. ValueError names the line that Fluent Bit could not read."""
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        header = _SECTION.fullmatch(line)
        if header:
            sections.append((header[1], []))
            continue
        body = line.removeprefix(_INDENT)
        if not sections or body == line or body[0].isspace():
            raise ValueError(f"line {number}: neither a section nor a key indented by four spaces: {line!r}")
        key, _, value = body.partition(" ")
        if not value.strip():
            raise ValueError(f"line {number}: {key} has no value")
        sections[-1][1].append((key.lower(), value.strip()))
    return [Section(name, tuple(entries)) for name, entries in sections]


def rules(parser: Section) -> list[Rule]:
    """The rules of a multiline parser, their patterns compiled as Ruby reads them: `^` and `$` are a line's, classes ASCII."""
    return list(_rules(parser))


def _rules(parser: Section) -> Iterator[Rule]:
    for value in parser.all("rule"):
        match = _RULE.fullmatch(value)
        if match is None:
            raise ValueError(f"not a rule of three quoted parts: {value}")
        yield Rule(tuple(match[1].split(",")), re.compile(match[2], re.MULTILINE | re.ASCII), match[3])
