"""IAM's decision on one call, by the rules of its documentation: a Deny wins, a boundary limits, else an Allow is needed.

Patterns are compared as IAM does. A condition on a key that the request lacks is false, unless its operator ends in
IfExists. An unknown operator raises an error, so that no decision is a guess.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Statements = tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One call: action, resource, and the context keys that IAM knows."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an identity policy, a boundary or a trust policy."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    not_resources: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # operator, key, values
    principals: tuple[str, ...] = ()  # only in a trust policy

    def covers(self, request: Request) -> bool:
        """Return whether it applies to the call."""
        if not _any(self.actions, re.IGNORECASE).fullmatch(request.action):
            return False
        named = _any(self.not_resources or self.resources).fullmatch(request.resource) is not None
        if named == bool(self.not_resources):
            return False
        return all(_met(*condition, request.context) for condition in self.conditions)


ALL: Statements = (Statement("Allow", ("*",)),)


def allows(identity: Iterable[Statement], request: Request, boundary: Statements | None = None) -> bool:
    """Return whether a principal with these policies and this boundary may make the call."""
    given = [one for one in (*identity, *(boundary or ())) if one.covers(request)]
    if any(one.effect == "Deny" for one in given):
        return False
    if boundary is not None and not any(one.covers(request) and one.effect == "Allow" for one in boundary):
        return False
    return any(one.covers(request) and one.effect == "Allow" for one in identity)


def parse(document: str | dict[str, Any]) -> Statements:
    """Return the statements of a policy document."""
    held = json.loads(document) if isinstance(document, str) else document
    return tuple(_statement(one) for one in listed(held["Statement"]))


def listed(value: Any) -> list[Any]:
    """Return `value` as a list: IAM accepts a single value for a list of one."""
    return value if isinstance(value, list) else [value]


def _statement(held: dict[str, Any]) -> Statement:
    unknown = set(held) - {
        "Sid",
        "Effect",
        "Action",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
    }
    if unknown:
        raise ValueError(f"a statement with {sorted(unknown)}, which are not judged here")
    principal = held.get("Principal", {})
    return Statement(
        held["Effect"],
        tuple(listed(held["Action"])),
        tuple(listed(held.get("Resource", "*"))),
        tuple(listed(held.get("NotResource", []))),
        tuple(
            (operator, key, tuple(map(str, listed(values))))
            for operator, keys in held.get("Condition", {}).items()
            for key, values in keys.items()
        ),
        tuple(
            one
            for kind in (principal.values() if isinstance(principal, dict) else [principal])
            for one in listed(kind)
        ),
    )


OPERATORS = {
    "StringEquals": lambda found, wanted: found == wanted,
    "StringLike": lambda found, wanted: like(found, wanted),
    "ArnLike": lambda found, wanted: like(found, wanted),
    "Bool": lambda found, wanted: found.lower() == wanted.lower(),
}


def _met(operator: str, key: str, wanted: tuple[str, ...], context: Mapping[str, str]) -> bool:
    name = operator.removesuffix("IfExists")
    if name not in OPERATORS:
        raise ValueError(f"the condition {operator} is not judged here")
    found = {one.lower(): value for one, value in context.items()}.get(key.lower())
    if found is None:
        return name != operator
    return any(OPERATORS[name](found, one) for one in wanted)


def like(text: str, pattern: str) -> bool:
    """Return whether a pattern of IAM, with `*` and `?`, matches the whole text."""
    return _any((pattern,)).fullmatch(text) is not None


@cache
def _any(patterns: tuple[str, ...], flags: int = 0) -> re.Pattern[str]:
    special = {"*": ".*", "?": "."}
    each = ("".join(special.get(one, re.escape(one)) for one in pattern) for pattern in patterns)
    return re.compile("|".join(each), re.DOTALL | flags)
