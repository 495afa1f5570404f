"""The table of redaction rules: read from a dated file and validated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cali.core.errors import Misconfigured
from cali.stages.refine.redact.tokens import parse_forms
from cali.stages.refine.redact.verify import VERIFIERS

VERSION = "redaction-2026-11-30"

_FIELDS = {
    "name",
    "placeholder",
    "needs",
    "pattern",
    "tokens",
    "verify",
    "cased",
    "option",
    "also",
    "within",
    "outside_ids",
}
_PLACEHOLDER = re.compile(r"<[a-z][a-z0-9-]*>")
_NOT_A_LITERAL_DIGIT = re.compile(r"\{\d*,?\d*\}|0-9|\\d")
_NEED_WITH_DIGIT_OR_CAPITAL = re.compile(r"[1-9A-Z]")

_Loader: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # with the C loader a process starts four times faster


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """A redaction rule. It hides the group `v` (or `w`) of its pattern, or the whole match without such a group.

    The lower-cased, digit-blind line must contain one of the literals in `needs` and, if given, one of those in `also`.
    `verify` can reject a match. A rule with an `option` is used only if that option is on. `within` means that no match
    contains a blank or depends on one. `cased_needs` replaces `needs` for tokens of exact case. `outside_ids` means that no match overlaps an id.
    """

    name: str
    placeholder: str
    pattern: re.Pattern[str]
    needs: tuple[str, ...]
    verify: Callable[[re.Match[str]], bool] | None = None
    option: str = ""
    also: tuple[str, ...] = ()
    within: bool = False
    outside_ids: bool = False
    cased_needs: tuple[str, ...] = ()


class RuleTable(NamedTuple):
    """A version and its rules, in order."""

    version: str
    rules: tuple[RedactionRule, ...]


@cache
def default_table() -> RuleTable:
    """Return the shipped table."""
    name = f"{VERSION}.yaml"
    return parse_table(files("cali").joinpath("data", "masks").joinpath(name).read_text("utf-8"), name)


def load_table(path: Path) -> RuleTable:
    """Read a table. Raise Misconfigured, with file and rule, if it is invalid."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot read the redaction rules: {error}") from error
    return parse_table(text, str(path))


def parse_table(text: str, source: str) -> RuleTable:
    """Parse the YAML text of a table. `source` is its name in error messages."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a safe loader, in C if available
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise Misconfigured(f"{source}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list) or not data.get("version"):
        raise Misconfigured(f"{source}: needs `version` and a list of `rules`")
    fragments = data.get("fragments") or {}
    rules: list[RedactionRule] = []
    for number, entry in enumerate(data["rules"], 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise Misconfigured(f"{source}: rule {number} has no name")
        try:
            rules.append(_rule(entry, fragments))
        except (ValueError, re.error, OverflowError, RecursionError) as error:
            raise Misconfigured(f"{source}: rule {entry['name']}: {error}") from error
        if entry["name"] in (rule.name for rule in rules[:-1]):
            raise Misconfigured(f"{source}: rule {entry['name']}: duplicate name; rename one rule")
    return RuleTable(str(data["version"]), tuple(rules))


def _rule(entry: Mapping[str, Any], fragments: Mapping[str, str]) -> RedactionRule:
    if unknown := entry.keys() - _FIELDS:
        raise ValueError(f"unknown field {', '.join(sorted(map(str, unknown)))}")
    needed = ("placeholder",) if "tokens" in entry else ("placeholder", "pattern")
    missing = [field for field in needed if not isinstance(entry.get(field), str)]
    if missing:
        raise ValueError(f"`{missing[0]}` is missing")
    placeholder = entry["placeholder"]
    if not _PLACEHOLDER.fullmatch(placeholder):
        raise ValueError(f"placeholder {placeholder!r} must have the form <name>")
    if "tokens" in entry:
        return _token_rule(entry)
    verify = entry.get("verify")
    if verify is not None and verify not in VERIFIERS:
        raise ValueError(f"unknown verify function {verify!r}")
    pattern = _compile(entry["pattern"], fragments, cased=bool(entry.get("cased")))
    if pattern.search(placeholder):
        raise ValueError("the pattern matches its own placeholder")
    return RedactionRule(
        name=entry["name"],
        placeholder=placeholder,
        pattern=pattern,
        needs=_needs(entry.get("needs")),
        verify=VERIFIERS[verify] if verify else None,
        option=str(entry.get("option", "")),
        also=_needs(entry["also"]) if "also" in entry else (),
        within=bool(entry.get("within")),
    )


def _token_rule(entry: Mapping[str, Any]) -> RedactionRule:
    forms = entry["tokens"]
    if not isinstance(forms, list) or not forms or not all(isinstance(form, str) for form in forms):
        raise ValueError("`tokens` must be a list of forms")
    if other := entry.keys() & {"needs", "pattern", "verify", "cased", "also"}:
        raise ValueError(f"`tokens` replaces {', '.join(sorted(other))}")
    outside_ids = bool(entry.get("outside_ids"))
    parsed = parse_forms(forms, outside_ids=outside_ids)
    return RedactionRule(
        name=entry["name"],
        placeholder=entry["placeholder"],
        pattern=parsed.pattern,
        needs=(),
        cased_needs=parsed.needs,
        verify=parsed.verify,
        option=str(entry.get("option", "")),
        within=True,
        outside_ids=outside_ids,
    )


def _needs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(need, str) and need for need in value):
        raise ValueError("`needs` must be a list of literals")
    for need in value:
        if _NEED_WITH_DIGIT_OR_CAPITAL.search(need):
            raise ValueError(f"`needs` {need!r} has a capital letter or a digit other than 0")
    return tuple(value)


def _compile(source: str, fragments: Mapping[str, str], *, cased: bool) -> re.Pattern[str]:
    for _ in range(4):  # fragments can be nested a few levels
        source = re.sub(r"\{\{(\w+)\}\}", lambda match: _fragment(match[1], fragments), source)
    if digit := re.search(r"\d", _NOT_A_LITERAL_DIGIT.sub("", source)):
        raise ValueError(f"the pattern contains the digit {digit[0]}; use only \\d or 0-9 for digits")
    return re.compile(source, re.VERBOSE if cased else re.VERBOSE | re.IGNORECASE)


def _fragment(name: str, fragments: Mapping[str, str]) -> str:
    if name not in fragments:
        raise ValueError(f"unknown fragment {name!r}")
    return fragments[name]
