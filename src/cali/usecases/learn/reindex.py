"""The job reindex_knowledge: build a new collection, check it, then point the alias to it.

The previous collection stays until retention deletes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cali.core.errors import Misconfigured
from cali.core.optimistic import update
from cali.core.ports import Tagged
from cali.stages.retrieve.index_rows import rows
from cali.usecases.learn.drafts import AREA
from cali.usecases.learn.step_results import HOME, JobStep, StepOutcome, digest

if TYPE_CHECKING:
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.learn.learn_context import Collections
    from cali.usecases.learn.step_results import StepRun

HISTORY = f"{HOME}collections.json"  # the collections that the alias has pointed to, latest first
AMONG = 5  # an entry must be among this many hits of a search for its own example
LEAST = 0.98  # minimum share of entries that must be found; without their values, some examples are too short


def history(work: StepRun) -> list[str]:
    """Return the collections that the alias has pointed to, latest first."""
    return _names(work.parts.objects.get(HISTORY))


def _names(body: bytes | None) -> list[str]:
    """Parse the history. A damaged one counts as empty, so that indexing goes on and older collections stay."""
    try:
        names = orjson.loads(body) if body else []
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def indexed(work: StepRun, knowledge: Knowledge) -> str:
    """Build the collection of this knowledge, point the alias to it, and return its name.

    Only the examples of learnt entries are checked. The step `check` searches all, which takes a minute.
    """
    collections = _collections(work)
    name = collections.build(knowledge.version, list(knowledge.entries.values()))
    _checked(collections, name, knowledge, learnt_only=True)
    _switched(work, collections, name)
    return name


def _build(work: StepRun) -> StepOutcome:
    knowledge = work.parts.knowledge()
    name = _collections(work).build(knowledge.version, list(knowledge.entries.values()))
    result = {"collection": name, "version": knowledge.version, "entries": len(knowledge.entries)}
    return StepOutcome(result, result)


def _check(work: StepRun) -> StepOutcome:
    built, knowledge = work.before("build"), work.parts.knowledge()
    if built["version"] != knowledge.version:
        raise Misconfigured(
            f"{built['collection']}: knowledge {knowledge.version} came into force after it was built; run `build` again"
        )
    result = _checked(_collections(work), built["collection"], knowledge)
    return StepOutcome(result, result)


def _switch(work: StepRun) -> StepOutcome:
    collections, name = _collections(work), str(work.before("check")["collection"])
    before = _switched(work, collections, name)
    return StepOutcome({"collection": name, "before": before}, {"collection": name, "before": before})


def _checked(
    collections: Collections, name: str, knowledge: Knowledge, *, learnt_only: bool = False
) -> dict[str, Any]:
    """Raise Misconfigured unless the collection is complete and a search for an entry's example finds the entry."""
    expected, stored = len(rows(list(knowledge.entries.values()))), collections.rows(name)
    if expected != stored:
        raise Misconfigured(f"{name}: holds {stored} of {expected} texts; run `build` again")
    entries = [one for one in knowledge.entries.values() if AREA in one.tags or not learnt_only]
    found = collections.found(name, [entry.symptoms[0] for entry in entries], AMONG)
    lost = [entry.id for entry, hits in zip(entries, found, strict=True) if entry.id not in hits]
    if len(lost) > (1 - LEAST) * len(entries):
        raise Misconfigured(
            f"{name}: a search does not find {len(lost)} of {len(entries)} entries: {', '.join(lost[:5])}"
        )
    return {"collection": name, "texts": stored, "entries": len(entries), "not_found": lost}


def _switched(work: StepRun, collections: Collections, name: str) -> str:
    before, pointers = collections.switch(name), work.parts.pointers

    def changed(read: Tagged) -> Tagged | None:
        names = _names(read.body)
        wanted = [name, *(one for one in names if one != name)]
        return None if names == wanted else read._replace(body=orjson.dumps(wanted))

    update(
        lambda: pointers.read(HISTORY) or Tagged(b"", ""),
        changed,
        lambda new: new._replace(tag=pointers.swap(HISTORY, new.body, new.tag)),
        HISTORY,
    )
    return before


def _collections(work: StepRun) -> Collections:
    if work.parts.collections is None:
        raise Misconfigured(f"{work.job}: Milvus is not configured; set CALI_MILVUS_URI")
    return work.parts.collections()


STEPS = {
    "build": JobStep(lambda work: digest([work.dt, work.parts.knowledge().version]), _build),
    "check": JobStep(lambda work: work.digest_of("build"), _check),
    "switch": JobStep(lambda work: work.digest_of("check"), _switch),
}
