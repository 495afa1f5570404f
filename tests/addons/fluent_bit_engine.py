"""What Fluent Bit makes of a container's log file under our configuration: its documented steps, for tests.

    tail (cri) -> multiline -> kubernetes -> record_modifier -> kinesis_streams

The state machine follows `flb_ml_rule.c`: rules that continue are tried first, then those of `start_state`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.addons.fluent_bit_format import Rule, Section

_CRI = re.compile(r"(?P<time>\S+) (?P<stream>stdout|stderr) (?P<_p>[FP]) (?P<log>.*)", re.DOTALL)
_START = "start_state"

Row = dict[str, Any]


def tail(lines: Iterable[str]) -> Iterator[Row]:
    """The built-in parser `cri`: pieces of a line are put together by stream; the record keeps the first piece's keys."""
    open_: dict[str, Row] = {}
    for line in lines:
        match = _CRI.fullmatch(line)
        if match is None:
            yield {"log": line}
            continue
        row: Row = match.groupdict()
        known = open_.pop(row["stream"], None)
        if known is not None:
            known["log"] += row["log"]
        whole = known or row
        if row["_p"] == "F":
            yield whole
        else:
            open_[row["stream"]] = whole
    yield from open_.values()


def multiline(rows: Iterable[Row], rules: Sequence[Rule], group: str) -> Iterator[Row]:
    """The filter of that name with one parser of type `regex`; at the end what is left is flushed, as on its timer."""
    open_: dict[str, tuple[Row, str]] = {}
    for row in rows:
        key, line = str(row.get(group, "")), row["log"]
        held, state = open_.get(key, (None, ""))
        after = _after(rules, state, line) if held is not None else None
        if held is not None and after is not None:
            joined = held["log"] if held["log"].endswith("\n") else held["log"] + "\n"
            held["log"] = joined + (line or "\n")
            open_[key] = (held, after)
            continue
        begun = _after(rules, _START, line)
        if held is not None:
            yield held
            del open_[key]
        if begun is None:
            yield row
        else:
            open_[key] = (dict(row), begun)
    yield from (held for held, _ in open_.values())


def _after(rules: Sequence[Rule], state: str, line: str) -> str | None:
    return next((rule.after for rule in rules if state in rule.before and rule.pattern.search(line)), None)


def record(row: Row, metadata: Mapping[str, Any], removed: Iterable[str], output: Section) -> bytes:
    """The data of a record of Kinesis: metadata added, keys removed, the time appended as text, gzipped by itself."""
    stamp = datetime.fromisoformat(row["time"].replace("Z", "+00:00")).astimezone(UTC)
    body = {key: value for key, value in {**row, "kubernetes": metadata}.items() if key not in removed}
    shown = output["time_key_format"].replace("%3N", f"{stamp.microsecond // 1000:03d}")
    text = orjson.dumps(body)[:-1] + f',"{output["time_key"]}":"{stamp.strftime(shown)}"}}\n'.encode()
    return gzip.compress(text) if output.all("compression") == ["gzip"] else text
