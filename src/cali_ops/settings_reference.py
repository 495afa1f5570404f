"""Generator of docs/settings.md from `cali.core.settings`: `python -m cali_ops.settings_reference > docs/settings.md`."""

from __future__ import annotations

import ast
import inspect
import io
import sys
import tokenize
from typing import NamedTuple

from cali.core import settings

HEAD = """# Settings

Written by `make reference` from `src/cali/core/settings.py`; a test fails when it is out of date.
An empty variable counts as not set. An invalid value is reported in one line with the name of the variable; exit code 2.

| variable | type | default | meaning |
|---|---|---|---|
"""


class SettingRow(NamedTuple):
    """Row of the settings table."""

    variable: str
    kind: str
    default: str
    meaning: str


def rows() -> list[SettingRow]:
    """Return a row for each setting, in the order of the source."""
    text = inspect.getsource(settings)
    said = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    (fields,) = [
        node.body
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    return [
        SettingRow(
            settings.PREFIX + field.target.id.upper(),
            {"str": "text", "int": "number", "float": "number"}[ast.unparse(field.annotation)],
            str(ast.literal_eval(field.value)),
            " ".join(said[line] for line in range(field.lineno, (field.end_lineno or 0) + 1) if line in said),
        )
        for field in fields
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value
    ]


def page() -> str:
    """Return the whole page as Markdown."""
    return HEAD + "".join(
        f"| `{row.variable}` | {row.kind} | {f'`{row.default}`' if row.default else ''} | {row.meaning} |\n"
        for row in rows()
    )


if __name__ == "__main__":
    sys.stdout.write(page())
