"""Recordings of real failures and healthy runs, as `lab/recordings` stores them.

A recording is a log as collected, `NAME.log.gz` or `NAME.jsonl.gz`, and beside it `NAME.truth.json`. docs/lab.md
describes both files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cali.core.errors import Misconfigured

SPLITS = ("dev", "sealed")
LOGS = (".log.gz", ".jsonl.gz")
TRUTH = ".truth.json"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InjectedFault(_Strict):
    """One fault: what was done to which service, its root cause, and how a right cause is recognised.

    A cause is right if each pattern of `accept` matches what it asserts. A card shows the fault if `signal` matches its
    lines. Times are seconds since the start of the recording.
    """

    name: str
    kind: str
    target: str
    what: str
    cause: str
    accept: tuple[Pattern, ...] = Field(min_length=1)
    signal: Pattern
    affected: tuple[str, ...] = Field(min_length=1)
    injected: float = Field(ge=0)
    undone: float | None = Field(default=None, ge=0)


class RecordingTruth(_Strict):
    """What happened in a recording. A healthy run has no faults; `kind` then names what it did."""

    format: Literal[1]
    name: str
    system: str
    kind: str
    form: Literal["plain", "cri", "fluentbit"]
    recorded: str
    seconds: float
    services: tuple[str, ...]
    packages: dict[str, str] = Field(default_factory=dict)
    faults: tuple[InjectedFault, ...]


class Recording(BaseModel):
    """The log of a run and its truth."""

    model_config = ConfigDict(frozen=True)

    split: str
    log: Path
    truth: RecordingTruth

    @property
    def name(self) -> str:
        return self.truth.name


def load(folder: Path, splits: tuple[str, ...] = SPLITS) -> list[Recording]:
    """Read the recordings of a folder by name, split by split. Raise Misconfigured if one of them is not valid."""
    found = [
        _recording(path, split) for split in splits for path in sorted((folder / split).glob(f"*{TRUTH}"))
    ]
    if not found:
        raise Misconfigured(f"{folder}: no recordings; name a folder that holds dev/ or sealed/")
    return found


def _recording(path: Path, split: str) -> Recording:
    name = path.name.removesuffix(TRUTH)
    logs = [log for ending in LOGS if (log := path.with_name(name + ending)).exists()]
    if len(logs) != 1:
        raise Misconfigured(f"{path}: needs exactly one log beside it, {name}.log.gz or {name}.jsonl.gz")
    try:
        truth = RecordingTruth.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(f"{path}: {where}: {first['msg']}") from None
    if truth.name != name:
        raise Misconfigured(f"{path}: name: is {truth.name!r}, but the file is called {name!r}")
    return Recording(split=split, log=logs[0], truth=truth)
