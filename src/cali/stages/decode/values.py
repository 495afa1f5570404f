"""Values in the header or the fields of a line: levels, statuses, time stamps.

A text stamp has three parts: the text up to the minute, the seconds, and a tail (a zone or a year). Parsed minutes are
cached, so most stamps cost one look-up and one float. The words of a message never count as a level.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cali.core.models import Severity

_WORDS = {
    Severity.TRACE: "trace trc trce finest finer all silly t spam",
    Severity.DEBUG: "debug dbg dbug fine config verbose vrb vbs d",
    Severity.INFO: "info inf information informational i log normal http ok success default",
    Severity.NOTICE: "notice note n",
    Severity.WARNING: "warning warn wrn w",
    Severity.ERROR: "error err e severe fail failed failure",
    Severity.CRITICAL: "critical crit crt fatal ftl f panic dpanic emerg emergency alert c",
}
_LEVELS = {word: severity for severity, words in _WORDS.items() for word in words.split()}
_SYSLOG = (
    Severity.CRITICAL,
    Severity.CRITICAL,
    Severity.CRITICAL,
    Severity.ERROR,
    Severity.WARNING,
    Severity.NOTICE,
    Severity.INFO,
    Severity.DEBUG,
)


def parse_level(word: str) -> Severity | None:
    """Return the severity of a level word in any case and any logger's spelling, or None for any other word.

    Trailing digits (Postgres: DEBUG1 to DEBUG5) are ignored, because a layout must not depend on digits.
    """
    return _LEVELS.get(word) or _LEVELS.get(word.strip().lower().rstrip("0123456789"))


def from_number(level: float) -> Severity | None:
    """Return the severity of a numeric level, or None: 0 to 7 as in syslog and GELF, 10 and up as in bunyan and pino."""
    if 0 <= level <= 7:
        return _SYSLOG[int(level)]
    if not 10 <= level <= 100:
        return None
    steps = (Severity.TRACE, Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR)
    return steps[int(level) // 10 - 1] if level < 60 else Severity.CRITICAL


LEVELS: dict[str | int, Severity] = {word: _LEVELS[word] for word in _LEVELS}
"""Severities of the most frequent level words and numbers: a look-up replaces a call."""
LEVELS.update({level: found for level in range(101) if (found := from_number(level)) is not None})


def from_priority(digits: str) -> Severity | None:
    """Return the severity in a syslog priority (`<34>`): the priority modulo eight."""
    return _SYSLOG[int(digits) % 8] if digits.isdigit() and len(digits) <= 3 else None


def from_status(digits: str) -> Severity | None:
    """Return the severity of an HTTP status: error for 5xx, notice for 4xx, info for the rest."""
    if len(digits) != 3 or not "100" <= digits <= "599":
        return None
    if digits >= "500":
        return Severity.ERROR
    return Severity.NOTICE if digits >= "400" else Severity.INFO


_MONTHS = {
    m: i
    for i, m in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_MINUTES = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<mo>\d\d)[-/.](?P<d>\d\d)[T ](?P<h>\d\d):(?P<mi>\d\d)", re.ASCII),
    re.compile(r"(?P<yy>\d\d)/(?P<mo>\d\d)/(?P<d>\d\d) (?P<h>\d\d):(?P<mi>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})?(?P<mo>\d\d)(?P<d>\d\d) (?P<h>\d\d):(?P<mi>\d\d)", re.ASCII),
    re.compile(r"(?:\w{3},? )?(?P<mo>[A-Za-z]{3}) +(?P<d>\d\d?) (?P<h>\d\d):(?P<mi>\d\d)", re.ASCII),
    re.compile(
        r"(?P<d>\d\d?)[-/ ](?P<mo>[A-Za-z]{3})[-/ ](?P<y>\d{4})[: ]{1,2}(?P<h>\d\d):(?P<mi>\d\d)", re.ASCII
    ),
)
_ZONE = re.compile(r" ?(?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)?", re.ASCII)
_ZONES = {
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "CET": 1,
    "CEST": 2,
    "BST": 1,
    "MSK": 3,
    "HKT": 8,
    "SGT": 8,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
}
_YEAR = re.compile(r" (?P<y>\d{4})", re.ASCII)
_ISO = re.compile(
    r"(?P<t>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d)(?::(?P<s>\d\d)(?P<f>[.,]\d{1,12})?)?(?P<z> ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?",
    re.ASCII,
)
_PLAIN_SECONDS = re.compile(r"\d\d(?:\.\d{1,12})?Z\Z", re.ASCII).match
_LIMIT = 4096
_KILOSECONDS = 7  # digits of an epoch in seconds without its last three
_TO_MINUTE = len("2026-11-20T10:00")


class TimestampParser:
    """A parser of time stamps. `year` completes stamps without one (klog, syslog). Without it, such lines have no time."""

    def __init__(self, year: int | None = None) -> None:
        self._year = year
        self._minutes: dict[str, float | None] = {}
        self._zulu: dict[
            str, float
        ] = {}  # the same, keyed by `2026-11-20T10:00:`, for stamps that end with Z

    def stamp(self, minute: str, seconds: str, tail: str) -> float | None:
        """Return seconds since the epoch for `2026-11-20T10:00`, `05.123`, `+02:00`. A stamp without a zone is UTC."""
        key = minute + tail
        try:
            start = self._minutes[key]
        except KeyError:
            start = self._remember(key, minute, tail)
        if start is None:
            return None
        try:
            return start + float(seconds)
        except ValueError:
            return start + float(seconds.replace(",", "."))

    def value(self, value: object) -> float | None:
        """Return the time in a JSON value: an ISO string, or an epoch in s, ms, us or ns. Otherwise return None."""
        if value.__class__ is str:
            # Fast path: the format of most encoders, in a cached minute.
            start = self._zulu.get(value[:17])
            if start is not None and _PLAIN_SECONDS(value, 17):
                return start + float(value[17:-1])
            return self._text(str(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _epoch(float(value))
        return None

    def _text(self, value: str) -> float | None:
        match = _ISO.match(value)
        if match:
            return self.stamp(match["t"], (match["s"] or "0") + (match["f"] or ""), match["z"] or "")
        try:
            return _epoch(float(value)) if len(value) < 32 else None
        except ValueError:
            return None

    def _remember(self, key: str, minute: str, tail: str) -> float | None:
        if len(self._minutes) >= _LIMIT:
            self._minutes.clear()
            self._zulu.clear()
        start = self._minutes[key] = self._minute(minute, tail)
        if tail == "Z" and len(minute) == _TO_MINUTE and start is not None:
            self._zulu[f"{minute}:"] = start
        return start

    def _minute(self, minute: str, tail: str) -> float | None:
        if len(minute) == _KILOSECONDS and minute.isdigit():
            return int(minute) * 1000.0
        for pattern in _MINUTES:
            match = pattern.fullmatch(minute)
            if match:
                break
        else:
            return None
        parts = match.groupdict()
        late = _YEAR.fullmatch(tail)
        short = parts.get("yy")
        year = parts.get("y") or (short and f"20{short}") or (late and late["y"]) or self._year
        month = parts["mo"]
        number = int(month) if month.isdigit() else _MONTHS.get(month.lower())
        if not year or not number:
            return None
        try:
            moment = datetime(
                int(year), number, int(parts["d"]), int(parts["h"]), int(parts["mi"]), tzinfo=UTC
            )
        except ValueError:
            return None
        return moment.timestamp() - _offset(tail)


def _offset(tail: str) -> int:
    zone = _ZONE.fullmatch(tail)
    if not zone:
        return _ZONES.get(tail.strip(), 0) * 3600
    seconds = int(zone["h"]) * 3600 + int(zone["m"] or 0) * 60
    return -seconds if zone["sign"] == "-" else seconds


def _epoch(number: float) -> float | None:
    """Return an epoch in seconds. Until 2286 an epoch in seconds has ten digits; each finer unit adds three."""
    for unit in (1.0, 1e3, 1e6, 1e9):
        if 1e8 <= number / unit < 1e10:
            return number / unit
    return None
