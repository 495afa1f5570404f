"""The knowledge base: dated YAML files shipped with the package, overridden by a team's own entries with the same id.

YAML and pydantic take a second for a few hundred entries, so the validated form is cached as JSON. The name of the cache
file is a hash of its source files. A missing, damaged or read-only cache costs time but never changes a result.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from cali.core.errors import Misconfigured
from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.literals import Needs, needs
from cali.stages.retrieve.ranking import NO_RANKING, Ranking, learn
from cali.stages.retrieve.signatures import Signatures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

CACHE_FORMAT = "3"  # format of the cached JSON; increase it when the code that writes it changes
DAY = 86_400.0
LAYER = "cali_knowledge"  # folder in the Lambda layer that holds the knowledge files and their validated form


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The effective entries, sorted by id. `version` is a date and a hash of their content.

    `needed` holds the literals of each pattern (`literals.py`), `ranking` the order of matches (`ranking.py`). Both
    are stored, because loading them is faster than computing them. If the entries include learnt ones, `shipped` is
    the version of the shipped knowledge.
    """

    version: str
    entries: Mapping[str, KnowledgeEntry]
    needed: Mapping[str, Needs] = field(default_factory=dict)
    ranking: Ranking = NO_RANKING
    shipped: str = ""

    def signatures(self) -> Signatures:
        return Signatures(self.entries.values(), self.needed, self.ranking)


def shipped() -> Path:
    """Return the folder of the newest knowledge in the package or, on Lambda, in the layer."""
    packaged = Path(str(files("cali") / "data" / "knowledge"))
    found = _newest(packaged)
    if found is None and (layered := in_layer()) is not None:
        found = _newest(layered)
    if found is None:
        raise Misconfigured(
            f"{packaged}: no dated knowledge folder here or in a layer; reinstall the package"
        )
    return found


def _newest(root: Path) -> Path | None:
    for path in sorted(root.glob("20*-*-*"), reverse=True):
        if path.is_dir():
            return path
    return None


def in_layer() -> Path | None:
    """Return the folder in the Lambda layer, or None."""
    spec = find_spec(LAYER)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def load(
    folder: Path | None = None,
    team: Path | None = None,
    cache: Path | None = None,
    validating: AbstractContextManager[object] | None = None,
) -> Knowledge:
    """Return the knowledge of `folder` (default: as shipped), overridden by the entries of `team`.

    Raise Misconfigured with one line that names file, entry and fault. `cache` is the folder for the validated form.
    `validating` is held while the form is made: other processes wait for it instead of making it too.
    """
    layers = [_sources(folder or shipped())]
    if team:
        layers.append(_sources(team))
    key = _key(layers)
    cached = _from_cache(cache, key)
    if cached:
        return cached
    with validating or nullcontext():
        cached = _from_cache(cache, key) if validating else None
        if cached:
            return cached
        knowledge = _parse(layers)
        _to_cache(cache, key, knowledge)
        return knowledge


def knowledge_of(entries: Iterable[KnowledgeEntry], date: str) -> Knowledge:
    """Return the knowledge of the given entries. The version does not depend on their order."""
    by_id = {entry.id: entry for entry in sorted(entries, key=lambda entry: entry.id)}
    content = blake2b(digest_size=4)
    for entry in by_id.values():
        content.update(orjson.dumps(entry))
    patterns = {p for e in by_id.values() for p in (*(p for held in e.match for p in held), *e.unless)}
    needed = {pattern: needs(pattern) for pattern in sorted(patterns)}
    ranking = learn(by_id.values(), Signatures(by_id.values(), needed).matching)
    return Knowledge(f"{date}-{content.hexdigest()}", by_id, needed, ranking)


def yaml_files(place: Path) -> list[Path]:
    """Return the knowledge files of a folder, or the file itself, in a fixed order."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise Misconfigured(f"{place}: no such knowledge folder or file")
    return [path for path in sorted(place.iterdir()) if path.suffix in {".yaml", ".yml"} and path.is_file()]


def _sources(place: Path) -> list[tuple[Path, bytes]]:
    try:
        files = yaml_files(place)
        return list(zip(files, map(Path.read_bytes, files), strict=True))
    except OSError as error:
        raise Misconfigured(f"{place}: cannot be read: {error.strerror}") from error


def _key(layers: list[list[tuple[Path, bytes]]]) -> str:
    digest = blake2b(CACHE_FORMAT.encode(), digest_size=12)
    for layer in layers:
        for path, content in layer:  # the length distinguishes two files from one with both contents
            digest.update(f"\0{path.name}\0{len(content)}\0".encode())
            digest.update(content)
        digest.update(b"\1")
    return digest.hexdigest()


def _parse(layers: list[list[tuple[Path, bytes]]]) -> Knowledge:
    from cali.stages.retrieve.schema import (
        SchemaFault,
        read,
    )  # imported late: it takes 0.1 s, which a warm start can save

    entries: dict[str, KnowledgeEntry] = {}
    dates = []
    for layer in layers:
        mine: dict[str, Path] = {}
        for path, _ in layer:
            found = read(path)
            dates.append(found.version)
            twice = [
                SchemaFault(str(path), e.id, f"is also in {mine[e.id]}")
                for e in found.entries
                if e.id in mine
            ]
            twice += [
                SchemaFault(str(path), i, "is here twice") for i in _repeated(e.id for e in found.entries)
            ]
            for fault in (*found.faults, *twice):
                raise Misconfigured(str(fault))
            mine |= dict.fromkeys((entry.id for entry in found.entries), path)
            entries |= {entry.id: entry for entry in found.entries}
    if not entries:
        raise Misconfigured("the knowledge base is empty: no entry in any of its folders")
    return knowledge_of(entries.values(), max(dates))


def _repeated(ids: Iterable[str]) -> list[str]:
    known: set[str] = set()
    return [i for i in ids if i in known or known.add(i)]  # type: ignore[func-returns-value]


def _from_cache(cache: Path | None, key: str) -> Knowledge | None:
    if cache is None:
        return None
    try:
        content = (cache / f"knowledge-{key}.json").read_bytes()
        seal, body = content[:32], content[32:]
        if blake2b(body, digest_size=16).hexdigest().encode() != seal:
            return None
        cached = orjson.loads(body)
        entries: dict[str, KnowledgeEntry] = {}
        for item in cached["entries"]:
            entries[item["id"]] = _entry(item)
        needed: dict[str, Needs] = {}
        for pattern, (anyof, weight) in cached["needed"].items():
            needed[pattern] = Needs(tuple(anyof), weight)
        return Knowledge(cached["version"], entries, needed, Ranking(*cached["ranking"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _entry(item: dict[str, Any]) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=item["id"],
        title=item["title"],
        area=item["area"],
        symptoms=tuple(item["symptoms"]),
        match=tuple(map(tuple, item["match"])),
        cause=item["cause"],
        fix=tuple(item["fix"]),
        severity=Severity(item["severity"]),
        unless=tuple(item["unless"]),
        references=tuple(item["references"]),
        tags=tuple(item["tags"]),
        products=tuple(item["products"]),
        broad=item["broad"],
        asserts=item["asserts"],
    )


def _to_cache(cache: Path | None, key: str, knowledge: Knowledge) -> None:
    if cache is None:
        return
    body = orjson.dumps(
        {
            "version": knowledge.version,
            "entries": list(knowledge.entries.values()),
            "needed": {pattern: tuple(need) for pattern, need in knowledge.needed.items()},
            "ranking": tuple(knowledge.ranking),
        }
    )
    seal = blake2b(body, digest_size=16).hexdigest().encode()
    with suppress(OSError):  # with a read-only home the next start parses again
        cache.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache, prefix=".knowledge-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(seal + body)
            Path(name).replace(cache / f"knowledge-{key}.json")
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        _forget(cache, keep=f"knowledge-{key}.json")


def _forget(cache: Path, keep: str) -> None:
    """Delete cache files older than a day. Newer ones may belong to another folder in use."""
    now = (cache / keep).stat().st_mtime
    for old in cache.glob("knowledge-*.json"):
        if now - old.stat().st_mtime > DAY:
            old.unlink(missing_ok=True)
