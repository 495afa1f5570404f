"""A new collection beside the old, looked at before the alias stands for it. The old one stays until the one after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cali.core.errors import Misconfigured
from cali.core.optimistic import update
from cali.core.ports import Tagged
from cali.stages.retrieve.index_rows import rows
from cali.usecases.learn.drafts import AREA
from cali.usecases.learn.step_results import HOME, JobStep, Made, digest

if TYPE_CHECKING:
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.learn.learn_context import Collections
    from cali.usecases.learn.step_results import StepRun

HISTORY = f"{HOME}collections.json"  # the collections that the alias stood for, the latest first
AMONG = 5  # hits in which an entry must be when its own example is searched
LEAST = 0.98  # share of the entries that must be: some examples say nothing once their values are left out


def history(work: StepRun) -> list[str]:
    """The collections that the alias stood for, the latest first."""
    return _names(work.parts.objects.get(HISTORY))


def _names(body: bytes | None) -> list[str]:
    """A damaged history counts as none: the index goes on, and the older collections stay."""
    try:
        held = orjson.loads(body) if body else []
    except ValueError:
        return []
    return [str(name) for name in held] if isinstance(held, list) else []


def indexed(work: StepRun, knowledge: Knowledge) -> str:
    """Lets the alias stand for a whole collection of this knowledge; its name. Of the examples only those of learnt entries
    are searched: `check` looks at all, and takes a minute for it."""
    collections = _collections(work)
    name = collections.build(knowledge.version, list(knowledge.entries.values()))
    _checked(collections, name, knowledge, learnt_only=True)
    _switched(work, collections, name)
    return name


def _build(work: StepRun) -> Made:
    knowledge = work.parts.knowledge()
    name = _collections(work).build(knowledge.version, list(knowledge.entries.values()))
    said = {"collection": name, "version": knowledge.version, "entries": len(knowledge.entries)}
    return Made(said, said)


def _check(work: StepRun) -> Made:
    built, knowledge = work.before("build"), work.parts.knowledge()
    if built["version"] != knowledge.version:
        raise Misconfigured(
            f"{built['collection']}: knowledge {knowledge.version} is in force since it was built; build again"
        )
    said = _checked(_collections(work), built["collection"], knowledge)
    return Made(said, said)


def _switch(work: StepRun) -> Made:
    collections, name = _collections(work), str(work.before("check")["collection"])
    before = _switched(work, collections, name)
    return Made({"collection": name, "before": before}, {"collection": name, "before": before})


def _checked(
    collections: Collections, name: str, knowledge: Knowledge, *, learnt_only: bool = False
) -> dict[str, Any]:
    """That the collection is whole, and that the example of each entry finds it."""
    wanted, held = len(rows(list(knowledge.entries.values()))), collections.rows(name)
    if wanted != held:
        raise Misconfigured(f"{name}: holds {held} texts of {wanted}")
    entries = [one for one in knowledge.entries.values() if AREA in one.tags or not learnt_only]
    found = collections.found(name, [entry.symptoms[0] for entry in entries], AMONG)
    lost = [entry.id for entry, hits in zip(entries, found, strict=True) if entry.id not in hits]
    if len(lost) > (1 - LEAST) * len(entries):
        raise Misconfigured(
            f"{name}: the examples of {len(lost)} of {len(entries)} entries do not find them: {', '.join(lost[:5])}"
        )
    return {"collection": name, "texts": held, "entries": len(entries), "not_found": lost}


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
        raise Misconfigured(f"{work.job}: no Milvus is configured; set CALI_MILVUS_URI")
    return work.parts.collections()


STEPS = {
    "build": JobStep(lambda work: digest([work.dt, work.parts.knowledge().version]), _build),
    "check": JobStep(lambda work: work.digest_of("build"), _check),
    "switch": JobStep(lambda work: work.digest_of("check"), _switch),
}
