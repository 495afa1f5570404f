"""The replay gate: stop the drafts that would make the knowledge worse. Pure.

A draft passes if all of these hold:

1. Its form is valid, its patterns are fast, and it ranks first on its own examples.
2. Its signature matches no example of another entry, and no healthy line.
3. It changes no cause that people confirmed.
4. A replay of the last days with the draft raises no new incident. It replaces the answer of no other entry, except
   answers that people called wrong.
5. It matches no example of another draft of the same night. The draft that explains more events is checked first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cali.core.errors import Misconfigured
from cali.stages.retrieve.audit import KnowledgeFile, audit
from cali.stages.retrieve.knowledge import Knowledge, knowledge_of
from cali.stages.retrieve.signatures import Signatures
from cali.usecases.learn.drafts import PEOPLE, Draft
from cali.usecases.releases.documents import entry_of, plain
from cali.usecases.replay import DifferenceKind, ReplayVersions, compare, replay
from cali.usecases.replay.compare import cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cali.core.models import Incident, KnowledgeEntry
    from cali.stages.refine.book import Book

_TAKES = {DifferenceKind.CHANGED, DifferenceKind.REWORDED}
_RAISES = {DifferenceKind.APPEARED}
SHOWN = 100  # maximum characters of a line in a reason


class Confirmed(NamedTuple):
    """An incident whose cause a person called right."""

    incident: str
    texts: tuple[str, ...]
    entry: str  # the entry that gave the cause; empty when a model did
    cause: str


@dataclass(frozen=True, slots=True)
class GateSamples:
    """The data that drafts are tested on.

    `lines` are raw lines of the last days. `healthy` are texts of events that were no error. `recent` are unknown
    incidents. `wrong` are the ids of entries that people called wrong.
    """

    knowledge: Knowledge
    healthy: Sequence[str] = ()
    confirmed: Sequence[Confirmed] = ()
    lines: Sequence[tuple[int, bytes]] = ()
    recent: Sequence[Incident] = ()
    wrong: frozenset[str] = frozenset()
    book: Book | None = None


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The result for each draft: passed, or stopped with a reason.

    `answers` is the number of recent incidents that each passed draft would have answered.
    """

    passed: tuple[Draft, ...]
    stopped: Mapping[str, str]
    answers: Mapping[str, int] = field(default_factory=dict)


def judged(drafts: Sequence[Draft], ground: GateSamples) -> GateVerdict:
    """Return the verdict on the drafts of a night. The same input gives the same verdict."""
    stopped: dict[str, str] = {}
    passed: list[Draft] = []
    examples = [(entry.id, text) for entry in ground.knowledge.entries.values() for text in entry.symptoms]
    for draft in drafts:
        why = _alone(draft, ground, examples) or _beside(draft, passed)
        if why:
            stopped[draft.entry.id] = why
        else:
            passed.append(draft)
    stopped |= _over_time(passed, ground)
    passed = [draft for draft in passed if draft.entry.id not in stopped]
    return GateVerdict(tuple(passed), stopped, _answers(passed, ground.recent))


def _alone(draft: Draft, ground: GateSamples, examples: Sequence[tuple[str, str]]) -> str:
    entry = draft.entry
    try:
        entry_of(plain(entry), "draft")
    except Misconfigured as error:
        return f"its form is invalid: {error}"
    if entry.id in ground.knowledge.entries and "learnt" not in ground.knowledge.entries[entry.id].tags:
        return "a shipped entry has the same id"
    fault = next(audit([KnowledgeFile("draft", entry)], _near(entry, ground.knowledge)), None)
    if fault is not None:
        return f"its form is invalid: {fault.what}"
    own = Signatures([entry])
    for name, text in examples:
        if name != entry.id and name not in ground.wrong and own.matching(text):
            return f"its signature matches an example of {name}: {_short(text)}"
    for text in ground.healthy:
        if own.matching(text):
            return f"its signature matches a healthy line: {_short(text)}"
    for confirmed in ground.confirmed:
        if _takes(entry, confirmed) and any(own.matching(text) for text in confirmed.texts):
            return f"it would change the cause of incident {confirmed.incident}, which people called right"
    return ""


def _near(entry: KnowledgeEntry, knowledge: Knowledge) -> dict[str, KnowledgeEntry]:
    """Return the entries that match its examples. An audit against all entries takes a second for each draft."""
    signatures = knowledge.signatures()
    names = {name for text in entry.symptoms for name in signatures.matching(text)}
    return {name: knowledge.entries[name] for name in sorted(names)}


def _takes(entry: KnowledgeEntry, confirmed: Confirmed) -> bool:
    return entry.id != confirmed.entry and entry.cause != confirmed.cause


def _beside(draft: Draft, passed: Sequence[Draft]) -> str:
    own = Signatures([draft.entry])
    for other in passed:
        theirs = Signatures([other.entry])
        if any(own.matching(text) for text in other.entry.symptoms) or any(
            theirs.matching(text) for text in draft.entry.symptoms
        ):
            return f"draft {other.entry.id} of the same night matches the same lines"
    return ""


def _over_time(drafts: Sequence[Draft], ground: GateSamples) -> dict[str, str]:
    """Replay the last days with and without the drafts. Return the reason for each draft that must be stopped."""
    if not drafts or not ground.lines:
        return {}
    by_id = {draft.entry.id: draft for draft in drafts}
    entries = {**ground.knowledge.entries, **{name: draft.entry for name, draft in by_id.items()}}
    after = knowledge_of(entries.values(), ground.knowledge.version[: len("2026-01-01")])
    was = replay(ground.lines, ReplayVersions(ground.knowledge, book=ground.book))
    now = replay(ground.lines, ReplayVersions(after, book=ground.book))
    stopped: dict[str, str] = {}
    for row in compare(was, now).rows:
        names = {stated.entry for one in row.after if (stated := cause(one)) is not None} & by_id.keys()
        before = {stated.entry for one in row.before if (stated := cause(one)) is not None}
        for name in sorted(names):
            why = _changed(row.what, before - {name}, by_id[name], ground)
            if why:
                stopped.setdefault(name, why)
    return stopped


def _changed(what: DifferenceKind, before: set[str], draft: Draft, ground: GateSamples) -> str:
    if what in _RAISES:
        return "a replay of the last days with it raises a new incident"
    if what in _TAKES and before and not (draft.by == PEOPLE and before <= ground.wrong):
        return f"a replay of the last days with it replaces the answer of {', '.join(sorted(before))}"
    return ""


def _answers(drafts: Sequence[Draft], recent: Sequence[Incident]) -> dict[str, int]:
    found: dict[str, int] = {}
    for draft in drafts:
        own = Signatures([draft.entry])
        found[draft.entry.id] = sum(
            any(own.matching(sample.message) for sample in incident.samples) for incident in recent
        )
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}...")
