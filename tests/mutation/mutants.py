"""Mutants of a source file: small wrong changes. Some test must fail for each."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SWAPPED = {  # an operator in the source, and its replacement in a mutant
    "==": "!=", "!=": "==", "<=": ">", ">=": "<", "<": ">=", ">": "<=", "is not": "is", "not in": "in", "is": "is not",
    "in": "not in", "and": "or", "or": "and", "+": "-", "-": "+",
}  # fmt: skip
OPERATOR = re.compile(r"==|!=|<=|>=|<|>|\bis\s+not\b|\bnot\s+in\b|\bis\b|\bin\b|\band\b|\bor\b|\+|-")


Span = Callable[[ast.AST], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: it replaces the text between two offsets."""

    path: str
    line: int
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]

    def shown(self, source: str) -> str:
        """Return the place, the line before and the text that replaces a part of it."""
        before = source[self.start : self.end] or "(nothing)"
        return f"{self.path}:{self.line}: {' '.join(before.split())!r} becomes {self.text!r}"


def mutants(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file. Constants are left out: many are tuned, and no test should pin them."""
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))

    def offset(line: int, column: int) -> int:
        return begins[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node: ast.AST) -> tuple[int, int]:
        place: ast.expr = node  # type: ignore[assignment]  # every node here has a position
        return offset(place.lineno, place.col_offset), offset(
            place.end_lineno or 0, place.end_col_offset or 0
        )

    found = []
    for node in _executed(ast.parse(source)):
        for start, end, text in _changes(node, span, source):
            found.append(Mutant(path, node.lineno, start, end, text))  # type: ignore[attr-defined]  # as above
    return found


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk the bodies of functions, without code that runs at import, annotations and TYPE_CHECKING blocks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for statement in node.body:
                for inner in ast.walk(statement):
                    if not isinstance(inner, ast.FunctionDef | ast.arguments | ast.arg):
                        yield inner


def _changes(node: ast.AST, span: Span, source: str) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Compare):
        yield from _swapped(span(node.left)[1], span(node.comparators[0])[0], source)
    elif isinstance(node, ast.BoolOp):
        yield from _swapped(span(node.values[0])[1], span(node.values[1])[0], source)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        sides = (node.left, node.right)
        if not any(isinstance(side, ast.Constant | ast.JoinedStr | ast.List | ast.Tuple) for side in sides):
            yield from _swapped(span(node.left)[1], span(node.right)[0], source)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield span(node)[0], span(node.operand)[0], ""
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call
    ):
        start, end = span(node.test)
        yield start, end, f"(not {source[start:end]})"
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield *span(node.value), "None"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield *span(node), str(not node.value)
    elif isinstance(node, ast.Continue | ast.Break) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield *span(node), "pass"


def _swapped(start: int, end: int, source: str) -> Iterator[tuple[int, int, str]]:
    """Yield the change of the operator between two operands."""
    if found := OPERATOR.search(source, start, end):
        yield *found.span(), SWAPPED[" ".join(found.group().split())]
