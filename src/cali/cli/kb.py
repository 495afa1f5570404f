"""`cali kb`: lists, searches, checks and extends the knowledge base."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cali.bootstrap.local import LocalParts
from cali.cli import options
from cali.core.errors import Misconfigured
from cali.core.settings import Settings
from cali.stages.retrieve import retrieve
from cali.stages.retrieve.knowledge import Knowledge, load, shipped, yaml_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cali.core.models import KnowledgeEntry
    from cali.stages.retrieve.schema import SchemaFault

EXISTING = click.Path(exists=True, path_type=Path)


@dataclass(frozen=True, slots=True)
class KnowledgeFolders:
    """Folders of this run: the team's entries, if any, and the cache."""

    team: Path | None
    cache: Path

    def parts(self) -> LocalParts:
        return LocalParts(Settings(cache_dir=str(self.cache), knowledge_dir=str(self.team or "")))

    def knowledge(self) -> Knowledge:
        return self.parts().knowledge


@click.group("kb")
@click.option(
    "--team",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CALI_KNOWLEDGE_DIR",
    show_envvar=True,
    help="Folder of your team's entries. They replace shipped entries with the same id.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CALI_CACHE_DIR",
    show_envvar=True,
    default=Path("~/.cache/cali"),
    show_default=True,
    help="Folder for parsed knowledge, indexes and cached model answers. You can delete it at any time.",
)
@click.pass_context
def command(context: click.Context, team: Path | None, cache: Path) -> None:
    """List, search, check and extend the knowledge base: known errors with their causes and fixes."""
    context.obj = KnowledgeFolders(team.expanduser() if team else None, cache.expanduser())


@command.command("list")
@click.option("--area", help="List only entries of this area, for example kubernetes.")
@click.option("--tag", help="List only entries with this tag.")
@options.text_or_json
@click.pass_obj
def list_entries(folders: KnowledgeFolders, area: str | None, tag: str | None, form: str) -> None:
    """List the entries, one per line."""
    knowledge = folders.knowledge()
    found = [
        entry
        for entry in knowledge.entries.values()
        if (area is None or entry.area == area) and (tag is None or tag in entry.tags)
    ]
    if not found:
        areas = ", ".join(sorted({entry.area for entry in knowledge.entries.values()}))
        raise Misconfigured(f"no entry has this area and tag; the areas are {areas}")
    found.sort(key=lambda entry: (entry.area, entry.id))
    if form == "json":
        click.echo(json.dumps([_brief(entry) for entry in found], indent=2, ensure_ascii=False))
        return
    width = max(len(entry.id) for entry in found)
    for entry in found:
        click.echo(f"{entry.area:14} {entry.id:{width}}  {entry.severity.label:8} {entry.title}")
    click.echo(f"{len(found)} entries, knowledge {knowledge.version}", err=True)


@command.command("show")
@click.argument("name", metavar="ID")
@options.text_or_json
@click.pass_obj
def show(folders: KnowledgeFolders, name: str, form: str) -> None:
    """Show one entry in full."""
    entries = folders.knowledge().entries
    if name not in entries:
        raise Misconfigured(f"no entry has the id {name!r}{_nearest(name, entries)}")
    click.echo(_as_json(entries[name]) if form == "json" else _page(entries[name]))


@command.command("search")
@click.argument("text")
@click.option(
    "--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="Maximum number of entries."
)
@options.text_or_json
@click.pass_obj
def search(folders: KnowledgeFolders, text: str, limit: int, form: str) -> None:
    """Find the entries that explain TEXT, best match first. A star marks an entry whose signature matches."""
    parts = folders.parts()
    entries = parts.knowledge.entries
    found = retrieve(text, parts.signatures, parts.index, limit)
    if form == "json":
        rows = [
            {"id": hit.id, "score": hit.score, "verified": hit.id in found.verified} for hit in found.hits
        ]
        click.echo(json.dumps({"known": found.known, "margin": found.margin, "hits": rows}, indent=2))
        return
    for hit in found.hits:
        star = "*" if hit.id in found.verified else " "
        click.echo(f"{hit.score:.3f} {star} {hit.id}  {entries[hit.id].title}")
    if not found.known:
        click.echo("unknown: no signature matches this text; these entries are only similar", err=True)


@command.command("check")
@click.argument("paths", nargs=-1, type=EXISTING)
@click.pass_context
def check(context: click.Context, paths: tuple[Path, ...]) -> None:
    """Check knowledge files or folders: schema, ids, signatures, products, patterns, causes and references.

    A cause that lists several causes is a fault, unless `menus.txt` beside the file lists the entry.

    Without PATHS, the shipped knowledge and the team's entries are checked. Each fault is one line, with exit code 2.
    """
    folders: KnowledgeFolders = context.obj
    layers = list(paths) or [shipped(), *([folders.team] if folders.team else [])]
    count, faults = _check(layers, alone=not paths)
    for fault in faults:
        click.echo(str(fault), err=True)
    click.echo(f"{count} entries, {len(faults)} faults")
    context.exit(2 if faults else 0)


@command.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Overwrite a file of the same name in the team's folder.")
@click.pass_obj
def add(folders: KnowledgeFolders, file: Path, replace: bool) -> None:
    """Check FILE, and copy it into the team's folder. An existing file is overwritten only with --replace."""
    if folders.team is None:
        raise Misconfigured(
            "--team: missing; give the folder with `cali kb --team DIR add`, or set CALI_KNOWLEDGE_DIR"
        )
    if file.suffix not in {".yaml", ".yml"}:
        raise Misconfigured(f"{file}: the name of a knowledge file must end in .yaml")
    target = folders.team / file.name
    if target.exists() and not replace:
        raise Misconfigured(f"{target}: already exists; overwrite it with --replace")
    there = (
        [path for path in yaml_files(folders.team) if path.name != file.name] if folders.team.is_dir() else []
    )
    count, faults = _check([file], alone=False)
    if faults:
        raise Misconfigured(
            f"{faults[0]}"
            + (f" (and {len(faults) - 1} more; run `cali kb check {file}`)" if faults[1:] else "")
        )
    mine, other = set(_ids([file])), _ids(there)
    for name in sorted(mine & other.keys()):
        raise Misconfigured(f"{file}: entry {name}: already in {other[name]}; use another id")
    _copy(file, target)
    click.echo(f"added {count} entries: {target}")
    for name in sorted(mine & load(cache=folders.cache).entries.keys()):
        click.echo(f"{name} now replaces the shipped entry")


def _check(layers: list[Path], alone: bool) -> tuple[int, list[SchemaFault]]:
    """Check each layer on top of the layers before it, and of the shipped knowledge unless `alone`."""
    from cali.stages.retrieve.audit import accepted_menus, audit, gather, menus

    under: dict[str, KnowledgeEntry] = {}
    if not alone:
        under = {source.entry.id: source.entry for source in gather(yaml_files(shipped()))[0]}
    count, faults = 0, []
    for layer in layers:
        sources, wrong = gather(yaml_files(layer))
        faults += [*wrong, *audit(sources, under), *menus(sources, accepted_menus(layer))]
        under |= {source.entry.id: source.entry for source in sources}
        count += len(sources)
    return count, faults


def _ids(files: list[Path]) -> dict[str, str]:
    from cali.stages.retrieve.audit import gather

    return {source.entry.id: source.file for source in gather(files)[0]}


def _copy(file: Path, target: Path) -> None:
    """Replace the file atomically: a process that loads the folder reads the old file or the new one."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".adding-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(file.read_bytes())
            Path(name).chmod(0o644)  # mkstemp makes a file that only its owner can read
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)  # exists only if an error occurred
    except OSError as error:
        raise Misconfigured(f"{target}: cannot be written: {error.strerror}") from error


def _nearest(name: str, entries: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(entries), n=3)
    return f"; similar ids: {', '.join(near)}" if near else ""


def _brief(entry: KnowledgeEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "area": entry.area,
        "title": entry.title,
        "severity": entry.severity.label,
        "tags": list(entry.tags),
    }


def _as_json(entry: KnowledgeEntry) -> str:
    return json.dumps({**asdict(entry), "severity": entry.severity.label}, indent=2, ensure_ascii=False)


def _page(entry: KnowledgeEntry) -> str:
    def part(title: str, lines: tuple[str, ...]) -> list[str]:
        return ["", title, *(f"  {line}" for text in lines for line in text.splitlines())] if lines else []

    return "\n".join(
        [
            f"{entry.id}  ({entry.area}, {entry.severity.label})",
            entry.title,
            *part("Cause", (entry.cause,)),
            *part("Fix", entry.fix),
            *part("Examples", entry.symptoms),
            *part(
                "Holds when one of these is in the event", tuple(" and ".join(held) for held in entry.match)
            ),
            *part("Unless", entry.unless),
            *part("References", entry.references),
            *part("Tags", (", ".join(entry.tags),) if entry.tags else ()),
        ]
    )
