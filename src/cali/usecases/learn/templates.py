"""The job learn_templates: count the templates of a day, learn merges, and publish the template book if they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.refine import book
from cali.usecases.learn import raw_lines
from cali.usecases.learn.step_results import JobStep, StepOutcome, digest

if TYPE_CHECKING:
    from cali.stages.refine.book import Book
    from cali.usecases.learn.step_results import StepRun

JOB = "learn_templates"
BACK = 30  # maximum days to search for the previous book
EXAMPLES = 4_000  # maximum examples of healthy templates to keep, for the gate of learn_new_errors


def collected(work: StepRun, day: str) -> list[dict[str, Any]]:
    """Return the templates of a day: from the checkpoint of `collect`, or from raw/ if it has not run."""
    document = work.made("collect", JOB, day)
    if document is not None:
        rows: list[dict[str, Any]] = document["result"]["rows"]
        return rows
    read: list[dict[str, Any]] = _table(work, day)["rows"]
    return read


def _table(work: StepRun, day: str) -> dict[str, Any]:
    parts = work.parts
    numbered = raw_lines.lines(parts.objects, parts.unpack, day, parts.policy.lines)
    table, tally = raw_lines.table(numbered, parts.decoder(), parts.refiner(), parts.policy.templates)
    rows, examples = table.rows(), 0
    for row in rows:
        examples += row["least"] < Severity.WARNING
        if row["least"] >= Severity.WARNING or examples > EXAMPLES:
            row["example"] = ""
    return {
        "rows": rows,
        "lines": tally.lines,
        "events": tally.events,
        "folded": table.folded,
        "quarantined": tally.quarantined,
    }


def _collect(work: StepRun) -> StepOutcome:
    result = _table(work, work.dt)
    counts = {name: result[name] for name in ("lines", "events", "folded", "quarantined")}
    return StepOutcome(result, {**counts, "templates": len(result["rows"])})


def _learn(work: StepRun) -> StepOutcome:
    masks = work.parts.refiner().masks.version
    learnt = book.learn(masks, (str(row["template"]) for row in work.before("collect")["rows"]))
    older = _older(work, masks)
    if older is not None:
        learnt = book.merge(older, learnt)
    result = orjson.loads(book.dumps(learnt))
    return StepOutcome(result, {"merges": len(learnt.merges), "templates": len(result["templates"])})


def _older(work: StepRun, masks: str) -> Book | None:
    """Return the latest book learnt before this day; None if there is none or it was learnt under other masks."""
    for day in list(work.days_back(BACK))[1:]:
        document = work.made("learn", JOB, day)
        if document is not None:
            try:
                return book.loads(orjson.dumps(document["result"]), masks, work.key("learn.json", JOB, day))
            except Misconfigured:
                return None
    return None


def _publish(work: StepRun) -> StepOutcome:
    parts = work.parts
    masks = parts.refiner().masks.version
    learnt = book.loads(orjson.dumps(work.before("learn")), masks, work.key("learn.json"))
    current = parts.releases.current()
    published = parts.releases.book(current.versions.book, masks)
    new = sorted(set(learnt.merges) - set(published.merges if published else ()))
    if learnt.merges != (published.merges if published else []):
        current = parts.releases.publish_book(learnt, work.dt, work.at(), f"templates of {work.dt}")
    version = current.versions.book
    return StepOutcome({"version": version, "new": new}, {"version": version, "new_merges": len(new)})


STEPS = {
    "collect": JobStep(lambda work: digest(raw_lines.keys(work.parts.objects, work.dt)), _collect),
    "learn": JobStep(lambda work: work.digest_of("collect"), _learn),
    "publish": JobStep(lambda work: work.digest_of("learn"), _publish),
}
