"""Stack traces: the exception that a trace ends with, and the first frame that belongs to the application.

Each language is one row: how it writes the exception, how it writes a frame, and the paths of its libraries.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.stages.reason.numbered_lines import NumberedLine

RUBY_PLACE = re.compile(r"^\S+:\d+:in [`'][^']*': ")  # Ruby's head of a trace is also its first frame
MESSAGE = 160  # maximum characters of an exception's message in an answer


class Language(NamedTuple):
    """How one language writes a trace. The groups are `type` and `message`, and `place`, `file` and `line`.

    `cause` marks the line that starts a nested cause; the last one is the root. `innermost` is true if the frame nearest to
    the error comes last.
    """

    name: str
    exception: re.Pattern[str]
    frame: re.Pattern[str]
    library: re.Pattern[str]
    innermost: bool = False


class Frame(NamedTuple):
    """A frame of the application: its line of the log, the function, and the file with the line number."""

    line: NumberedLine
    function: str
    source: str

    def __str__(self) -> str:
        return f"`{self.function}` ({self.source})" if self.function else self.source


class Trace(NamedTuple):
    """An exception as a trace reports it. `frame` is None if only libraries are in the trace."""

    language: str
    type: str
    message: str
    line: NumberedLine
    frame: Frame | None


def _language(name: str, exception: str, frame: str, library: str, *, innermost: bool = False) -> Language:
    return Language(name, re.compile(exception), re.compile(frame), re.compile(library), innermost)


# Java and .NET: the packages of libraries. A frame of any other package belongs to the application.
_JAVA_LIBRARIES = (
    r"^(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|akka|groovy|reactor|io\.netty|io\.micrometer|org\.springframework|org\.apache"
    r"|org\.hibernate|org\.eclipse|org\.jboss|org\.junit|com\.fasterxml|com\.google\.common|com\.zaxxer|okhttp3|retrofit2|feign"
    r"|io\.undertow|io\.quarkus|io\.vertx|org\.postgresql|com\.mysql)\."
)
LANGUAGES = (
    _language(
        "python",
        r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$",
        r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<place>\S+))?',
        r"site-packages|dist-packages|[/\\]lib(?:64)?[/\\]python\d|^<|[/\\]importlib[/\\]",
        innermost=True,
    ),
    _language(
        "java",
        r"(?:^|Caused by: |Exception in thread \"[^\"]*\" |: |\s)(?P<type>(?:java|kotlin|scala|javax|jakarta)\.[\w.]*[A-Z]\w*(?:Exception|Error))(?:: (?P<message>.*))?$",
        r"^\s*at (?:[\w.@-]+/)*(?P<place>[\w.$<>]+)\((?P<file>\w+\.(?:java|kt|scala|groovy)):(?P<line>\d+)\)",
        _JAVA_LIBRARIES,
    ),
    _language(
        "node",
        r"(?:^|Uncaught |\s)(?P<type>TypeError|ReferenceError|RangeError|SyntaxError)(?: \[\w+\])?: (?P<message>.*)$",
        r"^\s*at (?:(?:async )?(?P<place>[^()]+?) \()?(?:file://)?(?P<file>(?:/|[A-Za-z]:\\|webpack|\.)[^():]*):(?P<line>\d+):\d+\)?$",
        r"node_modules|^node:|internal/",
    ),
    _language(
        "go",
        r"(?:^|\s)(?P<type>panic): (?P<message>.*)$",
        r"^\s*(?P<file>/\S+\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$",
        r"/usr/local/go/|/libexec/src/|/pkg/mod/|/go/src/(?:runtime|net|reflect)/|/src/runtime/|/vendor/",
    ),
    _language(
        "ruby",
        r"(?P<message>\S.*) \((?P<type>[A-Z]\w*(?:::\w+)*Error)\)(?::.*)?$|^(?P<type2>[A-Z]\w*Error) \((?P<message2>.+?)\):?$",
        r"^\s*(?:from )?(?P<file>[\w./-]+\.rb):(?P<line>\d+):in [`'](?P<place>[^']+)'",
        r"/gems/|/ruby/\d|/lib/ruby|^<internal",
    ),
    _language(
        "dotnet",
        r"(?:^|---> |: |\s)(?P<type>System\.(?:\w+\.)*\w+Exception)(?: \([^)]*\))?: (?P<message>.*)$",
        r"^\s*at (?P<place>[\w.`<>\[\]$]+)\(.*?\)(?: in (?P<file>\S.*?):line (?P<line>\d+))?$",
        r"^(?:System|Microsoft|lambda_method)\b",
    ),
    _language(
        "php",
        r"(?:PHP )?Fatal error: +Uncaught (?P<type>(?:\w+\\)*\w*(?:Error|Exception)): (?P<message>.*?) in (?P<file>/\S+?)(?::|on line )(?P<line>\d+)",
        r"^#\d+ (?P<file>/\S+?)\((?P<line>\d+)\): (?P<place>[\w\\>:-]+)",
        r"/vendor/",
    ),
)  # fmt: skip


def read_trace(lines: Sequence[NumberedLine]) -> Trace | None:
    """Return the exception of the last trace in an event's lines, or None if there are no frames."""
    for language in LANGUAGES:
        found = _read(language, lines)
        if found:
            return found
    return None


def _read(language: Language, lines: Sequence[NumberedLine]) -> Trace | None:
    frames = [
        (place, match) for place, line in enumerate(lines) if (match := language.frame.search(line.text))
    ]
    heads = [
        (place, match) for place, line in enumerate(lines) if (match := language.exception.search(line.text))
    ]
    if language.innermost:  # Python: frames come first, then the exception in the first column
        heads = [(place, match) for place, match in heads if frames and place > frames[0][0]]
        heads = [(place, match) for place, match in heads if _is_exception(match["type"])]
    else:
        heads = [(place, match) for place, match in heads if _has_frames(place, frames, language)]
    if not heads or not (frames or "file" in heads[-1][1].re.groupindex):
        return None
    place, head = heads[-1]
    named = head.groupdict()
    type_, message = (
        named["type"] or named.get("type2") or "",
        named["message"] or named.get("message2") or "",
    )
    return Trace(
        language.name,
        type_,
        " ".join(RUBY_PLACE.sub("", message).split())[:MESSAGE],
        lines[place],
        _own_frame(language, place, head, frames, lines),
    )


def _is_exception(name: str) -> bool:
    last = name.rsplit(".", 1)[-1]
    return last.endswith(("Error", "Exception", "Interrupt", "Exit", "Iteration")) and last[:1].isupper()


def _has_frames(place: int, frames: Sequence[tuple[int, re.Match[str]]], language: Language) -> bool:
    if language.name == "php":
        return True
    return any(at >= place for at, _ in frames) or (language.name == "ruby" and bool(frames))


def _own_frame(
    language: Language,
    place: int,
    head: re.Match[str],
    frames: Sequence[tuple[int, re.Match[str]]],
    lines: Sequence[NumberedLine],
) -> Frame | None:
    """Return the frame of the application that is nearest to the error."""
    near = [item for item in frames if item[0] <= place][::-1] if language.innermost else frames
    if not language.innermost:
        near = [item for item in frames if item[0] >= place] or list(frames)
    if language.name == "php" and not language.library.search(head["file"]):
        return Frame(lines[place], "", f"{head['file']}:{head['line']}")
    for at, match in near:
        parts = match.groupdict()
        file, function = parts.get("file") or "", parts.get("place") or ""
        subject = function if language.name in {"java", "dotnet"} else file
        if not language.library.search(subject):
            source = f"{file}:{parts['line']}" if file else function
            if language.name == "go" and at:
                function = lines[at - 1].text.strip().split("(", 1)[0]
            return Frame(lines[at], function if source != function else "", source)
    return None
