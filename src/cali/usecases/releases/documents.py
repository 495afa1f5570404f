"""Formats of learnt entries: plain data and YAML for one entry, JSON with a checksum for a release.

A release also holds data that is slow to compute: the ranking of the entries, and the literals that their patterns need.
These fit one version of the shipped knowledge. A process with another version computes them itself.
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
class LearntKnowledge:
    """Learnt entries by id, the standing of learnt and shipped entries, and the reasons of withdrawn entries."""

    entries: Mapping[str, KnowledgeEntry] = field(default_factory=dict)
    standing: Mapping[str, EntryStanding] = field(default_factory=dict)
    withdrawn: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of the content, whatever its order."""
        return blake2b(orjson.dumps(_content(self), option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()


NOTHING = LearntKnowledge()


def plain(entry: KnowledgeEntry) -> dict[str, Any]:
    """Return an entry as plain data, as in its YAML file, with its area."""
    return {
        "id": entry.id,
        "area": entry.area,
        "title": entry.title,
        "symptoms": list(entry.symptoms),
        "match": [list(patterns) if len(patterns) > 1 else patterns[0] for patterns in entry.match],
        "cause": entry.cause,
        "fix": list(entry.fix),
        "severity": entry.severity.label,
        "unless": list(entry.unless),
        "references": list(entry.references),
        "tags": list(entry.tags),
    }


def entry_of(item: Any, where: str) -> KnowledgeEntry:
    """Parse an entry in plain data, with the checks of a knowledge file. Raise Misconfigured with place and fault."""
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
    """Return a knowledge file for `cali kb add`."""
    import yaml

    rows = []
    for entry in sorted(entries, key=lambda one: one.id):
        row = {key: value for key, value in plain(entry).items() if key != "area" and value != []}
        rows.append(row)
    document = {"version": day, "area": area, "entries": rows}
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return text


def dumps(learnt: LearntKnowledge, version: str, why: str, at: str, over: Knowledge | None = None) -> bytes:
    """Serialise a release. `over` is the shipped knowledge for which the ranking is computed."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "version": version,
        "why": why,
        "at": at,
        **_content(learnt),
        "compiled": _compiled(learnt, over) if over else None,
    }
    return orjson.dumps({"seal": _seal(body), **body}, option=orjson.OPT_INDENT_2)


def loads(body: bytes, version: str, where: str) -> tuple[LearntKnowledge, dict[str, Any] | None]:
    """Parse a release and its precomputed data.

    Raise Misconfigured if it is damaged, or has another version or format.
    """
    try:
        document = orjson.loads(body)
        seal = document.pop("seal")
        known = document["format"] == FORMAT and document["version"] == version
        items, verdicts, compiled = list(document["entries"]), document["standing"], document["compiled"]
        withdrawn = {str(name): str(why) for name, why in document["withdrawn"].items()}
        standing = {
            str(name): EntryStanding(int(right), int(wrong)) for name, (right, wrong) in verdicts.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Misconfigured(f"{where}: not a release of knowledge: {type(error).__name__}") from error
    if not known:
        raise Misconfigured(f"{where}: not version {version} in format {FORMAT}")
    if not (compiled is None or isinstance(compiled, dict)):
        raise Misconfigured(f"{where}: `compiled` is not an object; publish the release again")
    if seal != _seal(document):
        raise Misconfigured(f"{where}: damaged: its checksum does not match; use another release")
    entries = {entry.id: entry for entry in (entry_of(item, where) for item in items)}
    return LearntKnowledge(entries, standing, withdrawn), compiled


def knowledge_over(
    shipped: Knowledge, learnt: LearntKnowledge, compiled: Mapping[str, Any] | None = None
) -> Knowledge:
    """Return the shipped knowledge with the learnt entries over it, by id.

    This takes some milliseconds with the precomputed data of the release, and a second without.
    """
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


def _content(learnt: LearntKnowledge) -> dict[str, Any]:
    return {
        "entries": [plain(learnt.entries[name]) for name in sorted(learnt.entries)],
        "standing": {name: list(counts) for name, counts in sorted(learnt.standing.items())},
        "withdrawn": dict(sorted(learnt.withdrawn.items())),
    }


def _compiled(learnt: LearntKnowledge, over: Knowledge) -> dict[str, Any] | None:
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
