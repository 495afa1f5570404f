"""Logging statements in Python source, found in its syntax tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from cali_ops.train.statements import LEVELS, RAISED, braces, parameter, percent

_LOGGER = re.compile(r"log|LOG|warnings$|display|module$")
_LOGS = re.compile(
    r"(?i:log\w*|display|module|warnings)\)?\.(?:error|warn|info|debug|exception|critical|fatal)"
)  # in time: parsing is slow
_TRANSLATE = frozenset(("_", "_LE", "_LW", "_LI", "_LC", "dedent", "gettext"))
_NOT_LEVELS = frozenset(("err", "errors", "inf", "fine", "config", "panic", "alert", "logit"))


def statements(source: str) -> Iterator[tuple[str, str]]:
    """Yield level and text of each logging call, and RAISED and text of each exception that is raised."""
    if not _LOGS.search(source):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in old sources
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Call):
            found = _logged(node)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            text = _text(node.exc.args[0])
            found = None if text is None else (RAISED, text)
        if found is not None:
            yield found


def _logged(call: ast.Call) -> tuple[str, str] | None:
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return None
    level = LEVELS.get(call.func.attr)
    if level is None or call.func.attr in _NOT_LEVELS or not _LOGGER.search(_source(call.func.value)):
        return None
    rest = [_source(argument) for argument in call.args[1:]]
    text = _text(call.args[0], rest)
    return None if text is None else (level, text)


def _text(node: ast.expr, arguments: list[str] | None = None) -> str | None:
    """Return the text of an expression with its parameters marked, or None if it has no literal."""
    given = arguments or []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if given and "%" in node.value:
            return percent(node.value, given)
        return braces(node.value, given) if given and "{" in node.value else node.value
    if isinstance(node, ast.JoinedStr):
        parts = (
            str(part.value) if isinstance(part, ast.Constant) else parameter(_source(part))
            for part in node.values
        )
        return "".join(parts)
    if isinstance(node, ast.BinOp):
        return _operation(node)
    return _call(node, given) if isinstance(node, ast.Call) else None


def _operation(node: ast.BinOp) -> str | None:
    left = _text(node.left)
    if isinstance(node.op, ast.Mod) and left is not None:
        right = node.right
        values = right.elts if isinstance(right, ast.Tuple) else [right]
        return percent(left, map(_source, values))
    if isinstance(node.op, ast.Add):
        right_text = _text(node.right)
        if left is None and right_text is None:
            return None
        first = parameter(_source(node.left)) if left is None else left
        return first + (parameter(_source(node.right)) if right_text is None else right_text)
    return None


def _call(node: ast.Call, given: list[str]) -> str | None:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = _text(node.func.value)
        return None if text is None else braces(text, map(_source, node.args))
    if isinstance(node.func, ast.Name) and node.func.id in _TRANSLATE and node.args:
        return _text(node.args[0], given)
    return None


def _source(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return ""
