"""Each kind of change is made, at its place and nowhere else."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutants import mutants

HEAD = "def f(a, b):\n    "


@pytest.mark.parametrize(
    ("statement", "mutated"),
    [
        ("return (a) == (b)", {"return (a) != (b)", "return None"}),
        ("return a is  not b", {"return a is b", "return None"}),
        ("return (a or b) and b", {"return (a or b) or b", "return (a and b) and b", "return None"}),
        ("return not a", {"return a", "return None"}),
        ("a.append(b)", {"pass"}),
        ("f(a, b=True)", {"f(a, b=False)", "pass"}),
        ("b = '열' if a else 2", {"b = '열' if (not a) else 2"}),
        ("b = a - b", {"b = a + b"}),
        ("b = a + 'x'", set()),
        ("b = 17", set()),
    ],
)
def test_a_statement_has_these_mutants(statement: str, mutated: set[str]):
    source = HEAD + statement + "\n"
    found = {mutant.applied(source) for mutant in mutants("x.py", source)}
    assert found == {HEAD + one + "\n" for one in mutated}
    assert all(ast.parse(one) for one in found)


def test_what_runs_at_import_has_none():
    assert mutants("x.py", "LIMIT = not True\nclass A:\n    flag: bool = True\n") == []
