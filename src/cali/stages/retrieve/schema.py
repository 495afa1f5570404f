"""The shape of a knowledge file, checked where it comes in. Imported only when a file has to be read: pydantic takes 0.1 s."""

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
# YAML reads a day that stands without quotes as a date.
Day = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if isinstance(given, date) else given),
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"),
]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is eight times as fast


class EntryShape(BaseModel):
    """One entry as written in a file. Unknown keys are faults: a misspelt `unless` must not pass in silence."""

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
        """The entry as the stages know it."""
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
    """The head of a knowledge file; the entries are checked one by one, so that each fault names its own."""

    model_config = ConfigDict(extra="forbid")

    version: Day
    area: Name
    entries: list[Any]


class SchemaFault(NamedTuple):
    """What is wrong, and where: `file: entry id: what`."""

    file: str
    entry: str
    what: str

    def __str__(self) -> str:
        where = f"{self.file}: entry {self.entry}" if self.entry else self.file
        return f"{where}: {self.what}"


class ReadFile(NamedTuple):
    """What one file holds. Entries that have a fault are left out."""

    version: str
    entries: tuple[KnowledgeEntry, ...]
    faults: tuple[SchemaFault, ...]


def read(path: Path) -> ReadFile:
    """Reads and checks one knowledge file; never raises for what the file holds."""
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        return ReadFile("", (), (SchemaFault(str(path), "", f"cannot be read: {_line(error)}"),))


def read_text(text: str, file: str) -> ReadFile:
    """The same of a text that was read already; `file` names it in faults."""
    try:
        raw = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader, the fast one if it is there
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
    """What is wrong with the patterns of an entry: those that do not compile."""
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
