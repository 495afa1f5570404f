"""Publication of drafts as CALI_LEARNING_APPROVAL says: at once, by a pull request, or after `cali release accept`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured
from cali.usecases.learn import reindex
from cali.usecases.learn.drafts import AREA, NO_FIX
from cali.usecases.learn.learn_context import Approval
from cali.usecases.learn.step_results import StepOutcome
from cali.usecases.releases import LearntKnowledge
from cali.usecases.releases.documents import yaml_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cali.core.models import KnowledgeEntry
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.learn.drafts import Draft
    from cali.usecases.learn.step_results import StepRun
    from cali.usecases.releases import Current

JOB = "learn_new_errors"
PROPOSAL = "proposal.yaml"
LONGEST = 60_000  # maximum characters of the text of a pull request; GitHub accepts 65,536


def published(work: StepRun, drafts: Sequence[Draft], gate: Mapping[str, Any]) -> StepOutcome:
    """Publish the drafts that passed the gate, and return the result of the step."""
    approval = work.parts.policy.approval
    names = [draft.entry.id for draft in drafts]
    result: dict[str, object] = {"approval": approval.value, "entries": names}
    if drafts and approval is Approval.AUTO:
        why = f"new errors of {work.dt}"
        current = released(
            work,
            [draft.entry for draft in drafts],
            [name for draft in drafts for name in draft.replaces],
            why,
        )
        result |= {"version": current.versions.knowledge}
    elif drafts and approval is Approval.PULL_REQUEST:
        result |= {"url": _opened(work, drafts, gate)}
    elif drafts:
        key = work.key(PROPOSAL)
        work.parts.objects.put(key, _proposal(work, drafts).encode(), "application/yaml")
        result |= {"proposal": key}
    else:  # the proposal of an earlier run of this day may hold drafts that the gate now stops
        work.parts.objects.drop(work.key(PROPOSAL))
    return StepOutcome(result, result)


def released(work: StepRun, entries: Iterable[KnowledgeEntry], replaced: Iterable[str], why: str) -> Current:
    """Put entries in force, and add them to the index if there is one."""
    new = {entry.id: entry for entry in entries}
    gone = set(replaced) - new.keys()

    def step(learnt: LearntKnowledge) -> LearntKnowledge:
        others = {name: entry for name, entry in learnt.entries.items() if name not in gone}
        withdrawn = {name: why for name, why in learnt.withdrawn.items() if name not in new}
        withdrawn |= dict.fromkeys(gone & learnt.entries.keys(), "another entry replaces it")
        return replace(learnt, entries={**others, **new}, withdrawn=withdrawn)

    parts = work.parts
    current = parts.releases.change(step, work.dt, work.at(), why, parts.shipped())
    if parts.collections is not None:
        reindex.indexed(work, parts.releases.knowledge(current.versions.knowledge, parts.shipped()))
    return current


def accepted(work: StepRun) -> Current:
    """Put the proposal of a day in force, with the corrections that a person made in the file.

    Raise Misconfigured if there is no proposal, or if an entry is invalid.
    """
    gate = work.made("gate", JOB)
    key = work.key(PROPOSAL, JOB)
    body = work.parts.objects.get(key)
    if gate is None or body is None:
        raise Misconfigured(
            f"{key}: no proposal of that day; run `cali learning status` to see which steps ran"
        )
    entries = _checked(body, key, work.parts.knowledge())
    names = {entry.id for entry in entries}
    gone = [
        str(name)
        for item in gate["result"]["passed"]
        if item["entry"]["id"] in names
        for name in item["replaces"]
    ]
    return released(work, entries, gone, f"proposal of {work.dt} accepted")


def _checked(body: bytes, key: str, knowledge: Knowledge) -> list[KnowledgeEntry]:
    from cali.stages.retrieve.audit import KnowledgeFile, audit
    from cali.stages.retrieve.schema import read_text

    try:
        found = read_text(body.decode(), key)
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{key}: not UTF-8: byte {error.start}") from error
    sources = [KnowledgeFile(key, entry) for entry in found.entries]
    for fault in (*found.faults, *audit(sources, knowledge.entries)):
        raise Misconfigured(str(fault))
    return list(found.entries)


def _proposal(work: StepRun, drafts: Sequence[Draft]) -> str:
    head = f"# Proposed entries for the errors of {work.dt}. Run `cali release accept {work.dt}` to put them in force.\n"
    return head + yaml_of((draft.entry for draft in drafts), work.dt, AREA)


def _opened(work: StepRun, drafts: Sequence[Draft], gate: Mapping[str, Any]) -> str:
    pulls = work.parts.pull_requests
    if pulls is None:
        raise Misconfigured(
            "CALI_LEARNING_APPROVAL is pull-request; set CALI_GITHUB_REPOSITORY and its token, see docs/learning.md"
        )
    path = f"{work.parts.policy.folder.strip('/')}/{AREA}-{work.dt}.yaml"
    many = "entries" if len(drafts) > 1 else "entry"
    return pulls().open(
        f"cali/{AREA}-{work.dt}",
        f"Know {len(drafts)} new {many}: errors of {work.dt}",
        _body(work, drafts, gate),
        {path: yaml_of((draft.entry for draft in drafts), work.dt, AREA)},
    )


def _body(work: StepRun, drafts: Sequence[Draft], gate: Mapping[str, Any]) -> str:
    """Return the text for the reviewer: who gave each cause, and how many incidents it would have answered."""
    lines = [f"Drafts of `learn_new_errors` for {work.dt}. All passed the replay gate.", ""]
    for draft in drafts:
        answers = gate["answers"].get(draft.entry.id, 0)
        source = f"cause by {draft.by}, confidence {draft.confidence:.2f}"
        tried = f"would have answered {answers} incidents of the last {work.parts.policy.days} days"
        lines.append(f"- {_quoted(draft.entry.title)} ({_quoted(draft.entry.id)}), {source}; {tried}")
        if draft.entry.fix == (NO_FIX,):
            lines += ["  - no fix is known yet; please write one"]
    if gate["stopped"]:
        lines += ["", "Stopped by the gate:", ""]
        lines += [f"- {_quoted(name)}: {_quoted(why)}" for name, why in sorted(gate["stopped"].items())]
    text = "\n".join(lines)
    if len(text) > LONGEST:
        text = text[:LONGEST].rpartition("\n")[0] + "\n- and more; all entries are in the file"
    return f"{text}\n\nAfter the merge: `cali release add <file>` puts the file in force."


def _quoted(text: str) -> str:
    """Return a text as Markdown code, so that log text cannot mention people or close issues."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
