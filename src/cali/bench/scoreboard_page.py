"""The scoreboard as a Markdown table and as an HTML page with bars. Both are pure functions of its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

SHARES = ("found", "right", "right first", "wrong", "silent")
MEANS = (
    "cards per failure",
    "mixed",
    "false alarms per healthy recording",
    "lines to read",
)
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .7rem;border-bottom:1px solid #d8dee4;text-align:left;vertical-align:top}
.bar{display:inline-block;width:8rem;height:.6rem;background:#eaeef2;margin-right:.5rem;position:relative}
.bar i{position:absolute;left:0;top:0;bottom:0;background:#2f6feb}.range{color:#57606a;font-size:.85em}"""


def as_markdown(board: Mapping[str, Any]) -> str:
    """Return one table per split, and one row per system."""
    parts = []
    for split, tools in board["splits"].items():
        faults = next(iter(tools.values()))["right"]["of"]
        parts.append(f"### {split}: {faults} faults, {board['healthy'][split]} healthy recordings\n")
        parts.append(_table(["tool", *SHARES, *MEANS], (_row(tool, row) for tool, row in tools.items())))
    parts.append("### CALI by system\n")
    parts.append(_table(["system", *_COUNTS], _counts(board["systems"])))
    parts.append("### CALI by kind of fault\n")
    parts.append(_table(["kind", *_COUNTS], _counts(board["kinds"])))
    return "\n".join(parts)


_COUNTS = ("faults", "found", "right", "wrong", "silent")


def _counts(groups: Mapping[str, Mapping[str, int]]) -> Iterable[list[str]]:
    return ([name, *(str(row[column]) for column in _COUNTS)] for name, row in groups.items())


def _row(tool: str, row: Mapping[str, Mapping[str, float]]) -> list[str]:
    shares = [f"{row[name]['value']:.0%} ({_range(row[name], 100)})" for name in SHARES]
    means = [f"{row[name]['value']:.2f} ({_range(row[name])})" for name in MEANS]
    return [tool, *shares, *means]


def _range(figure: Mapping[str, float], scale: int = 1) -> str:
    digits = 0 if scale == 100 else 1
    return f"{figure['low'] * scale:.{digits}f} to {figure['high'] * scale:.{digits}f}"


def _table(head: Iterable[str], rows: Iterable[list[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def as_html(board: Mapping[str, Any]) -> str:
    """Return a page that needs nothing from the network."""
    body = ["<h1>Quality on real failures</h1>"]
    for split, tools in board["splits"].items():
        faults = next(iter(tools.values()))["right"]["of"]
        body.append(
            f"<h2>{escape(split)}: {faults} faults, {board['healthy'][split]} healthy recordings</h2>"
        )
        body.append(_html_table(["tool", *SHARES, *MEANS], (_cells(*item) for item in tools.items())))
    for title, key in (("system", "systems"), ("kind", "kinds")):
        body.append(f"<h2>CALI by {title}</h2>")
        rows = ([escape(cell) for cell in row] for row in _counts(board[key]))
        body.append(_html_table([title, *_COUNTS], rows))
    body.append("<h2>Missed in dev</h2>")
    columns = ("recording", "fault", "reason", "truth", "cause")
    misses = ([escape(str(miss[column])) for column in columns] for miss in board["misses"])
    body.append(_html_table(columns, misses))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CALI: quality</title><style>{_STYLE}'
        f"</style></head><body>{''.join(body)}</body></html>\n"
    )


def _cells(tool: str, row: Mapping[str, Mapping[str, float]]) -> list[str]:
    shares = [
        f'<span class="bar"><i style="width:{row[name]["value"]:.0%}"></i></span>{row[name]["value"]:.0%}'
        f' <span class="range">{_range(row[name], 100)}</span>'
        for name in SHARES
    ]
    means = [f'{row[name]["value"]:.2f} <span class="range">{_range(row[name])}</span>' for name in MEANS]
    return [escape(tool), *shares, *means]


def _html_table(head: Iterable[str], rows: Iterable[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
