"""The audit of well-formed knowledge entries, for `cali kb check`: one fault per line.

An entry must match its own examples and rank first for them. Its patterns must run in linear time on any text. It asserts
one cause, not a menu of causes.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.stages.retrieve.knowledge import knowledge_of
from cali.stages.retrieve.products import ANY, NAMES
from cali.stages.retrieve.schema import SchemaFault, read

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from cali.core.models import KnowledgeEntry
    from cali.stages.retrieve.signatures import Signatures

WIDE_AT_MOST = 3  # maximum open-ended wildcards in one pattern; each one adds a power of the text's length
LONG = 25  # words of a cause; a longer one with several "or" is a menu of causes
MENUS = "menus.txt"  # ids of the entries of a folder that are still menus; the list may only shrink
MANY = 64  # a repeat with a higher limit counts as open-ended


class KnowledgeFile(NamedTuple):
    """An entry and its file."""

    file: str
    entry: KnowledgeEntry


def gather(files: Sequence[Path]) -> tuple[list[KnowledgeFile], list[SchemaFault]]:
    """Return the well-formed entries of some files, and the faults of the other entries. Ids must be unique."""
    sources: list[KnowledgeFile] = []
    faults: list[SchemaFault] = []
    files_by_id: dict[str, str] = {}
    for file in files:
        found = read(file)
        faults += found.faults
        for entry in found.entries:
            if entry.id in files_by_id:
                faults.append(SchemaFault(str(file), entry.id, f"its id is also in {files_by_id[entry.id]}"))
                continue
            files_by_id[entry.id] = str(file)
            sources.append(KnowledgeFile(str(file), entry))
    return sources, faults


def audit(sources: Sequence[KnowledgeFile], others: Mapping[str, KnowledgeEntry]) -> Iterator[SchemaFault]:
    """Yield the faults of the entries in `sources`. They replace entries of `others` with the same id."""
    late = {source.entry.id: list(_slow_patterns(source.entry)) for source in sources}
    # Slow patterns are never run: one might not end even on its own example.
    mine = {source.entry.id: source.entry for source in sources if not late[source.entry.id]}
    signatures = knowledge_of({**others, **mine}.values(), "").signatures()
    for file, entry in sources:
        for symptom in entry.symptoms if entry.id in mine else ():
            what = _claim(entry.id, symptom, signatures)
            if what:
                yield SchemaFault(file, entry.id, what)
        for what in late[entry.id]:
            yield SchemaFault(file, entry.id, what)
        for product in entry.products:
            if product not in NAMES:
                yield SchemaFault(
                    file, entry.id, f"product {product!r} is unknown; add it to products.py or use {ANY!r}"
                )
        for reference in entry.references:
            if not re.fullmatch(r"https://[^\s/]+\.[^\s/]+(/\S*)?", reference):
                yield SchemaFault(file, entry.id, f"reference {reference!r} is not an https URL")


def accepted_menus(place: Path) -> frozenset[str]:
    """Return the ids that the folder of some knowledge files still accepts as menus."""
    listed = (place if place.is_dir() else place.parent) / MENUS
    return frozenset(listed.read_text(encoding="utf-8").split()) if listed.is_file() else frozenset()


def menus(sources: Sequence[KnowledgeFile], accepted: Collection[str]) -> Iterator[SchemaFault]:
    """Yield the asserted causes that are menus and not accepted, and the accepted ids that need it no longer."""
    found = {source.entry.id: source.file for source in sources if is_menu(source.entry)}
    for name in sorted(found.keys() - set(accepted)):
        yield SchemaFault(
            found[name], name, "its cause is a menu of causes: give each cause a branch of its own"
        )
    files = {source.entry.id: source.file for source in sources}
    for name in sorted(set(accepted) & (files.keys() - found.keys())):
        yield SchemaFault(files[name], name, f"its cause is no menu: remove it from {MENUS}")


def is_menu(entry: KnowledgeEntry) -> bool:
    """Return True if an entry asserts a long cause that lists alternatives."""
    cause = entry.cause
    return entry.asserts and len(cause.split()) > LONG and len(re.findall(r"\bor\b", cause)) > 1


def _slow_patterns(entry: KnowledgeEntry) -> Iterator[str]:
    for pattern in (*(p for held in entry.match for p in held), *entry.unless):
        what = slow(pattern)
        if what:
            yield f"pattern {pattern!r} {what}"


def slow(pattern: str) -> str:
    """Return why a pattern can take more than linear time, or "". This is a heuristic on the pattern only."""
    try:
        parser: Any = import_module("re._parser")
        tree = list(parser.parse(pattern, re.IGNORECASE | re.MULTILINE))
    except (ImportError, AttributeError, re.error):
        return ""
    if any(_open_inside(body) for body in _open_bodies(tree)):
        return "repeats a part that itself repeats, which can take exponential time: remove one repeat"
    if _leads_open(tree):
        return "starts with an open-ended repeat, which takes quadratic time: match it once instead"
    wide = sum(1 for body in _open_bodies(tree) if _is_wide(body))
    if wide > WIDE_AT_MOST:
        return f"has {wide} open-ended wildcards: write a list of patterns that must all match instead"
    return ""


def _claim(own: str, symptom: str, signatures: Signatures) -> str:
    matches = signatures.matches(symptom)
    if own not in {match.id for match in matches}:
        return f"its signature does not match its symptom {_short(symptom)}"
    if matches[0].id != own and not matches[0].id.startswith(
        f"{own}."
    ):  # a branch of the entry may rank first
        return f"its symptom {_short(symptom)} also matches {matches[0].id}, which ranks first"
    return ""


def _open_bodies(items: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the bodies of all open-ended repeats, at any depth. Possessive repeats never backtrack and are skipped."""
    for op, value in items:
        kind = str(op)
        if kind in {"MAX_REPEAT", "MIN_REPEAT"} and value[1] > MANY:
            yield list(value[2])
        for inner in _inner(kind, value):
            yield from _open_bodies(inner)


def _inner(kind: str, value: Any) -> Iterator[list[Any]]:
    if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        yield list(value[2])
    elif kind == "SUBPATTERN":
        yield list(value[3])
    elif kind == "ATOMIC_GROUP":
        yield list(value)
    elif kind in {"ASSERT", "ASSERT_NOT"}:
        yield list(value[1])
    elif kind == "BRANCH":
        yield from (list(branch) for branch in value[1])


def _open_inside(body: list[Any]) -> bool:
    """Return True if a repeat contains another. This is harmless if a literal starts each round: `(?:\\.\\w+)*`."""
    marked = bool(body) and (str(body[0][0]) == "LITERAL" or str(body[-1][0]) == "LITERAL")
    if len(body) == 1 and str(body[0][0]) == "SUBPATTERN":
        return _open_inside(list(body[0][1][3]))
    return not marked and any(True for _ in _open_bodies(body))


def _leads_open(items: list[Any]) -> bool:
    """Return True if a pattern starts with an open-ended repeat, which makes searching quadratic."""
    if not items:
        return False
    kind, value = str(items[0][0]), items[0][1]
    if kind in {"MAX_REPEAT", "MIN_REPEAT"}:
        return bool(value[1] > MANY)
    return (
        any(_leads_open(inner) for inner in _inner(kind, value))
        if kind in {"SUBPATTERN", "BRANCH"}
        else False
    )


def _is_wide(body: list[Any]) -> bool:
    return len(body) == 1 and (str(body[0][0]) in {"ANY", "NOT_LITERAL"} or _negated(body[0]))


def _negated(item: tuple[Any, Any]) -> bool:
    return str(item[0]) == "IN" and str(item[1][0][0]) == "NEGATE"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 80 else f"{line[:77]}...")
