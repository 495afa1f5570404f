"""The job retention: delete old step results, releases and collections.

The releases and collections in force, and those before them, are kept.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from cali.usecases.learn.reindex import HISTORY, history
from cali.usecases.learn.step_results import HOME, JobStep, StepOutcome
from cali.usecases.releases import BOOKS, KNOWLEDGE

if TYPE_CHECKING:
    from cali.usecases.learn.step_results import StepRun


def _retain(work: StepRun) -> StepOutcome:
    documents = _documents(work)
    releases = [*_releases(work, KNOWLEDGE), *_releases(work, BOOKS)]
    collections = _collections(work)
    gone = {"documents": documents, "releases": releases, "collections": collections}
    return StepOutcome(gone, {name: len(dropped) for name, dropped in gone.items()})


def _documents(work: StepRun) -> list[str]:
    first = (work.day - timedelta(days=work.parts.policy.keep_days)).isoformat()
    old = [key for key in work.parts.objects.keys(HOME) if "/dt=" in key and _day(key) < first]
    for key in old:
        work.parts.objects.drop(key)
    return old


def _day(key: str) -> str:
    return key.partition("/dt=")[2].partition("/")[0]


def _releases(work: StepRun, kind: str) -> list[str]:
    releases, keep = work.parts.releases, work.parts.policy.keep_releases
    now = releases.current()
    versions = releases.versions(kind)
    old = [
        one for one in versions[: max(0, len(versions) - keep)] if one not in (*now.versions, *now.previous)
    ]
    for version in old:
        releases.forget(kind, version)
    return old


def _collections(work: StepRun) -> list[str]:
    """Delete old collections that the alias has pointed to.

    Others may belong to a function with another version of the shipped knowledge.
    """
    parts = work.parts
    if parts.collections is None:
        return []
    names, keep = history(work), 1 + max(1, parts.policy.keep_collections)
    recent, old = names[:keep], names[keep:]
    collections = parts.collections()
    for name in old:
        collections.drop(name)
    read = parts.pointers.read(HISTORY)
    if old and read is not None:
        parts.pointers.swap(HISTORY, orjson.dumps(recent), read.tag)
    return old


STEPS = {"retain": JobStep(lambda _: "", _retain)}
