"""Which keys of a JSON log line mean what. The plan for an object is a pure function of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Fluent Bit, pino, bunyan, zap, logrus, structlog, ECS, Serilog, winston, log4j2, GELF, journald ... write.
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


class Plan(NamedTuple):
    """Where to look in objects with one set of keys; each tuple is in the order in which keys are trusted."""

    message: tuple[str, ...]
    level: tuple[str, ...]
    time: tuple[str, ...]
    stacks: tuple[str, ...]
    explain: tuple[str, ...]
    workload: tuple[str, ...]
    status: tuple[str, ...]
    exit: tuple[str, ...]
    pod: bool  # Fluent Bit's kubernetes filter saw it
    raw: bool  # the message is a collected line: it is decoded again
    docker: bool
    serilog: bool
    graded: bool  # some key may tell the severity
    explained: bool  # some key may tell why it failed
    tags: tuple[str, ...]  # marks of a line that the runtime cut
    bare: bool  # nothing but a message: an envelope around a line
    kind: str  # "mongo", "event", or "" for all others


def plan(keys: tuple[str, ...]) -> Plan:
    """The plan for an object with these keys."""
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
    return Plan(
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


def is_cut(doc: Mapping[str, Any], where: Plan) -> bool:
    """Whether a collector marked the line in this object as one that goes on."""
    return any(doc[tag] in ("P", "true", True) for tag in where.tags)
