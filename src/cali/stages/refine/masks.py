"""The table of masks, which match the parameters of a message. The dated data file holds its changelog."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from cali.core.errors import Misconfigured

LATEST = "2026-11-20"
WILDCARD = "<*>"
SIGNS = re.compile(r"[\d/\\@:=]")


class Mask(NamedTuple):
    """A row of the table: a pattern, its replacement, and literals. A matching text contains at least one literal."""

    name: str
    put: str
    needs: tuple[str, ...]
    sub: Callable[[str, str], str]


# Exceptions that a table with valid YAML and invalid content can cause.
UNUSABLE = (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Masks:
    """A version of the table.

    `plain` matches a token that is not a parameter, `number` a number between its two groups. `token` matches text to keep
    (its only group) or text to mask. `bare` matches text to mask in a token without any of SIGNS.
    """

    version: str
    spans: tuple[Mask, ...]
    number: re.Pattern[str]
    plain: re.Pattern[str]
    token: re.Pattern[str]
    bare: re.Pattern[str]
    context: tuple[Mask, ...]


@cache
def load(version: str = LATEST) -> Masks:
    """Return the masks of a version. Raise Misconfigured if it does not exist or is invalid."""
    name = f"template-{version}.yaml"
    source = resources.files("cali") / "data" / "masks" / name
    if not source.is_file():
        raise Misconfigured(f"no mask version {version}: {name} does not exist")
    return read(source.read_bytes(), name)


def read(body: bytes, name: str) -> Masks:
    """Parse a table's YAML. Raise Misconfigured, with `name`, if it is invalid."""
    try:
        return parse(yaml.load(body, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, re.error, *UNUSABLE) as error:
        raise Misconfigured(f"{name}: {' '.join(repr(error).split())}") from error


def parse(table: dict[str, Any]) -> Masks:
    """Compile a table from its parsed file."""
    keep, mask = (_alternatives(table[part]) for part in ("keep", "mask"))
    return Masks(
        version=str(table["version"]),
        spans=tuple(map(_mask, table["spans"])),
        number=re.compile(table["number"]),
        plain=re.compile(table["plain"]),
        token=re.compile(f"({keep})|{mask}"),
        bare=re.compile(_alternatives([row for row in table["mask"] if row.get("bare")])),
        context=tuple(map(_mask, table["context"])),
    )


def _mask(row: dict[str, Any]) -> Mask:
    return Mask(row["name"], row.get("put", WILDCARD), tuple(row["needs"]), re.compile(row["pattern"]).sub)


def _alternatives(rows: list[dict[str, Any]]) -> str:
    return "|".join(f"(?:{row['pattern']})" for row in rows)
