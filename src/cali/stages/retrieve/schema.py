"""The schema of a knowledge file, and its validation. Imported only to read a file: pydantic takes 0.1 s."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from cali.core.models import KnowledgeEntry, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-.][a-z0-9]+)*$", max_length=96)]
Pattern = Annotated[str, StringConstraints(min_length=1)]
# YAML parses an unquoted day as a date.
Day = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if isinstance(given, date) else given),
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"),
]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is eight times faster


class EntryShape(BaseModel):
    """An entry as written in a file. Unknown keys are faults, so that a misspelt `unless` is reported."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Name
    title: Text
    symptoms: Annotated[list[Text], Field(min_length=1)]
    match: Annotated[list[Pattern | Annotated[list[Pattern], Field(min_length=1)]], Field(min_length=1)]
    cause: Text
    fix: Annotated[list[Text], Field(min_length=1)]
    severity: Literal["critical", "error", "warning"]
    unless: list[Pattern] = []
    references: list[Text] = []
    tags: list[Text] = []

    def entry(self, area: str) -> KnowledgeEntry:
        """Return the entry as the stages use it."""
        return KnowledgeEntry(
            id=self.id,
            title=self.title,
            area=area,
            symptoms=tuple(self.symptoms),
            match=tuple((m,) if isinstance(m, str) else tuple(m) for m in self.match),
            cause=self.cause,
            fix=tuple(self.fix),
            severity=Severity[self.severity.upper()],
            unless=tuple(self.unless),
            references=tuple(self.references),
            tags=tuple(self.tags),
        )


class FileShape(BaseModel):
    """The head of a knowledge file. Entries are validated one by one, so that each fault names its entry."""

    model_config = ConfigDict(extra="forbid")

    version: Day
    area: Name
    entries: list[Any]


class SchemaFault(NamedTuple):
    """A fault and its place: `file: entry id: what`."""

    file: str
    entry: str
    what: str

    def __str__(self) -> str:
        where = f"{self.file}: entry {self.entry}" if self.entry else self.file
        return f"{where}: {self.what}"


class ReadFile(NamedTuple):
    """The content of a file. Entries with a fault are left out."""

    version: str
    entries: tuple[KnowledgeEntry, ...]
    faults: tuple[SchemaFault, ...]


def read(path: Path) -> ReadFile:
    """Read and validate a knowledge file. Invalid content raises nothing."""
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        return ReadFile("", (), (SchemaFault(str(path), "", f"cannot be read: {_line(error)}"),))


def read_text(text: str, file: str) -> ReadFile:
    """Validate the text of a knowledge file. `file` is its name in faults."""
    try:
        raw = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader, in C if available
        head = FileShape.model_validate(raw)
    except yaml.YAMLError as error:
        return ReadFile("", (), (SchemaFault(file, "", f"is not valid YAML: {_line(error)}"),))
    except ValidationError as error:
        return ReadFile("", (), tuple(SchemaFault(file, "", what) for what in _reasons(error)))
    except (
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:  # a date such as 2026-99-99, a number of 5,000 digits
        return ReadFile("", (), (SchemaFault(file, "", f"is not valid YAML: {_line(error)}"),))
    entries: list[KnowledgeEntry] = []
    faults: list[SchemaFault] = []
    for number, item in enumerate(head.entries, start=1):
        name = str(item.get("id") or f"#{number}") if isinstance(item, dict) else f"#{number}"
        try:
            entry = EntryShape.model_validate(item).entry(head.area)
        except ValidationError as error:
            faults += [SchemaFault(file, name, what) for what in _reasons(error)]
            continue
        wrong = [SchemaFault(file, name, what) for what in faulty_patterns(entry)]
        faults += wrong
        if not wrong:
            entries.append(entry)
    return ReadFile(head.version, tuple(entries), tuple(faults))


def faulty_patterns(entry: KnowledgeEntry) -> Iterator[str]:
    """Yield a fault for each pattern of an entry that does not compile."""
    for pattern in (*(p for held in entry.match for p in held), *entry.unless):
        try:
            re.compile(pattern, re.IGNORECASE | re.MULTILINE)
        except (re.error, RecursionError, OverflowError) as error:
            yield f"pattern {pattern!r} does not compile: {_line(error)}"


def _reasons(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(
            str(part) for part in item["loc"] if not str(part).startswith(("constrained", "list["))
        )
        yield f"{place or 'the file'}: {item['msg']}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
