"""JSON log lines: the application's message, and the fields that explain a failure.

The plan of an object says which key holds which value. It is a pure function of the object's keys.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.models import Severity
from cali.stages.decode.scope import workload_of
from cali.stages.decode.values import LEVELS, from_number, from_status, parse_level

if TYPE_CHECKING:
    from collections.abc import Mapping

_new = tuple.__new__  # costs half as much as calling the named tuple; it runs for every line
_NOTHING = ("null", "undefined", "None", "nil", "<nil>")
_HOLE = re.compile(r"\{[@$]?(?P<name>\w+)(?:[,:][^}]*)?\}")
_STACK_KEYS = (
    "stack",
    "stack_trace",
    "stacktrace",
    "stackTrace",
    "StackTrace",
    "extendedStackTrace",
    "traceback",
)

# Keys that Fluent Bit, pino, bunyan, zap, logrus, structlog, ECS, Serilog, winston, log4j2, GELF and journald write.
_MESSAGE = (
    "msg", "message", "@m", "@mt", "short_message", "event", "log", "MESSAGE", "text", "textPayload", "full_message", "body",
    "RenderedMessage", "Message", "MessageTemplate",
)  # fmt: skip
_LEVEL = (
    "level", "severity", "log.level", "lvl", "levelname", "loglevel", "logLevel", "log_level", "severity_text", "severityText",
    "@l", "level_name", "LogLevel", "Level", "PRIORITY", "priority",
)  # fmt: skip
_TIME = (
    "@timestamp", "time", "timestamp", "ts", "date", "@t", "t", "asctime", "datetime", "eventTime", "instant", "timeMillis",
    "__REALTIME_TIMESTAMP", "Timestamp", "lastTimestamp", "eventTimestamp",
)  # fmt: skip
_STACKS = (
    "stack", "stack_trace", "stacktrace", "stackTrace", "error.stack_trace", "err.stack", "error.stack", "exception.stacktrace",
    "exc_info", "exception", "@x", "thrown", "traceback", "backtrace", "full_message", "Exception",
)  # fmt: skip
_EXPLAIN = (
    "error", "err", "reason", "cause", "error.message", "error.type", "error.code", "exception.message", "err.message", "errmsg",
    "status", "status_code", "statusCode", "http.response.status_code", "code", "exit_code", "exitCode",
)  # fmt: skip
_WORKLOAD = (
    "service",
    "service.name",
    "service_name",
    "serviceName",
    "app",
    "application",
    "app_name",
    "appname",
    "_app",
)
_STATUS = ("status", "status_code", "statusCode", "http.response.status_code")
_EXIT = ("exit_code", "exitCode", "exitcode")
_TAGS = ("logtag", "_p", "partial_message")
_DOCKER = frozenset({"log", "stream", "time", "attrs"})


class KeyPlan(NamedTuple):
    """The keys to read from objects that share a set of keys. Each tuple is ordered by trust."""

    message: tuple[str, ...]
    level: tuple[str, ...]
    time: tuple[str, ...]
    stacks: tuple[str, ...]
    explain: tuple[str, ...]
    workload: tuple[str, ...]
    status: tuple[str, ...]
    exit: tuple[str, ...]
    pod: bool  # Fluent Bit's kubernetes filter added its metadata
    raw: bool  # the message is a collected line and is decoded too
    docker: bool
    serilog: bool
    graded: bool  # at least one key can give the severity
    explained: bool  # at least one key can give the reason of a failure
    tags: tuple[str, ...]  # keys that mark a line cut by the runtime
    bare: bool  # only a message: an envelope around a line
    kind: str  # "mongo", "event", or "" for other objects


def plan(keys: tuple[str, ...]) -> KeyPlan:
    """Return the plan for an object with these keys."""
    have = frozenset(keys)

    def present(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in have)

    pod = "kubernetes" in have
    message, level = present(_MESSAGE), present(_LEVEL)
    collected = "log" in have and bool(have & {"stream", "kubernetes", "time", "date", "@timestamp"})
    if collected:
        message = ("log", *(name for name in message if name != "log"))
    serilog = bool(have & {"@m", "@mt"})
    kind = (
        "mongo"
        if {"t", "s", "msg"} <= have
        else "event"
        if {"involvedObject", "reason", "type"} <= have
        else ""
    )
    workload, tags = present(_WORKLOAD), present(_TAGS)
    graded = serilog or ("log" in have and len(message) > 1) or bool(have & {*_LEVEL, *_STATUS, *_EXIT})
    explained = bool(have & {*_STACKS, *_EXPLAIN})
    return KeyPlan(
        message=message,
        level=level,
        time=present(_TIME),
        stacks=present(_STACKS),
        explain=present(_EXPLAIN),
        workload=workload,
        status=present(_STATUS),
        exit=present(_EXIT),
        pod=pod,
        raw=not serilog and not kind and not (level and not collected),
        docker={"log", "stream"} <= have <= _DOCKER,
        serilog=serilog,
        graded=graded,
        explained=explained,
        tags=tags,
        bare=len(message) == 1 and not (kind or serilog or graded or explained or workload),
        kind=kind,
    )


def is_cut(doc: Mapping[str, Any], where: KeyPlan) -> bool:
    """Return True if a collector marked the line in this object as cut."""
    return any(doc[tag] in ("P", "true", True) for tag in where.tags)


class ObjectText(NamedTuple):
    """The content of an object. `text` is the message, or empty. `more` explains the message and is appended to it."""

    text: str
    more: str
    severity: Severity | None
    workload: str


_NO_TEXT = ObjectText("", "", None, "")


def object_text(doc: Mapping[str, Any], plan: KeyPlan) -> ObjectText:
    """Return the content of an object. Without a message, its error is the message. A status alone is not a message."""
    text = ""
    for key in plan.message:
        value = doc[key]
        if value.__class__ is str and value and not value.isspace():
            text = _filled(value, doc) if key == "@mt" else value
            break
    more = _more(doc, plan, text) if plan.explained else ""
    if not text:
        has_error = plan.stacks or any(doc[key] for key in plan.explain if key not in plan.status)
        text, more = (more.strip(), "") if has_error else ("", "")
    severity = _severity(doc, plan) if plan.graded else None
    return _new(ObjectText, (text, more, severity, _workload(doc, plan) if plan.workload else ""))


def envelope_text(doc: Mapping[str, Any], plan: KeyPlan) -> ObjectText:
    """Return the same as `object_text`, for an object whose only content is one message."""
    value = doc[plan.message[0]]
    if value.__class__ is str and value and not value.isspace():
        return _new(ObjectText, (value, "", None, ""))
    return _NO_TEXT


def _filled(template: str, doc: Mapping[str, Any]) -> str:
    """Fill a Serilog message template with the values in the line."""
    return _HOLE.sub(lambda hole: _flat(doc[hole["name"]]) if hole["name"] in doc else hole[0], template)


def load(raw: bytes | str) -> dict[str, Any] | None:
    """Parse a JSON object. Return None if the text is not JSON or not an object."""
    try:
        doc = orjson.loads(raw)
    except ValueError:
        doc = _lenient(raw)
    return doc if doc.__class__ is dict else None


def _lenient(raw: bytes | str) -> Any:
    """Parse JSON that contains NaN or Infinity, as Python's encoder writes it. Both become null."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    if "NaN" not in text and "Infinity" not in text:
        return None
    try:
        return orjson.loads(orjson.dumps(json.loads(text)))
    except (ValueError, TypeError, RecursionError):
        return None


def special_text(doc: Mapping[str, Any], kind: str) -> ObjectText | None:
    """Return the content of a MongoDB line or a Kubernetes event."""
    return _mongo(doc) if kind == "mongo" else _event(doc)


def _event(doc: Mapping[str, Any]) -> ObjectText | None:
    about, text, reason = doc["involvedObject"], doc.get("message") or doc.get("note"), doc["reason"]
    if (
        not isinstance(about, dict)
        or not isinstance(text, str)
        or not isinstance(reason, str)
        or not text.strip()
    ):
        return None
    kind, name = about.get("kind"), about.get("name")
    workload = name if isinstance(name, str) else ""
    if kind == "Pod":
        workload = workload_of(workload)
    level = doc["type"]
    return ObjectText(
        f"{reason} {text}", "", parse_level(level) if isinstance(level, str) else None, workload
    )


def _mongo(doc: Mapping[str, Any]) -> ObjectText | None:
    """Return the content of a MongoDB line: `s` is the letter of the level, `attr` holds the error."""
    letter, text, attr = doc.get("s"), doc.get("msg"), doc.get("attr")
    if not isinstance(letter, str) or not isinstance(text, str) or not text.strip():
        return None
    error = attr.get("error") if isinstance(attr, dict) else None
    more = f" error={_flat(error)}" if error else ""
    return ObjectText(text, more, parse_level(letter[:1]), "")


def _severity(doc: Mapping[str, Any], plan: KeyPlan) -> Severity | None:
    """Return the severity from the level field, else from an HTTP status or an exit code.

    The level field comes first because the author of the line chose it.
    """
    for key in plan.level:
        value = doc[key]
        found = LEVELS.get(value) if value.__class__ is str or value.__class__ is int else None
        if found is None:
            found = _level(value)
        if found is not None:
            return found
    log = doc.get("log")
    if log.__class__ is dict and (found := _level(log.get("level"))) is not None:
        return found
    for key in plan.status:
        status = doc[key]
        if status.__class__ is int or (status.__class__ is str and status.isdigit()):
            found = from_status(str(status))
            if found is not None:
                # If an object holds an error besides a 4xx status, refine decides by the error's words.
                has_error = found < Severity.ERROR and any(
                    doc[key] for key in plan.explain if key not in plan.status
                )
                return None if has_error else found
    for key in plan.exit:
        code = doc[key]
        if code.__class__ is int:
            return Severity.ERROR if code else Severity.INFO
    return Severity.INFO if plan.serilog and "@l" not in doc else None


def _level(value: object) -> Severity | None:
    if value.__class__ is str:
        word = str(value)
        if word.isdecimal() and word.isascii():
            return from_number(int(word)) if len(word) < 4 else None
        return parse_level(word)
    if value.__class__ is int or value.__class__ is float:
        number = float(value)
        return from_number(number)
    if isinstance(value, dict):
        name = value.get("name")
        return parse_level(name) if isinstance(name, str) else None
    return None


def _workload(doc: Mapping[str, Any], plan: KeyPlan) -> str:
    for key in plan.workload:
        value = doc[key]
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, str) and 0 < len(value) <= 128:
            return value
    return ""


def _more(doc: Mapping[str, Any], plan: KeyPlan, text: str) -> str:
    """Return the fields that explain the message: scalars as `key=value` on its line, stacks on separate lines."""
    scalars, stacks = [], []
    for key in plan.explain:
        value = doc[key]
        if not value or value is True or value == text or value in _NOTHING:
            continue
        if isinstance(value, dict):
            line, stack = _error(value, text)
            if line:
                scalars.append(f" {key}={line}")
            if stack:
                stacks.append(stack)
        elif isinstance(value, str) and "\n" in value:
            stacks.append(value)
        else:
            scalars.append(f" {key}={_flat(value)}")
    for key in plan.stacks:
        value = doc[key]
        if not value or value is True or value == text:
            continue
        if isinstance(value, dict):
            line, stack = _error(value, text)
            stacks.extend(part for part in (line if line not in stack else "", stack) if part)
        else:
            stacks.append(value if isinstance(value, str) else _flat(value))
    unique = dict.fromkeys(stack.strip("\r\n") for stack in stacks)
    return "".join(scalars) + "".join(f"\n{stack}" for stack in unique if stack)


def _error(value: dict[str, Any], text: str) -> tuple[str, str]:
    """Return the one-line cause and the stack of an error object, as Node, ECS, log4j2 and .NET write it."""
    stack = next((value[key] for key in _STACK_KEYS if isinstance(value.get(key), str)), "")
    kind = next(
        (
            value[key]
            for key in ("type", "name", "class", "exception_class")
            if isinstance(value.get(key), str)
        ),
        "",
    )
    said = next(
        (
            value[key]
            for key in ("message", "msg", "exception_message", "errmsg")
            if isinstance(value.get(key), str)
        ),
        "",
    )
    if said == text and stack:
        said = ""
    if stack and said and said in stack:
        return "", stack
    if said and kind and not said.startswith(kind):
        return f"{kind}: {said}", stack
    return said or ("" if stack else kind or _flat(value)), stack


def _flat(value: object) -> str:
    """Return a value on one line, or `...` if it is nested too deeply for JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        return "..."
