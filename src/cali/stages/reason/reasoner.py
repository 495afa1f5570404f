"""From an incident to its diagnosis: the knowledge if it is sure, the model if there is one, silence otherwise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from cali.core.errors import CaliError
from cali.core.models import Diagnosis, Event, Evidence, Incident, KnowledgeEntry, Origin, Status
from cali.stages.reason import confidence, question
from cali.stages.reason import known_error as known
from cali.stages.reason import numbered_lines as lines
from cali.stages.reason.answer_gate import RejectedAnswer, passed, support
from cali.stages.reason.ask_model import ModelGateway, NoAnswerError
from cali.stages.reason.cached_answer import found_again
from cali.stages.reason.prompt_injection import MARK, honest
from cali.stages.reason.spend import Spend
from cali.stages.retrieve import UNKNOWN, Retrieved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cali.stages.reason.numbered_lines import NumberedLine
    from cali.stages.retrieve.knowledge import Knowledge

AGREES = 4  # words of the cause that a near entry must share to speak of the same


@dataclass(frozen=True, slots=True)
class ReasonSettings:
    """`tokens` of log lines go into a question, `max_tokens` may come back; `threads` questions run at once."""

    language: str = "en"
    prompt: str = question.LATEST
    tokens: int = 1500
    max_tokens: int = 900
    threads: int = 4
    versions: Mapping[str, str] = field(default_factory=dict)


class _Lookup(NamedTuple):
    """What retrieval found for an incident, and in which of its events."""

    found: Retrieved
    event: Event


class Reasoner:
    """Explains incidents. `retrieve` is what is known about a redacted text; `asking` is None when no model is configured,
    and then nothing leaves the process. Safe for threads when `retrieve` is."""

    def __init__(
        self,
        knowledge: Knowledge,
        retrieve: Callable[[str], Retrieved],
        redact: Callable[[str], str],
        asking: ModelGateway | None = None,
        model: str = "",
        settings: ReasonSettings | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._retrieve = retrieve
        self._redact = redact
        self._asking = asking
        self._model = model
        self._settings = settings or ReasonSettings()
        self._prompt = question.prompt(self._settings.prompt, self._settings.language)
        self._versions = {**self._settings.versions, "knowledge": knowledge.version}

    @property
    def spend(self) -> Spend:
        """What the model has cost so far."""
        return self._asking.spend if self._asking else Spend()

    def diagnose(self, incident: Incident, context: Sequence[Event] = ()) -> Diagnosis:
        """The diagnosis of one incident; `context` are events from around it. Never raises for what a model or a cache
        does."""
        seen = self._seen(incident)
        return self._from_knowledge(incident, seen) or self._from_model(incident, seen, context)

    def known(self, incident: Incident) -> Diagnosis | None:
        """What the knowledge alone says of an incident; None when it is not sure. Asks no model."""
        return self._from_knowledge(incident, self._seen(incident))

    @property
    def knowledge(self) -> str:
        """The version of the knowledge that answers."""
        return self._knowledge.version

    def diagnose_all(
        self, incidents: Sequence[Incident], context: Mapping[str, Sequence[Event]] | None = None
    ) -> tuple[Incident, ...]:
        """The same incidents, in the same order, each with its diagnosis. What is known is answered first; then the
        model is asked, for the most severe first, a few at a time. One that fails is silent about its cause; the
        others are answered. `context` is by incident id."""
        around = context or {}
        done: dict[int, Diagnosis] = {}
        open_: list[tuple[int, _Lookup]] = []
        for place, incident in enumerate(incidents):
            answer = self._first_look(incident)
            if isinstance(answer, Diagnosis):
                done[place] = answer
            else:
                open_.append((place, answer))
        open_.sort(key=lambda item: (-incidents[item[0]].severity, -incidents[item[0]].count, item[0]))

        def ask(item: tuple[int, _Lookup]) -> Diagnosis:
            incident = incidents[item[0]]
            try:
                return self._from_model(incident, item[1], around.get(incident.id, ()))
            except Exception as error:  # one incident must not cost the others theirs
                return self._silent(incident, UNKNOWN, _named(error))

        if self._asking is None or len(open_) < 2:
            answers = list(map(ask, open_))
        else:
            with ThreadPoolExecutor(self._settings.threads, "reason") as pool:
                answers = list(pool.map(ask, open_))
        done |= {place: answer for (place, _), answer in zip(open_, answers, strict=True)}
        return tuple(_with(incident, done[place]) for place, incident in enumerate(incidents))

    def _first_look(self, incident: Incident) -> Diagnosis | _Lookup:
        try:
            seen = self._seen(incident)
            return self._from_knowledge(incident, seen) or seen
        except Exception as error:  # a broken index or entry must not cost the others their answer
            return self._silent(incident, UNKNOWN, _named(error))

    def _seen(self, incident: Incident) -> _Lookup:
        """The first sample that is known, or the first of all. The part of a line that speaks to its reader is not
        searched: it could name any error."""
        first: _Lookup | None = None
        texts: set[str] = set()
        for sample in incident.samples[: lines.SAMPLES]:
            text = honest(self._redact(sample.message))
            if text in texts:
                continue
            texts.add(text)
            seen = _Lookup(self._retrieve(text), sample)
            if seen.found.known:
                return seen
            first = first or seen
        return first or _Lookup(UNKNOWN, incident.samples[0])

    def _from_knowledge(self, incident: Incident, seen: _Lookup) -> Diagnosis | None:
        found = seen.found
        entry = self._knowledge.entries.get(found.hits[0].id) if found.known and found.hits else None
        if entry is None:
            return None
        told = [_honest(line) for line in lines.of(seen.event, self._redact, own=True)]
        if entry.id in found.verified:
            evidence = known.proof(entry, told) or lines.telling(told)
        else:
            evidence = known.likeness(entry, told)
        if not evidence:
            return None
        return Diagnosis(
            origin=Origin.KNOWLEDGE,
            evidence=evidence,
            cause=entry.cause,
            fix=entry.fix,
            confidence=confidence.of_knowledge(found, incident),
            knowledge=found.hits,
            versions=dict(self._versions),
        )

    def _from_model(self, incident: Incident, seen: _Lookup, context: Sequence[Event]) -> Diagnosis:
        if self._asking is None:
            return self._silent(incident, seen.found, "not in the knowledge base, and no model is configured")
        asked = {"prompt": self._prompt.version, "model": self._model}
        own = lines.own(incident, self._redact)
        excerpt = question.choose(own, lines.around(context, incident, self._redact), self._settings.tokens)
        if not any(sent.whole.own for sent in excerpt.sent):
            return self._silent(
                incident, seen.found, "its lines hold nothing but words to their reader", asked
            )
        near = [
            self._knowledge.entries[hit.id] for hit in seen.found.hits if hit.id in self._knowledge.entries
        ]
        try:
            return self._answered(incident, seen.found, excerpt, near[: question.NEAREST], asked)
        except NoAnswerError as reason:
            return self._silent(incident, seen.found, str(reason), asked)

    def _answered(
        self,
        incident: Incident,
        found: Retrieved,
        excerpt: question.Excerpt,
        near: Sequence[KnowledgeEntry],
        asked: Mapping[str, str],
    ) -> Diagnosis:
        from cali.stages.reason.model_answer import read, schema  # pydantic: only when there is a model

        assert self._asking is not None  # noqa: S101 - the caller has looked
        request = question.ask(self._prompt, excerpt, incident, near, schema(), self._settings.max_tokens)
        # What is learnt over night answers before a model is asked: it is no reason to ask again for what it does not know.
        over = self._knowledge.shipped or self._knowledge.version
        key = ":".join((incident.template.id, over, self._prompt.version, self._model))
        said = self._asking.explained(key, request, lambda answer: read(answer, excerpt))
        said, cited = found_again(said, excerpt)
        verdict = passed(said, cited, excerpt, near)
        if isinstance(verdict, RejectedAnswer):
            return self._silent(incident, found, verdict.why, asked)
        agrees = any(support(verdict.cause, f"{entry.title} {entry.cause}")[0] >= AGREES for entry in near)
        versions = {**self._versions, **asked}
        if verdict.left_out:
            versions["gate"] = verdict.left_out
        return Diagnosis(
            origin=Origin.MODEL,
            evidence=verdict.evidence,
            cause=verdict.cause,
            fix=verdict.fix,
            confidence=confidence.of_model(verdict.supported, agrees, incident),
            knowledge=found.hits,
            versions=versions,
        )

    def _silent(
        self, incident: Incident, found: Retrieved, why: str, asked: Mapping[str, str] | None = None
    ) -> Diagnosis:
        """No cause: the event's own lines, and under `gate` why nothing more is said."""
        return Diagnosis(
            origin=Origin.NONE,
            evidence=lines.telling(lines.own(incident, self._redact)) or _title(incident),
            knowledge=found.hits,
            versions={**self._versions, **(asked or {}), "gate": why},
        )


def _honest(line: NumberedLine) -> NumberedLine:
    return line._replace(text=honest(line.text).removesuffix(MARK).rstrip())


def _title(incident: Incident) -> tuple[Evidence, ...]:
    """For an event of blank lines: evidence is never empty."""
    return (Evidence(incident.first_line, incident.title),)


def _with(incident: Incident, diagnosis: Diagnosis) -> Incident:
    explained = diagnosis.origin is not Origin.NONE and incident.status is Status.OPENED
    return replace(incident, diagnosis=diagnosis, status=Status.DIAGNOSED if explained else incident.status)


def _named(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return text if isinstance(error, CaliError) else f"failed with {type(error).__name__}: {text}"
