"""The job apply_feedback: count the verdicts on each entry, and withdraw learnt entries that people often called wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.life import Feedback, Verdict
from cali.stages.notify.feedback_rules import summarise
from cali.usecases.learn.step_results import JobStep, StepOutcome, digest
from cali.usecases.releases import EntryStanding, LearntKnowledge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cali.core.models import Incident
    from cali.usecases.learn.step_results import StepRun

MOST = 100_000  # maximum records to read


class Correction(NamedTuple):
    """A cause that a person gave instead of a wrong one. `entry` is the entry that gave the wrong one, if any."""

    fingerprint: str
    incident: str
    cause: str
    entry: str
    at: float


def records(work: StepRun) -> list[Feedback]:
    """Return the latest verdict of each person on each incident until the end of the day, oldest first."""
    if work.parts.feedback is None:
        return []
    latest: dict[tuple[str, str], Feedback] = {}
    found = work.parts.feedback().find(MOST)
    for record in sorted(found, key=lambda one: (one.at, one.id)):
        if record.at < work.end:
            latest[record.incident, record.by] = record
    return sorted(latest.values(), key=lambda one: (one.at, one.id))


def said_on(work: StepRun, found: Iterable[Feedback]) -> list[Correction]:
    """Return the causes that people gave on the day itself."""
    begin = work.end - 86_400.0
    return [
        Correction(one.fingerprint, one.incident, one.cause, one.entry, one.at)
        for one in found
        if one.verdict is Verdict.WRONG and one.cause and one.at >= begin
    ]


def called_wrong(found: Iterable[Feedback]) -> frozenset[str]:
    """Return the entries with a verdict `wrong` and none `right`."""
    by_entry: dict[str, set[Verdict]] = defaultdict(set)
    for one in found:
        if one.entry:
            by_entry[one.entry].add(one.verdict)
    return frozenset(
        entry
        for entry, verdicts in by_entry.items()
        if Verdict.WRONG in verdicts and Verdict.RIGHT not in verdicts
    )


def confirmed(work: StepRun, found: Iterable[Feedback]) -> list[Incident]:
    """Return the stored incidents whose only verdict is `right`."""
    if work.parts.incidents is None:
        return []
    verdicts: dict[str, set[Verdict]] = defaultdict(set)
    for one in found:
        verdicts[one.incident].add(one.verdict)
    store = work.parts.incidents()
    names = [name for name, given in verdicts.items() if given == {Verdict.RIGHT}]
    stored = [store.get(name) for name in sorted(names)]
    return [one.incident for one in stored if one is not None]


def standing(found: Iterable[Feedback]) -> dict[str, EntryStanding]:
    """Return how often each entry was called right and wrong."""
    counts: dict[str, EntryStanding] = {}
    for one in found:
        if one.entry and one.verdict is not Verdict.NOT_AN_ERROR:
            now = counts.get(one.entry, EntryStanding())
            right = one.verdict is Verdict.RIGHT
            counts[one.entry] = EntryStanding(now.right + right, now.wrong + (not right))
    return dict(sorted(counts.items()))


def applied(learnt: LearntKnowledge, said: Mapping[str, EntryStanding], wrong: int) -> LearntKnowledge:
    """Return the learnt entries with their standing, without withdrawn ones.

    An entry is withdrawn when at least `wrong` more people call it wrong than right.
    """
    gone = {
        name: f"called wrong {said[name].wrong} times and right {said[name].right} times"
        for name in learnt.entries
        if name in said and said[name].wrong - said[name].right >= wrong
    }
    entries = {name: entry for name, entry in learnt.entries.items() if name not in gone}
    return replace(learnt, entries=entries, standing=said, withdrawn={**learnt.withdrawn, **gone})


def _source(work: StepRun) -> str:
    return digest([one.id for one in records(work)])


def _apply(work: StepRun) -> StepOutcome:
    found = records(work)
    counts, parts = standing(found), work.parts
    before = parts.releases.current()
    had = parts.releases.learnt(before.versions.knowledge)
    after = parts.releases.change(
        lambda learnt: applied(learnt, counts, parts.policy.wrong),
        work.dt,
        work.at(),
        f"feedback until {work.dt}",
        parts.shipped(),
    )
    has = parts.releases.learnt(after.versions.knowledge)
    withdrawn = sorted(had.entries.keys() - has.entries.keys())
    causes = said_on(work, found)
    result: dict[str, Any] = {
        "raised": summarise(found).scores,
        "withdrawn": {name: has.withdrawn.get(name, "") for name in withdrawn},
        "causes": [one._asdict() for one in causes],
        "version": after.versions.knowledge,
    }
    summary = {
        "records": len(found),
        "right": sum(one.right for one in counts.values()),
        "wrong": sum(one.wrong for one in counts.values()),
        "causes": len(causes),
        "withdrawn": withdrawn,
        "version": after.versions.knowledge,
    }
    return StepOutcome(result, summary)


STEPS = {"apply": JobStep(_source, _apply)}
