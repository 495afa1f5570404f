"""The text of a block, and its gist: the part that names the failure, from which the template is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.stages.join.line_patterns import FRAMES

if TYPE_CHECKING:
    from cali.core.models import Block

_CAP = 2048  # maximum characters of a gist that is the whole text: enough to distinguish two documents
_SCAN = 600  # maximum lines scanned; a block holds fewer


_NAME = r"(?:[A-Za-z_][\w$]*[.+])*[\w$]*"
# A line that names an exception, after any prefix of the runtime. Group 1 is the exception and its message.
_EXCEPTION = re.compile(
    r"\s*(?:\| )?(?:Caused by: |Suppressed: |Wrapped by: |---> |\[cause\]: |Next |Uncaught |Unhandled exception\. )?"
    r"\[?(" + _NAME + r"(?:Exception|Error|Throwable|Failure|Fault|Warning|Exit|Interrupt|Group|Rejection)"
    r"(?:`\d+)?(?: \[\w+\])?(?:: .*|:?\s*$))"
)
_LINK = re.compile(r"Caused by: |\s+---> |\s+\[cause\]: |Next ")
_SIDE = re.compile(r"\s+(?:Suppressed|Caused by): ")  # indented, so not part of the chain of causes
_NATIVE = re.compile(r"\[signal SIG|fatal error: ")  # Go writes these lines below the head
_FIELD = re.compile(r"(?:.*[\s\]])?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
_SKIPPED_HEAD = re.compile(
    r"\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):\s*$"
    r"|(?:(?:file://)?/\S*|node:\S+|[A-Z]:\\\S*):\d+$|\s+File \""
)
_ERLANG_REASON = re.compile(r"\*\* [Rr]eason for termination|\s+exception (?:error|exit|throw): (.*)")
_PYTHON_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")
_ERLANG_WHO = re.compile(r"\s+initial call: (.*)")
_CHAINED = re.compile(r"During handling of the above|The above exception was")
_GOROUTINE = re.compile(r"goroutine \d+ |stack backtrace:|Stack trace:|\[stacktrace\]|" + r"\S+\.rb:\d+:in ")


def text(block: Block) -> str:
    """Return the text of a log call: lines joined by newlines, pieces of a cut line without one."""
    records = block.records
    if len(records) == 1:
        return records[0].message
    parts: list[str] = []
    for record in records:
        parts.append(record.message)
        parts.append("" if record.partial else "\n")
    return "".join(parts[:-1])


def gist(text: str) -> str:
    """Return the text from which the template is made.

    The gist of one line is that line. The gist of a trace is the head, the outermost exception and the root exception,
    without frames. The gist of any other block is its text on one line, cut to a bounded length.
    """
    if "\n" not in text:
        return text
    lines = text.split("\n", _SCAN)[:_SCAN]
    if _PYTHON_WARNING.match(lines[0]):
        return _flat([line for line in lines if not line[:1].isspace()])  # without its source line
    if (report := _of_erlang(lines)) is not None:
        return report
    if _is_trace(lines):
        return _of_trace(lines)
    # Cut a Postgres error before its fields: the failed statement would give each error its own template.
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
        ends = ends[-1:]  # the head already names the outermost exception
    for name, _ in ends:
        if not any(name in line for line in parts):
            parts.append(name)
    return "\n".join(parts) or next((line.strip() for line in reversed(lines) if line.strip()), "")


def _of_erlang(lines: list[str]) -> str | None:
    """Return who stopped and why, of a crash report. State, process ids and counters differ in each report."""
    reason = next((at for at, line in enumerate(lines) if _ERLANG_REASON.match(line)), None)
    if reason is None:
        return None
    match = _ERLANG_REASON.match(lines[reason])
    if match and match[1]:
        who = next((f"{found[1]}: " for line in lines if (found := _ERLANG_WHO.match(line))), "")
        return f"crasher: {who}{match[1]}"
    head = lines[1] if lines[0].startswith("=") and len(lines) > 1 else lines[0]
    return "\n".join([head.strip(), *(line.strip("* ") for line in lines[reason + 1 : reason + 2])])


class _NamedException(NamedTuple):
    name: str
    is_cause: bool = False  # the trace marks it as the cause of the exception above it


def _exceptions(lines: list[str]) -> list[_NamedException]:
    """Return the exceptions that a trace names, in order.

    The first and the last are the ends of the chain of causes. The runtime determines which end is the root, so both count.
    """
    found: list[_NamedException] = []
    code = False  # the previous line is a Python frame, so an indented line is its source code
    in_python = False  # a Python frame followed the last exception
    for line in lines:
        is_frame = line.lstrip(" |").startswith('File "')
        if is_frame or (code and line[:1].isspace()):
            code, in_python = is_frame, True
            continue
        code = False
        if _NATIVE.match(line):
            found.append(_NamedException(line))
        elif not _SIDE.match(line) and (match := _EXCEPTION.match(line)):
            name = match[1].rstrip(" {")  # Node opens its properties on the same line
            found.append(
                _NamedException(name if "[" in name else name.rstrip("]"), _LINK.match(line) is not None)
            )
            in_python = False
        elif in_python and not line[:1].isspace() and not _CHAINED.match(line) and line:
            found.append(
                _NamedException(line)
            )  # an exception without a telling suffix, such as "mypkg.Halt: x"
            in_python = False
    return found
