"""The table of masks: which parts of a message are parameters. Data, dated, with its changelog in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from cali.errors import Misconfigured

LATEST = "2026-11-20"
WILDCARD = "<*>"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table: a pattern, what to put in its place, and the texts without which it cannot fit."""

    pattern: re.Pattern[str]
    put: str
    needs: tuple[str, ...]

    def apply(self, text: str) -> str:
        if self.needs and not any(need in text for need in self.needs):
            return text
        return self.pattern.sub(self.put, text)


@dataclass(frozen=True, slots=True)
class Masks:
    """One version of the table. `plain` fits a token that is no parameter; `token` what to keep (its only
    group) or what to mask."""

    version: str
    spans: tuple[Rule, ...]
    plain: re.Pattern[str]
    token: re.Pattern[str]
    context: tuple[Rule, ...]


@cache
def load(version: str = LATEST) -> Masks:
    """The masks of one version; an unknown version or an unreadable table is Misconfigured."""
    name = f"template-{version}.yaml"
    source = resources.files("cali") / "masks" / name
    if not source.is_file():
        raise Misconfigured(f"no mask version {version}: {name} does not exist")
    try:
        return parse(yaml.load(source.read_bytes(), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, re.error, KeyError, TypeError) as error:
        raise Misconfigured(f"{name}: {error!r}") from error


def parse(table: dict[str, Any]) -> Masks:
    """Compiles a table as read from its file."""
    keep, mask = (_alternatives(table[part]) for part in ("keep", "mask"))
    return Masks(
        version=str(table["version"]),
        spans=tuple(map(_rule, table["spans"])),
        plain=re.compile(table["plain"]),
        token=re.compile(f"({keep})|{mask}"),
        context=tuple(map(_rule, table["context"])),
    )


def _rule(row: dict[str, Any]) -> Rule:
    return Rule(re.compile(row["pattern"]), row.get("put", WILDCARD), tuple(row.get("needs", ())))


def _alternatives(rows: list[dict[str, Any]]) -> str:
    return "|".join(f"(?:{row['pattern']})" for row in rows)
