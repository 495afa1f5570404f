"""The job learn_new_errors: turn the unknown errors of a day into knowledge entries."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from cali.core.errors import Poison
from cali.core.models import Origin
from cali.stages.retrieve.signatures import Signatures
from cali.usecases.learn import feedback, raw_lines, templates
from cali.usecases.learn.draft_gate import Confirmed, GateSamples, judged
from cali.usecases.learn.drafts import Draft, Unexplained, drafted
from cali.usecases.learn.groups import SAMPLES, ErrorGroup, grouped, incident_of
from cali.usecases.learn.publishing import accepted, published
from cali.usecases.learn.step_results import JobStep, StepOutcome, StepRun, digest
from cali.usecases.releases.documents import entry_of, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cali.core.models import Diagnosis, Incident, KnowledgeEntry

JOB = "learn_new_errors"
HOME = "new_errors/dt="
REPLAYED = 20_000  # maximum raw lines of each day that the gate replays
HEALTHY_DAYS = 3
PASSING = ("the model is unavailable", "another process is asking", "the model's server cannot be understood")

__all__ = ["JOB", "STEPS", "accepted"]


def _keys(work: StepRun, day: str = "") -> list[str]:
    return list(work.parts.objects.keys(f"{HOME}{day or work.dt}/"))


def _incidents(work: StepRun, day: str = "") -> Iterator[Incident | Poison]:
    for key in _keys(work, day):
        try:
            yield incident_of(work.parts.objects.get(key) or b"")
        except Poison as error:
            yield error


def _grouping(work: StepRun) -> str:
    bodies = [
        (key, digest((work.parts.objects.get(key) or b"").decode("utf-8", "replace"))) for key in _keys(work)
    ]
    return digest([bodies, [list(one) for one in feedback.said_on(work, feedback.records(work))]])


def _group(work: StepRun) -> StepOutcome:
    redact = work.parts.refiner().redactor.text
    read = list(_incidents(work))
    incidents = [one for one in read if not isinstance(one, Poison)]
    groups = grouped(incidents, redact)
    for said in feedback.said_on(work, feedback.records(work)):
        group = _group_of(groups, said, work, redact)
        if group is not None:
            group.said.append({"cause": redact(said.cause), "entry": said.entry, "incident": said.incident})
    unread = len(read) - len(incidents)
    summary = {"incidents": len(incidents), "groups": len(groups), "unreadable": unread}
    return StepOutcome({"groups": [asdict(group) for group in groups]}, summary)


def _group_of(
    groups: list[ErrorGroup], said: feedback.Correction, work: StepRun, redact: Callable[[str], str]
) -> ErrorGroup | None:
    """Return the group that a person gave a cause for. Add one if the error was known, with a wrong cause."""
    for group in groups:
        if said.fingerprint in group.fingerprints:
            return group
    stored = work.parts.incidents().get(said.incident) if work.parts.incidents else None
    if stored is None:
        return None
    made = grouped([stored.incident], redact)
    groups += made
    return made[0]


def _drafting(work: StepRun) -> str:
    return digest([work.digest_of("group"), work.parts.explain is not None])


def _draft(work: StepRun) -> StepOutcome:
    """Draft an entry for each group. Ask the model only for groups without a cause.

    If the model is unavailable, the next run repeats the step.
    """
    parts, knowledge = work.parts, work.parts.knowledge()
    signatures = knowledge.signatures()
    learnt = parts.releases.learnt(parts.releases.current().versions.knowledge)
    wrong = feedback.called_wrong(feedback.records(work))
    explain = parts.explain(knowledge) if parts.explain else None
    drafts: list[Draft] = []
    unexplained: list[Unexplained] = []
    known = asked = 0
    away = ""
    for plain_group in work.before("group")["groups"]:
        texts = [(template, text) for template, text in plain_group["texts"]]
        group = ErrorGroup(**{**plain_group, "texts": texts})
        if not group.said and _all_known(group, signatures):
            known += 1
            continue
        why = ""
        if not group.said and not group.causes and explain is not None:
            asked += 1
            why = _asked(group, work, explain)
            away = why if why.startswith(PASSING) else away
        made = drafted(group, parts.policy.least)
        if isinstance(made, Unexplained) and why:
            made = made._replace(why=f"the model gave no cause: {why}")
        if isinstance(made, Draft) and made.entry.id in learnt.withdrawn and not group.said:
            made = Unexplained(group.fingerprint, group.title, group.count, learnt.withdrawn[made.entry.id])
        if isinstance(made, Unexplained):
            unexplained.append(made)
        elif knowledge.entries.get(made.entry.id) != made.entry:
            replaces = _replaced(made, signatures, wrong & learnt.entries.keys())
            drafts.append(made._replace(replaces=replaces))
    result = {
        "drafts": [_plain(draft) for draft in drafts],
        "unexplained": [one._asdict() for one in unexplained],
        "away": away,
    }
    summary: dict[str, object] = {
        "drafts": len(drafts),
        "unexplained": len(unexplained),
        "known": known,
        "asked": asked,
    }
    return StepOutcome(result, {**summary, "away": away} if away else summary, whole=not away)


def _all_known(group: ErrorGroup, signatures: Signatures) -> bool:
    return bool(group.texts) and all(signatures.matching(text) for _, text in group.texts)


def _asked(group: ErrorGroup, work: StepRun, explain: Callable[[Incident], Diagnosis]) -> str:
    """Add the cause that the model gives for an incident of the group. Return the reason if it gives none."""
    incident = next(
        (one for one in _incidents(work) if not isinstance(one, Poison) and one.id in group.incidents), None
    )
    if incident is None:
        return ""
    diagnosis = explain(incident)
    if diagnosis.origin is not Origin.MODEL:
        return diagnosis.versions.get("gate", "")
    group.causes.append(
        {
            "cause": diagnosis.cause,
            "fix": list(diagnosis.fix),
            "confidence": diagnosis.confidence,
            "model": diagnosis.versions.get("model", ""),
        }
    )
    return ""


def _replaced(draft: Draft, signatures: Signatures, wrong: frozenset[str]) -> tuple[str, ...]:
    matching = {name for text in draft.entry.symptoms for name in signatures.matching(text)}
    return tuple(sorted((matching & wrong) - {draft.entry.id}))


def _gate(work: StepRun) -> StepOutcome:
    drafts = [_draft_of(item, work) for item in work.before("draft")["drafts"]]
    verdict = judged(drafts, _ground(work)) if drafts else judged((), GateSamples(work.parts.knowledge()))
    result = {
        "passed": [_plain(draft) for draft in verdict.passed],
        "stopped": dict(verdict.stopped),
        "answers": dict(verdict.answers),
    }
    return StepOutcome(
        result,
        {
            "passed": [draft.entry.id for draft in verdict.passed],
            "stopped": dict(verdict.stopped),
            "would_answer": sum(verdict.answers.values()),
        },
    )


def _ground(work: StepRun) -> GateSamples:
    parts = work.parts
    found = feedback.records(work)
    recent = [
        one
        for day in work.days_back(parts.policy.days)
        for one in _incidents(work, day)
        if not isinstance(one, Poison)
    ]
    healthy = [
        text
        for day in work.days_back(HEALTHY_DAYS)
        for text in raw_lines.healthy(templates.collected(work, day))
        if text
    ]
    numbered: list[tuple[int, bytes]] = []
    for day in work.days_back(HEALTHY_DAYS):
        for _, line in islice(raw_lines.lines(parts.objects, parts.unpack, day, REPLAYED), REPLAYED):
            numbered.append((len(numbered) + 1, line))
    masks = parts.refiner().masks.version
    return GateSamples(
        knowledge=parts.knowledge(),
        healthy=list(dict.fromkeys(healthy)),
        confirmed=[_confirmed(incident) for incident in feedback.confirmed(work, found)],
        lines=numbered,
        recent=recent,
        wrong=feedback.called_wrong(found),
        book=parts.releases.book(parts.releases.current().versions.book, masks),
    )


def _confirmed(incident: Incident) -> Confirmed:
    diagnosis = incident.diagnosis
    known = diagnosis is not None and diagnosis.origin is Origin.KNOWLEDGE and diagnosis.knowledge
    return Confirmed(
        incident.id,
        tuple(sample.message for sample in incident.samples[:SAMPLES]),
        diagnosis.knowledge[0].id if diagnosis is not None and known else "",
        diagnosis.cause if diagnosis is not None else "",
    )


def _publish(work: StepRun) -> StepOutcome:
    gate = work.before("gate")
    drafts = [_draft_of(item, work) for item in gate["passed"]]
    return published(work, drafts, gate)


def _plain(draft: Draft) -> dict[str, Any]:
    return {**draft._asdict(), "entry": plain(draft.entry)}


def _draft_of(item: dict[str, Any], work: StepRun) -> Draft:
    entry: KnowledgeEntry = entry_of(item["entry"], f"{work.job} {work.dt}")
    return Draft(
        entry,
        str(item["by"]),
        str(item["group"]),
        float(item["confidence"]),
        tuple(item["incidents"]),
        tuple(item["replaces"]),
    )


STEPS = {
    "group": JobStep(_grouping, _group),
    "draft": JobStep(_drafting, _draft),
    "gate": JobStep(lambda work: work.digest_of("draft"), _gate),
    "publish": JobStep(lambda work: digest([work.digest_of("gate"), work.parts.policy.approval]), _publish),
}
