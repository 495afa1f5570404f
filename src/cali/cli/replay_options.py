"""Which versions a replay is made with: names and folders to what they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali.stages.refine import book, masks
from cali.stages.retrieve import knowledge
from cali.usecases.replay import ReplayVersions

if TYPE_CHECKING:
    from cali.core.settings import Settings
    from cali.usecases.releases import Releases

NOW = "now"
RELEASE = "release:"  # what learning released, by its version; `release:` alone is the one in force
PARTS = ("knowledge", "masks", "book")


@dataclass(frozen=True, slots=True)
class Given:
    """What the options name. Without a knowledge it is the shipped one, and the team's over it."""

    knowledge: str | None = None
    masks: str | None = None
    book: Path | None = None
    model: str = ""
    releases: str = ""  # the folder or the bucket that has them


def versions(settings: Settings, given: Given, spec: str = NOW) -> ReplayVersions:
    """The versions that the options name, with what a spec such as `knowledge=./new,book=new.book` puts in their place.
    A part without a name is the knowledge. Misconfigured names what there is not."""
    chosen = given
    for part in () if spec == NOW else spec.split(","):
        name, eq, value = part.partition("=")
        if not eq:
            name, value = "knowledge", part
        if name not in PARTS or not value:
            raise Misconfigured(f"--compare {spec}: {part!r} is none of knowledge=, masks=, book= or now")
        chosen = _with(chosen, name, value)
    cache = Path(settings.cache_dir or "~/.cache/cali").expanduser()
    table = masks.load(chosen.masks or masks.LATEST).version
    return ReplayVersions(
        knowledge=_knowledge(chosen, settings.knowledge_dir, cache),
        masks=table,
        book=_book(chosen, table),
        model=chosen.model,
    )


def moment(option: str, text: str | None) -> float | None:
    """A time as a person writes it; without a zone it is UTC, as the partitions are."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {text!r} is no time such as 2026-11-20T09:00:00Z") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _with(given: Given, name: str, value: str) -> Given:
    if name == "knowledge":
        return replace(given, knowledge=value)
    return replace(given, masks=value) if name == "masks" else replace(given, book=Path(value))


def _knowledge(given: Given, team: str, cache: Path) -> knowledge.Knowledge:
    named = given.knowledge
    if named is None:
        return knowledge.load(team=Path(team).expanduser() if team else None, cache=cache)
    if named.startswith(RELEASE):
        releases = _releases(given.releases)
        version = named.removeprefix(RELEASE) or releases.current().versions.knowledge
        return releases.knowledge(version, knowledge.load(cache=cache))
    base, _, over = named.partition("+")
    return knowledge.load(_layer(base), _layer(over) if over else None, cache)


def _book(given: Given, masks_: str) -> book.Book | None:
    if given.book is None:
        return None
    named = str(given.book)
    if not named.startswith(RELEASE):
        return book.load(given.book, masks_)
    releases = _releases(given.releases)
    return releases.book(named.removeprefix(RELEASE) or releases.current().versions.book, masks_)


def _releases(place: str) -> Releases:
    from cali.usecases.releases import Releases

    if not place:
        raise Misconfigured("--releases: missing; name the folder or s3://BUCKET that has them")
    if place.startswith("s3://"):
        from cali.adapters.aws import clients as aws
        from cali.adapters.aws.s3 import S3Objects

        bucket = S3Objects(aws.client("s3"), place.removeprefix("s3://").partition("/")[0])
        return Releases(bucket, bucket)
    from cali.adapters.files.objects import FolderObjects

    folder = FolderObjects(Path(place).expanduser())
    return Releases(folder, folder)


def _layer(named: str) -> Path:
    """A shipped version by its date, or a folder or file by its path."""
    shipped = knowledge.shipped().parent
    if (shipped / named).is_dir() and "/" not in named:
        return shipped / named
    path = Path(named).expanduser()
    if not path.exists():
        dates = ", ".join(sorted(each.name for each in shipped.glob("20*-*-*")))
        raise Misconfigured(f"{named}: no folder of knowledge, and no shipped version; there is {dates}")
    return path
