"""This machine: settings, knowledge, and what is kept in files. Needs no network."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from cali.adapters.milvus import index_folders as index_files
from cali.core.errors import CaliError
from cali.core.settings import PREFIX, Settings, variables
from cali.doctor.finding import Finding, fail, ok, warn
from cali.doctor.world import World
from cali.stages.refine import masks
from cali.stages.retrieve import knowledge

if TYPE_CHECKING:
    from cali.stages.retrieve.knowledge import Knowledge

# Variables that are read beside the settings: by a command's own option, by make, and by the DAGs.
OTHERS = {
    "TERRAFORM_PLUGINS",
    "STATE",
    "DATA",
    "ALERT_SECRETS",
    "GITHUB_TOKEN",
    "GITHUB_REPOSITORY",
    "LEARNING_APPROVAL",
}
_INCIDENTS = 0x43414C49  # what `cali watch --state` writes into the header of its file


def settings(world: World) -> Iterator[Finding]:
    """Which settings are set; a variable that nothing reads is most likely misspelt."""
    default = Settings()
    changed = [
        each.name
        for each in fields(Settings)
        if getattr(world.settings, each.name) != getattr(default, each.name)
    ]
    yield ok(
        "settings",
        f"{len(changed)} set: {', '.join(changed)}" if changed else "none is set, all have their defaults",
    )
    known = {*variables(), *(PREFIX + name for name in OTHERS)}
    unknown = sorted(name for name in world.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        yield warn(
            "settings",
            f"nothing reads {', '.join(unknown)}",
            "correct the name; docs/cli.md lists the settings",
        )


def knowledge_in_use(world: World) -> Iterator[Finding]:
    """The shipped knowledge, the masks, and the team's entries over it."""
    shipped = knowledge.load(cache=world.cache)
    yield ok(
        "knowledge",
        f"shipped {shipped.version}, {len(shipped.entries)} entries; masks {masks.load().version}",
    )
    team = world.settings.knowledge_dir
    if not team:
        return
    try:
        both = _with_team(world)
    except CaliError as error:
        yield fail("team knowledge", str(error), f"correct it: cali kb --team {team} check")
        return
    own = sum(shipped.entries.get(name) != entry for name, entry in both.entries.items())
    yield ok("team knowledge", f"{team}: {own} entries, together version {both.version}")


def cache_folder(world: World) -> Iterator[Finding]:
    """Whether the folder for parsed knowledge, indexes and answers can be written."""
    then = "give it to this user, or name another folder in CALI_CACHE_DIR; without it each start takes a second more"
    try:
        world.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=world.cache):
            pass
    except OSError as error:
        yield fail("cache", f"{world.cache}: cannot be written: {error.strerror}", then)
        return
    yield ok("cache", f"{world.cache}: can be written")


def index(world: World) -> Iterator[Finding]:
    """The index of Milvus Lite: whether it holds the knowledge in use, whole."""
    if world.settings.milvus_uri:
        return
    from cali.adapters.milvus.index import collection_name
    from cali.adapters.wordllama.embedder import WordLlamaEmbedder

    home = world.cache / "milvus"
    name = collection_name(_with_team(world).version, WordLlamaEmbedder.name)
    if not (home / name).exists():
        yield ok("index", "not built for the knowledge in use; the first unknown error builds it")
        return
    with tempfile.TemporaryDirectory(prefix="cali-doctor-") as scratch:
        whole = index_files.take(home, name, Path(scratch) / "copy")
    if whole:
        yield ok("index", f"{home / name}: whole, of the knowledge in use")
    else:
        yield warn(
            "index", f"{home / name}: damaged", "delete that folder; the next unknown error builds it anew"
        )


def answers(world: World) -> Iterator[Finding]:
    """The file of what models said, and of what was spent on them."""
    path = world.cache / "answers.db"
    if not path.exists():
        return
    fault = _fault(path)
    if fault:
        yield warn(
            "answers", f"{path}: {fault}", "delete it: models are asked again, and today's budget begins anew"
        )
    else:
        yield ok("answers", f"{path}: whole")


def incidents(world: World) -> Iterator[Finding]:
    """The file of `cali watch --state`."""
    path = world.state
    if path is None:
        return
    if not path.exists():
        yield fail(
            "incidents",
            f"{path}: not there",
            f"name another file, or make it: cali watch --state {path} FILE",
        )
        return
    fault = _fault(path, _INCIDENTS)
    if fault:
        yield fail(
            "incidents",
            f"{path}: {fault}",
            "put it aside and let watch make a new one, or take it from a backup",
        )
        return
    with closing(_opened(path)) as db:
        count = db.execute("SELECT count(*) FROM incidents").fetchone()[0]
    yield ok("incidents", f"{path}: whole, {count:,} incidents")


def _with_team(world: World) -> Knowledge:
    team = world.settings.knowledge_dir
    return knowledge.load(team=Path(team).expanduser() if team else None, cache=world.cache)


def _fault(path: Path, mark: int | None = None) -> str:
    """What is wrong with an SQLite file; empty when nothing is."""
    try:
        with closing(_opened(path)) as db:
            said = db.execute("PRAGMA integrity_check").fetchone()[0]
            found = db.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    if said != "ok":
        return f"damaged: {said}"
    return "not a file of cali watch --state" if mark is not None and found != mark else ""


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=2.0)


CHECKS = (settings, knowledge_in_use, cache_folder, index, answers, incidents)
