"""Parsing of the rules file (YAML). An error is one line: file, line, key path, and what is wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.notify.rules import (
    DAYS,
    Destination,
    Maintenance,
    QuietHours,
    Route,
    Rules,
    SinkUse,
    Storm,
    When,
)

DEFAULT = Rules(routes=(Route("everything", When(), (Destination("console"),)),))
"""Default rules: all incidents from warning up, on the console."""

_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = {"id", "fingerprint", "cluster", "namespace", "workload", "container", "from_ms", "to_ms", "entry"}
_MESSAGES = {
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "too_short": "is empty; add at least one route, or no notification is sent",
}
_MISSING = {"routes": "; add at least one route", "send": "; use an empty list to disable notifications"}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a string")
    return value.strip()


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise ValueError("must be a number, at least 1")
    return float(value)


def _severity(value: Any) -> Severity:
    name = _text(value).upper()
    if name not in Severity.__members__:
        raise ValueError(f"{value!r} is not a severity; use {', '.join(one.label for one in Severity)}")
    return Severity[name]


def _clock(value: Any) -> time:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1440:
        return time(value // 60, value % 60)  # YAML parses 22:00 as 22 * 60
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a time of day
    except ValueError:
        raise ValueError(f"{value!r} is not a time of day; write it like 22:00") from None


def _moment(value: Any) -> float:
    try:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a time; write it like 2026-11-20T22:00:00+09:00") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _zone(value: Any) -> ZoneInfo:
    name = _text(value)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write it like Asia/Seoul") from None


def _link(value: Any) -> str:
    url = _text(value)
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url!r} is not an HTTP URL")
    for name in _FIELD.findall(url):
        if name not in _FIELDS:
            raise ValueError(f"{{{name}}} is not a placeholder; use {', '.join(sorted(_FIELDS))}")
    return url


def _text_keys(value: Any) -> Any:
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else value


def _destination(value: Any) -> Any:
    return {"sink": value} if isinstance(value, str) else value


Text = Annotated[str, PlainValidator(_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]
Number = Annotated[float, PlainValidator(_number)]
SeverityName = Annotated[Severity, PlainValidator(_severity)]
TimeOfDay = Annotated[time, PlainValidator(_clock)]
Moment = Annotated[float, PlainValidator(_moment)]
TimeZone = Annotated[ZoneInfo, PlainValidator(_zone)]


class _Section(BaseModel):
    """A mapping in the file. Keys other than its fields are rejected."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise PydanticCustomError("mapping", "must be a mapping")
        for key in value:
            if key not in cls.model_fields and cls.model_config.get("extra") != "allow":
                known = ", ".join(cls.model_fields)
                raise PydanticCustomError("unknown", "unknown key; use {known}", {"known": known, "key": key})
        return _text_keys(value)


class _SinkSection(_Section):
    model_config = ConfigDict(extra="allow")
    kind: Text


class _WhenSection(_Section):
    scope: Texts = ("*",)
    severity: SeverityName = Severity.WARNING
    tags: Texts = ()

    @field_validator("scope")
    @classmethod
    def _four_parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if pattern.count("/") > 3:
                raise ValueError(f"{pattern!r} has more parts than cluster/namespace/workload/container")
        return value


class _DestinationSection(_Section):
    sink: Text
    channel: Text = ""
    mention: Text = ""


class _RouteSection(_Section):
    name: Text = ""
    when: _WhenSection = _WhenSection()
    send: list[Annotated[_DestinationSection, BeforeValidator(_destination)]]


class _QuietHoursSection(_Section):
    start: TimeOfDay
    end: TimeOfDay
    zone: TimeZone
    days: Texts = DAYS
    let: SeverityName = Severity.CRITICAL

    @field_validator("days")
    @classmethod
    def _weekdays(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for day in value:
            if day not in DAYS:
                raise ValueError(f"{day!r} is not a day; use {', '.join(DAYS)}")
        return value


class _MaintenanceSection(_Section):
    scope: Text = "*"
    start: Moment
    end: Moment
    why: Text = ""

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("start", value - 1):
            raise ValueError("must be after the start")
        return value


class _StormSection(_Section):
    incidents: Number = Storm().incidents
    seconds: Number = Storm().seconds


class _RulesFile(_Section):
    routes: Annotated[list[_RouteSection], Field(min_length=1)]
    sinks: Annotated[dict[str, _SinkSection], BeforeValidator(_text_keys)] = {}
    quiet_hours: _QuietHoursSection | None = None
    maintenance: list[_MaintenanceSection] = []
    storm: _StormSection = _StormSection()
    links: Annotated[dict[str, Annotated[str, PlainValidator(_link)]], BeforeValidator(_text_keys)] = {}


def parse(text: str, name: str) -> Rules:
    """Parse the rules. `name` is the file name for error messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Misconfigured(f"{name}{line}: not YAML: {getattr(error, 'problem', None) or error}") from None
    except (
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:  # a date such as 2026-99-99, or lists nested too deeply
        raise Misconfigured(f"{name}: {error}") from None
    try:
        return _rules(_RulesFile.model_validate(plain))
    except ValidationError as error:
        path, what = _first(error)
        place = ".".join(map(str, path)) or "the file"
        raise Misconfigured(f"{name}:{_line(node, path)}: {place}: {what}") from None


def _rules(file: _RulesFile) -> Rules:
    return Rules(
        routes=tuple(
            Route(
                route.name or f"number {place}",
                When(**dict(route.when)),
                tuple(Destination(**dict(one)) for one in route.send),
            )
            for place, route in enumerate(file.routes, 1)
        ),
        sinks={
            name: SinkUse(one.kind, {key: str(value) for key, value in (one.model_extra or {}).items()})
            for name, one in file.sinks.items()
        },
        quiet_hours=QuietHours(**dict(file.quiet_hours)) if file.quiet_hours else None,
        maintenance=tuple(Maintenance(**dict(one)) for one in file.maintenance),
        storm=Storm(int(file.storm.incidents), file.storm.seconds),
        links=tuple(file.links.items()),
    )


def _first(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Return the path of the first error, and what is wrong there."""
    first = error.errors(include_url=False)[0]
    path, context = first["loc"], first.get("ctx", {})
    match first["type"]:
        case "missing":
            return path[:-1], f"{path[-1]}: missing{_MISSING.get(str(path[-1]), '')}"
        case "unknown":
            return (*path, context["key"]), first["msg"]
        case "value_error":
            return path, str(context["error"])
    return path, _MESSAGES.get(first["type"], first["msg"])


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """Return the line of the deepest part of a path that exists in the file."""
    line = node.start_mark.line if node else 0
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = (node.value[step], node.value[step])
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1
