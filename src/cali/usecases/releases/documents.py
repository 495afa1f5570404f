"""The forms of what was learnt: an entry as plain data and as YAML, and a release of entries as sealed JSON.

A release carries what takes long to work out, the order among entries and what their patterns need, for the shipped
knowledge that it was made over. A process with other shipped knowledge works it out again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.errors import Misconfigured
from cali.core.models import KnowledgeEntry
from cali.stages.retrieve.knowledge import Knowledge, knowledge_of
from cali.stages.retrieve.literals import Needs
from cali.stages.retrieve.ranking import Ranking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1


class EntryStanding(NamedTuple):
    """How often people called the cause of an entry right and wrong, each person once for each incident."""

    right: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """A team's learnt entries by id, what people said of entries, learnt and shipped ones alike, and why an entry was
    withdrawn."""

    entries: Mapping[str, KnowledgeEntry] = field(default_factory=dict)
    standing: Mapping[str, EntryStanding] = field(default_factory=dict)
    withdrawn: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the content, whatever its order."""
        return blake2b(orjson.dumps(_content(self), option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()


NOTHING = Learnt()


def plain(entry: KnowledgeEntry) -> dict[str, Any]:
    """An entry as its YAML file would have it, and its area."""
    return {
        "id": entry.id,
        "area": entry.area,
        "title": entry.title,
        "symptoms": list(entry.symptoms),
        "match": [list(held) if len(held) > 1 else held[0] for held in entry.match],
        "cause": entry.cause,
        "fix": list(entry.fix),
        "severity": entry.severity.label,
        "unless": list(entry.unless),
        "references": list(entry.references),
        "tags": list(entry.tags),
    }


def entry_of(item: Any, where: str) -> KnowledgeEntry:
    """The entry in plain data, checked as one in a file is. Misconfigured names the place and the fault."""
    from pydantic import ValidationError

    from cali.stages.retrieve.schema import EntryShape, faulty_patterns

    try:
        area = str(item.get("area", ""))
        entry = EntryShape.model_validate({k: v for k, v in item.items() if k != "area"}).entry(area)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Misconfigured(f"{where}: entry {item.get('id', '?')}: {place}: {first['msg']}") from error
    except AttributeError as error:
        raise Misconfigured(f"{where}: an entry is not an object") from error
    for fault in faulty_patterns(entry):
        raise Misconfigured(f"{where}: entry {entry.id}: {fault}")
    return entry


def yaml_of(entries: Iterable[KnowledgeEntry], day: str, area: str = "learnt") -> str:
    """A knowledge file as `cali kb add` takes it."""
    import yaml

    rows = []
    for entry in sorted(entries, key=lambda one: one.id):
        row = {key: value for key, value in plain(entry).items() if key != "area" and value != []}
        rows.append(row)
    document = {"version": day, "area": area, "entries": rows}
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return text


def dumps(learnt: Learnt, version: str, why: str, at: str, over: Knowledge | None = None) -> bytes:
    """A release. `over` is the shipped knowledge that the order among entries is worked out with."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "version": version,
        "why": why,
        "at": at,
        **_content(learnt),
        "compiled": _compiled(learnt, over) if over else None,
    }
    return orjson.dumps({"seal": _seal(body), **body}, option=orjson.OPT_INDENT_2)


def loads(body: bytes, version: str, where: str) -> tuple[Learnt, dict[str, Any] | None]:
    """The release, and what it carries ready made. Misconfigured when it is damaged, another one, or of another form."""
    try:
        held = orjson.loads(body)
        seal = held.pop("seal")
        known = held["format"] == FORMAT and held["version"] == version
        items, said, compiled = list(held["entries"]), held["standing"], held["compiled"]
        withdrawn = {str(name): str(why) for name, why in held["withdrawn"].items()}
        standing = {str(name): EntryStanding(int(right), int(wrong)) for name, (right, wrong) in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Misconfigured(f"{where}: not a release of knowledge: {type(error).__name__}") from error
    if not known:
        raise Misconfigured(f"{where}: not version {version} in format {FORMAT}")
    if not (compiled is None or isinstance(compiled, dict)):
        raise Misconfigured(f"{where}: what it carries ready made is no object")
    if seal != _seal(held):
        raise Misconfigured(f"{where}: damaged: its content is not what was sealed")
    entries = {entry.id: entry for entry in (entry_of(item, where) for item in items)}
    return Learnt(entries, standing, withdrawn), compiled


def knowledge_over(
    shipped: Knowledge, learnt: Learnt, compiled: Mapping[str, Any] | None = None
) -> Knowledge:
    """The knowledge in force: what was shipped, with the learnt entries over it by id. Takes a second for all, or some
    milliseconds with what the release carries."""
    if not learnt.entries:
        return shipped
    entries = {**shipped.entries, **learnt.entries}
    if compiled and compiled.get("over") == shipped.version:
        return _ready(shipped, entries, compiled)
    made = knowledge_of(entries.values(), shipped.version[: len("2026-01-01")])
    return replace(made, shipped=shipped.version)


def _ready(
    shipped: Knowledge, entries: Mapping[str, KnowledgeEntry], compiled: Mapping[str, Any]
) -> Knowledge:
    needed = {
        **shipped.needed,
        **{pattern: Needs(tuple(anyof), weight) for pattern, (anyof, weight) in compiled["needed"].items()},
    }
    ranking = Ranking(*compiled["ranking"])
    return Knowledge(
        str(compiled["version"]), dict(sorted(entries.items())), needed, ranking, shipped.version
    )


def _content(learnt: Learnt) -> dict[str, Any]:
    return {
        "entries": [plain(learnt.entries[name]) for name in sorted(learnt.entries)],
        "standing": {name: list(said) for name, said in sorted(learnt.standing.items())},
        "withdrawn": dict(sorted(learnt.withdrawn.items())),
    }


def _compiled(learnt: Learnt, over: Knowledge) -> dict[str, Any] | None:
    if not learnt.entries:
        return None
    made = knowledge_over(over, learnt)
    new = {pattern: tuple(need) for pattern, need in made.needed.items() if pattern not in over.needed}
    return {
        "over": over.version,
        "version": made.version,
        "needed": new,
        "ranking": tuple(made.ranking),
    }


def _seal(body: Mapping[str, Any]) -> str:
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
