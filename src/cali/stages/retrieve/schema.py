"""The schema of a knowledge file, and its validation. Imported only to read a file: pydantic takes 0.1 s."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from cali.core.models import KnowledgeEntry, Severity

if TYPE_CHECKING:
    from pathlib import Path

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-.][a-z0-9]+)*$", max_length=96)]
Pattern = Annotated[str, StringConstraints(min_length=1)]
Signature = Pattern | Annotated[list[Pattern], Field(min_length=1)]
# YAML parses an unquoted day as a date.
Day = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if isinstance(given, date) else given),
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"),
]
NO_EXAMPLE = "the branch matches no example of its entry; give it `symptoms`"
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is eight times faster


class BranchShape(BaseModel):
    """One cause of an entry that has several.

    `when` narrows the entry's own signature: both must match. `match` replaces it. Examples of the entry that the branch
    matches are examples of the branch too.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
    title: Text
    symptoms: list[Text] = []
    when: list[Signature] = []
    match: list[Signature] = []
    unless: list[Pattern] = []
    cause: Text
    fix: Annotated[list[Text], Field(min_length=1)]
    severity: Literal["critical", "error", "warning"] | None = None

    @model_validator(mode="after")
    def _one_signature(self) -> BranchShape:
        if bool(self.when) == bool(self.match):
            raise ValueError("give either `when` or `match`")
        return self

    def entry(self, parent: KnowledgeEntry, earlier: Sequence[str] = ()) -> KnowledgeEntry:
        """Return the branch as an entry of its own. Raise re.error for an invalid pattern.

        The first branch that matches wins: `earlier` are the patterns of the branches before, which exclude this one.
        """
        own = _groups(self.when or self.match)
        match = tuple((*held, *more) for held in parent.match for more in own) if self.when else own
        unless = (*parent.unless, *self.unless, *earlier) if self.when else tuple(self.unless)
        shared = (text for text in parent.symptoms if _matches(text, match, unless))
        return replace(
            parent,
            id=f"{parent.id}.{self.id}",
            title=self.title,
            symptoms=tuple(dict.fromkeys((*self.symptoms, *shared))),
            match=match,
            cause=self.cause,
            fix=tuple(self.fix),
            severity=Severity[self.severity.upper()] if self.severity else parent.severity,
            unless=unless,
            asserts=True,
        )


class EntryShape(BaseModel):
    """An entry as written in a file. Unknown keys are faults, so that a misspelt `unless` is reported.

    An entry with branches only suggests: one of its branches must match before a cause is asserted.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Name
    title: Text
    symptoms: Annotated[list[Text], Field(min_length=1)]
    match: Annotated[list[Signature], Field(min_length=1)]
    cause: Text
    fix: Annotated[list[Text], Field(min_length=1)]
    severity: Literal["critical", "error", "warning"]
    unless: list[Pattern] = []
    references: list[Text] = []
    tags: list[Text] = []
    products: list[Name] | None = None
    broad: bool = False
    branches: list[BranchShape] = []

    def entries(self, area: str, products: Sequence[str] = ()) -> Iterator[KnowledgeEntry]:
        """Yield the entry and its branches as the stages use them. `products` is the default of the file."""
        entry = self.entry(area, products)
        yield entry
        earlier: list[str] = []
        for branch in self.branches:
            yield branch.entry(entry, earlier)
            earlier += [pattern for pattern in branch.when if isinstance(pattern, str)]

    def entry(self, area: str, products: Sequence[str] = ()) -> KnowledgeEntry:
        """Return the entry without its branches."""
        return KnowledgeEntry(
            id=self.id,
            title=self.title,
            area=area,
            symptoms=tuple(self.symptoms),
            match=_groups(self.match),
            cause=self.cause,
            fix=tuple(self.fix),
            severity=Severity[self.severity.upper()],
            unless=tuple(self.unless),
            references=tuple(self.references),
            tags=tuple(self.tags),
            products=tuple(products if self.products is None else self.products),
            broad=self.broad,
            asserts=not self.branches,
        )


def _groups(given: Sequence[str | list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple((m,) if isinstance(m, str) else tuple(m) for m in given)


def _matches(text: str, match: Sequence[Sequence[str]], unless: Sequence[str]) -> bool:
    def found(pattern: str) -> bool:
        return re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None

    return any(all(map(found, group)) for group in match) and not any(map(found, unless))


class FileShape(BaseModel):
    """The head of a knowledge file. Entries are validated one by one, so that each fault names its entry.

    `products` applies to each entry that gives none.
    """

    model_config = ConfigDict(extra="forbid")

    version: Day
    area: Name
    products: list[Name] = []
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
            shape = EntryShape.model_validate(item)
            made = list(shape.entries(head.area, head.products))
        except ValidationError as error:
            faults += [SchemaFault(file, name, what) for what in _reasons(error)]
            continue
        except re.error as error:
            faults.append(
                SchemaFault(file, name, f"pattern {error.pattern!r} does not compile: {_line(error)}")
            )
            continue
        wrong = [SchemaFault(file, entry.id, what) for entry in made for what in faulty_patterns(entry)]
        wrong += [SchemaFault(file, entry.id, NO_EXAMPLE) for entry in made if not entry.symptoms]
        faults += wrong
        if not wrong:
            entries += made
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
