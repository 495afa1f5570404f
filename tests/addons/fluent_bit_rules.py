"""Reads the multiline rules of parsers.conf, and joins lines by them as Fluent Bit does (flb_ml_rule.c of 5.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

START = "start_state"
_RULE = re.compile(r' {4}Rule +"([\w,]+)" +"/(.*)/" +"(\w+)"')


class Rule(NamedTuple):
    before: tuple[str, ...]
    pattern: re.Pattern[str]
    after: str


def read(text: str) -> list[Rule]:
    """Return the rules of a parser. Raise ValueError for rules that stop Fluent Bit or make it send events twice."""
    rules = []
    for line in text.splitlines():
        if not line.lstrip().startswith("Rule"):
            continue
        match = _RULE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a rule of three quoted parts: {line}")
        # Ruby reads `^` and `$` at each line, and classes as ASCII
        before, pattern = tuple(match[1].split(",")), re.compile(match[2], re.MULTILINE | re.ASCII)
        rules.append(Rule(before, pattern, match[3]))
    if START not in rules[0].before:
        raise ValueError("rule don't contain a 'start_state'")
    if any(START in rule.before and len(rule.before) > 1 for rule in rules):
        raise ValueError("a rule of start_state and another state sends its events twice")
    left = {state for rule in rules for state in rule.before}
    for rule in rules:
        if rule.after not in left:
            raise ValueError(f"to_state='{rule.after}' is not registered")
    return rules


def events(lines: Iterable[str], rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the events of one stream of one container."""
    held: list[str] = []
    state = START
    for line in lines:
        after = _after(rules, state, line) if held else None
        if after is None:
            if held:
                yield "\n".join(held)
            held, after = [], _after(rules, START, line)
            if after is None:
                yield line
                continue
        held.append(line)
        state = after
    if held:
        yield "\n".join(held)


def _after(rules: Sequence[Rule], state: str, line: str) -> str | None:
    found = (rule.after for rule in rules if state in rule.before and rule.pattern.search(line))
    return next(found, None)


RULES = read((Path(__file__).parents[2] / "eks_addons/fluent_bit/parsers.conf").read_text("utf-8"))
