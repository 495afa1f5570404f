"""The text of a block, and the part of it that names the failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.stages.join.line_patterns import FRAMES

if TYPE_CHECKING:
    from cali.core.models import Block

_CAP = 2048  # characters of a gist that is the whole text: enough to tell two documents apart
_SCAN = 600  # lines looked at; a block holds fewer

_NAME = r"(?:[A-Za-z_][\w$]*[.+])*[\w$]*"
# A line that names an exception, after the marks that runtimes put before it. Group 1 is what is worth keeping.
_EXCEPTION = re.compile(
    r"\s*(?:\| )?(?:Caused by: |Suppressed: |Wrapped by: |---> |\[cause\]: |Next |Uncaught |Unhandled exception\. )?"
    r"\[?(" + _NAME + r"(?:Exception|Error|Throwable|Failure|Fault|Warning|Exit|Interrupt|Group|Rejection)"
    r"(?:`\d+)?(?: \[\w+\])?(?:: .*|:?\s*$))"
)
_LINK = re.compile(r"Caused by: |\s+---> |\s+\[cause\]: |Next ")
_SIDE = re.compile(r"\s+(?:Suppressed|Caused by): ")  # beside the chain of causes, not in it
_NATIVE = re.compile(r"\[signal SIG|fatal error: ")  # Go, below the head
_FIELD = re.compile(r"(?:.*[\s\]])?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
_SKIPPED_HEAD = re.compile(
    r"\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):\s*$"
    r"|(?:(?:file://)?/\S*|node:\S+|[A-Z]:\\\S*):\d+$|\s+File \""
)
_CHAINED = re.compile(r"During handling of the above|The above exception was")
_GOROUTINE = re.compile(r"goroutine \d+ |stack backtrace:|Stack trace:|\[stacktrace\]|" + r"\S+\.rb:\d+:in ")


def text(block: Block) -> str:
    """What the log call wrote: lines joined by newlines, pieces of a line that the runtime cut by nothing."""
    records = block.records
    if len(records) == 1:
        return records[0].message
    parts: list[str] = []
    for record in records:
        parts.append(record.message)
        parts.append("" if record.partial else "\n")
    return "".join(parts[:-1])


def gist(text: str) -> str:
    """What a template is made of: the text itself if it is one line; of a trace the head, the outermost and the root
    exception, without frames; of anything else the whole text on one line, cut to a bounded length."""
    if "\n" not in text:
        return text
    lines = text.split("\n", _SCAN)[:_SCAN]
    if _is_trace(lines):
        return _of_trace(lines)
    # Of a Postgres error, what stands above its fields: the statement that met it would make a template of each.
    field = next((place for place, line in enumerate(lines) if place and _FIELD.match(line)), None)
    if field is not None and (error := _flat(lines[:field])):
        return error
    return _flat(lines)


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())[:_CAP]


def _is_trace(lines: list[str]) -> bool:
    if _SKIPPED_HEAD.match(lines[0]) or lines[0].startswith(("panic: ", "fatal error: ", "thread '")):
        return True
    return any(
        _GOROUTINE.match(line) or _LINK.match(line) or any(frame.match(line) for frame, _ in FRAMES)
        for line in lines
    )


def _of_trace(lines: list[str]) -> str:
    head = None if _SKIPPED_HEAD.match(lines[0]) else lines[0]
    if head is not None and "panicked at" in head and head.endswith(":") and len(lines) > 1:
        return f"{head}\n{lines[1]}"
    named = _exceptions(lines[1:] if head is not None else lines)
    parts = [] if head is None else [head]
    ends = named[:1] + named[1:][-1:]
    if head is not None and ends and ends[0].is_cause:
        ends = ends[-1:]  # the head names the outermost itself
    for name, _ in ends:
        if not any(name in line for line in parts):
            parts.append(name)
    return "\n".join(parts) or next((line.strip() for line in reversed(lines) if line.strip()), "")


class _Named(NamedTuple):
    name: str
    is_cause: bool = False  # said to be the cause of what stands above it


def _exceptions(lines: list[str]) -> list[_Named]:
    """The exceptions that a trace names, in the order in which it prints them. The first and the last of them are the
    two ends of the chain of causes: which of them is the root depends on the runtime, so both count."""
    found: list[_Named] = []
    code = False  # the line above is a frame of Python: an indented line is its source code
    in_python = False  # a frame of Python has come since the last exception
    for line in lines:
        is_frame = line.lstrip(" |").startswith('File "')
        if is_frame or (code and line[:1].isspace()):
            code, in_python = is_frame, True
            continue
        code = False
        if _NATIVE.match(line):
            found.append(_Named(line))
        elif not _SIDE.match(line) and (match := _EXCEPTION.match(line)):
            name = match[1].rstrip(" {")  # Node opens its properties on the same line
            found.append(_Named(name if "[" in name else name.rstrip("]"), _LINK.match(line) is not None))
            in_python = False
        elif in_python and not line[:1].isspace() and not _CHAINED.match(line) and line:
            found.append(_Named(line))  # an exception whose name does not say so, as "mypkg.Halt: x"
            in_python = False
    return found
