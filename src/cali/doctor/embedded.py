"""This machine: settings, knowledge, caches and files. Needs no network."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from cali.core.errors import CaliError
from cali.core.settings import PREFIX, Settings, variables
from cali.doctor.check import CheckResult, fail, ok, warn
from cali.doctor.context import DoctorContext
from cali.stages.refine import masks
from cali.stages.retrieve import knowledge

if TYPE_CHECKING:
    from cali.stages.retrieve.knowledge import Knowledge

# Variables that are not settings: options of commands, of make, and of the DAGs.
OTHERS = {
    "TERRAFORM_PLUGINS",
    "STATE",
    "DATA",
    "ALERT_SECRETS",
    "GITHUB_TOKEN",
    "GITHUB_REPOSITORY",
    "LEARNING_APPROVAL",
}
_INCIDENTS = 0x43414C49  # application id in the header of a file of `cali watch --state`


def settings(context: DoctorContext) -> Iterator[CheckResult]:
    """List the settings that differ from their defaults, and warn of variables that nothing reads."""
    default = Settings()
    changed = [
        each.name
        for each in fields(Settings)
        if getattr(context.settings, each.name) != getattr(default, each.name)
    ]
    yield ok(
        "settings",
        f"{len(changed)} set: {', '.join(changed)}" if changed else "none is set, all have their defaults",
    )
    known = {*variables(), *(PREFIX + name for name in OTHERS)}
    unknown = sorted(name for name in context.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        yield warn(
            "settings",
            f"nothing reads {', '.join(unknown)}",
            "correct the name; docs/settings.md lists the settings",
        )


def knowledge_in_use(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the shipped knowledge, the masks, and the team's entries."""
    shipped = knowledge.load(cache=context.cache)
    yield ok(
        "knowledge",
        f"shipped {shipped.version}, {len(shipped.entries)} entries; masks {masks.load().version}",
    )
    team = context.settings.knowledge_dir
    if not team:
        return
    try:
        both = _with_team(context)
    except CaliError as error:
        yield fail("team knowledge", str(error), f"correct it: cali kb --team {team} check")
        return
    own = sum(shipped.entries.get(name) != entry for name, entry in both.entries.items())
    yield ok("team knowledge", f"{team}: {own} entries, together version {both.version}")


def cache_folder(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the cache folder can be written."""
    then = "make it writable for this user, or set CALI_CACHE_DIR; without a cache each start takes a second longer"
    try:
        context.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=context.cache):
            pass
    except OSError as error:
        yield fail("cache", f"{context.cache}: cannot be written: {error.strerror}", then)
        return
    yield ok("cache", f"{context.cache}: can be written")


def answers(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the file of cached model answers and of the budget."""
    path = context.cache / "answers.db"
    if not path.exists():
        return
    fault = _fault(path)
    if fault:
        yield warn(
            "answers",
            f"{path}: {fault}",
            "delete it; cached answers and today's budget count are lost",
        )
    else:
        yield ok("answers", f"{path}: whole")


def incidents(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the file of `cali watch --state`."""
    path = context.state
    if path is None:
        return
    if not path.exists():
        yield fail(
            "incidents",
            f"{path}: not there",
            f"give another file, or create it: cali watch --state {path} FILE",
        )
        return
    fault = _fault(path, _INCIDENTS)
    if fault:
        yield fail(
            "incidents",
            f"{path}: {fault}",
            "move it away so that watch creates a new one, or restore a backup",
        )
        return
    with closing(_opened(path)) as db:
        count = db.execute("SELECT count(*) FROM incidents").fetchone()[0]
    yield ok("incidents", f"{path}: whole, {count:,} incidents")


def _with_team(context: DoctorContext) -> Knowledge:
    team = context.settings.knowledge_dir
    return knowledge.load(team=Path(team).expanduser() if team else None, cache=context.cache)


def _fault(path: Path, mark: int | None = None) -> str:
    """Return what is wrong with an SQLite file, or an empty text."""
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


CHECKS = (settings, knowledge_in_use, cache_folder, answers, incidents)
