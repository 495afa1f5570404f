"""Draws docs/architecture.svg from README's table of stages: python -m cali_ops.picture

The picture is 380 units wide, so that on a phone its text is about as large as the text of the page.
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "architecture.svg"
ROW = re.compile(r"^\| (\w+) \| (.+?) -> (.+?) \| `src/cali/(\S+?)` \|", re.MULTILINE)
SHELLS = (  # function, trigger, first stage, last stage
    ("analyze", "Lambda: log stream", "decode", "detect"),
    ("diagnose", "Lambda: changes", "retrieve", "reason"),
    ("alert", "Lambda: changes", "notify", "notify"),
)
WIDTH, LEFT, BOX, ROW_HEIGHT = 380, 12, 200, 56
STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2937} .verb{font-weight:600;font-size:15px} .note{fill:#4b5563;font-size:12px}
.box{fill:#f8fafc;stroke:#64748b} .band{fill:#eef2ff;stroke:#6366f1} .end{fill:#ecfdf5;stroke:#10b981} .line{stroke:#64748b;fill:none}
@media (prefers-color-scheme: dark){svg{background:#111827} text{fill:#e5e7eb} .note{fill:#9ca3af} .box{fill:#1f2937} .band{fill:#1e1b4b}
.end{fill:#064e3b}}
"""


class Stage(NamedTuple):
    """A row of README's table: the verb, the input, the output, and the folder below src/cali."""

    verb: str
    given: str
    made: str
    folder: str


def stages(readme: str) -> list[Stage]:
    """Return the stages in the order of README's table."""
    return [Stage(*found.groups()) for found in ROW.finditer(readme)]


def picture(rows: list[Stage]) -> str:
    """Return the picture as SVG."""
    top = 62
    drawn = [_box("end", LEFT, 6, BOX, 42, "log lines", "files, pipes, Kinesis")]
    for number, stage in enumerate(rows):
        y = top + number * ROW_HEIGHT
        drawn.append(_arrow(y))
        drawn.append(_box("box", LEFT, y, BOX, 42, stage.verb, f"{stage.given} → {_short(stage.made)}"))
    end = top + len(rows) * ROW_HEIGHT
    drawn.append(_arrow(end))
    drawn.append(_box("end", LEFT, end, BOX, 42, "people", "terminal, HTML, Slack, ..."))
    order = {stage.verb: number for number, stage in enumerate(rows)}
    for name, what, first, last in SHELLS:
        y = top + order[first] * ROW_HEIGHT
        height = (order[last] - order[first]) * ROW_HEIGHT + 42
        drawn.append(_box("band", LEFT + BOX + 14, y, WIDTH - LEFT - BOX - 24, height, name, what))
    foot = end + 62
    drawn.append(_text(LEFT, foot, "note", "cali analyze and watch run all stages in one process."))
    drawn.append(_text(LEFT, foot + 18, "note", "Imports: shells → bootstrap → usecases → stages → core."))
    height = foot + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="The stages of CALI, and the functions that run them on AWS">\n<style>{STYLE}</style>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _short(text: str) -> str:
    """Return the output of a row up to its first comma or colon."""
    return re.split(r"[,:]", text)[0]


def _box(kind: str, x: int, y: int, width: int, height: int, title: str, note: str) -> str:
    middle = y + (17 if height < 60 else height // 2 - 4)
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>\n'
        + _text(x + 10, middle, "verb", title)
        + "\n"
        + _text(x + 10, middle + 17, "note", note)
    )


def _text(x: int, y: int, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _arrow(y: int) -> str:
    x = LEFT + BOX // 2
    return f'<path class="line" d="M{x} {y - 14}v11m-4 -5l4 5l4 -5"/>'


def main() -> int:
    TARGET.write_text(picture(stages((ROOT / "README.md").read_text("utf-8"))), "utf-8")
    print(f"drawn: {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
