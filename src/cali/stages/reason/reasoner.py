"""The reasoner: diagnoses incidents from the knowledge base, else from the model if configured, else without a cause."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from cali.core.errors import CaliError
from cali.core.models import Diagnosis, Event, Evidence, Incident, KnowledgeEntry, Origin, Status
from cali.stages.reason import known_error, numbered_lines, question
from cali.stages.reason.answer_gate import RejectedAnswer, passed, support
from cali.stages.reason.ask_model import ModelGateway, NoAnswerError
from cali.stages.reason.cached_answer import found_again
from cali.stages.reason.prompt_injection import MARK, honest
from cali.stages.reason.spend import Spend
from cali.stages.reason.trace_answer import trace_answer
from cali.stages.retrieve import UNKNOWN, Retrieved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cali.stages.retrieve.knowledge import Knowledge

AGREES = 4  # minimum words that a cause and a near entry share if they describe the same error


@dataclass(frozen=True, slots=True)
class ReasonSettings:
    """Settings of the reasoner.

    A request holds up to `tokens` of log lines, an answer up to `max_tokens`. `threads` requests run in parallel.
    """

    language: str = "en"
    prompt: str = question.LATEST
    tokens: int = 1500
    max_tokens: int = 900
    threads: int = 4
    versions: Mapping[str, str] = field(default_factory=dict)


class _Lookup(NamedTuple):
    """The result of retrieval for an incident, and the event that was searched."""

    found: Retrieved
    event: Event


class Reasoner:
    """A service that diagnoses incidents.

    `retrieve` searches the knowledge base for a redacted text. `gateway` is None if no model is configured, and then no
    data leaves the process. The reasoner is thread-safe if `retrieve` is.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        retrieve: Callable[[str], Retrieved],
        redact: Callable[[str], str],
        gateway: ModelGateway | None = None,
        model: str = "",
        settings: ReasonSettings | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._retrieve = retrieve
        self._redact = redact
        self._gateway = gateway
        self._model = model
        self._settings = settings or ReasonSettings()
        self._prompt = question.prompt(self._settings.prompt, self._settings.language)
        self._versions = {**self._settings.versions, "knowledge": knowledge.version}

    @property
    def spend(self) -> Spend:
        """Return the cost of the model so far."""
        return self._gateway.spend if self._gateway else Spend()

    def diagnose(self, incident: Incident, context: Sequence[Event] = ()) -> Diagnosis:
        """Diagnose one incident. `context` holds neighbouring events. Failures of model or cache raise nothing."""
        lookup = self._look_up(incident)
        return self._from_knowledge(incident, lookup) or self._from_model(incident, lookup, context)

    def known(self, incident: Incident) -> Diagnosis | None:
        """Diagnose an incident from the knowledge base only. Return None for an unknown error. No model is called."""
        return self._from_knowledge(incident, self._look_up(incident))

    @property
    def knowledge(self) -> str:
        """Return the version of the knowledge base."""
        return self._knowledge.version

    def diagnose_all(
        self, incidents: Sequence[Incident], context: Mapping[str, Sequence[Event]] | None = None
    ) -> tuple[Incident, ...]:
        """Return the same incidents in the same order, each with its diagnosis.

        Known errors are answered first. Then the model is called for the rest in parallel, most severe first. If one
        incident fails, it gets no cause, and the others are still answered. `context` is keyed by incident id.
        """
        around = context or {}
        done: dict[int, Diagnosis] = {}
        open_: list[tuple[int, _Lookup]] = []
        for place, incident in enumerate(incidents):
            try:
                lookup = self._look_up(incident)
                known = self._from_knowledge(incident, lookup)
            except Exception as error:  # a broken index or entry must not affect other incidents
                known = self._silent(incident, UNKNOWN, _one_line(error))
            if known:
                done[place] = known
            else:
                open_.append((place, lookup))
        open_.sort(key=lambda item: (-incidents[item[0]].severity, -incidents[item[0]].count, item[0]))

        def ask(item: tuple[int, _Lookup]) -> Diagnosis:
            incident = incidents[item[0]]
            try:
                return self._from_model(incident, item[1], around.get(incident.id, ()))
            except Exception as error:  # a failing incident must not affect the others
                return self._silent(incident, UNKNOWN, _one_line(error))

        if self._gateway is None or len(open_) < 2:
            answers = list(map(ask, open_))
        else:
            with ThreadPoolExecutor(self._settings.threads, "reason") as pool:
                answers = list(pool.map(ask, open_))
        done.update(zip(map(itemgetter(0), open_), answers, strict=True))
        return tuple(_with(incident, done[place]) for place, incident in enumerate(incidents))

    def _look_up(self, incident: Incident) -> _Lookup:
        """Search the knowledge base for each sample, and return the first known one, else the first.

        Injected text is withheld, because it could name any error.
        """
        first: _Lookup | None = None
        texts: set[str] = set()
        for sample in incident.samples[: numbered_lines.SAMPLES]:
            text = honest(self._redact(sample.message))
            if text in texts:
                continue
            texts.add(text)
            lookup = _Lookup(self._retrieve(text), sample)
            if lookup.found.known:
                return lookup
            first = first or lookup
        return first or _Lookup(UNKNOWN, incident.samples[0])

    def _from_knowledge(self, incident: Incident, lookup: _Lookup) -> Diagnosis | None:
        found = lookup.found
        entry = self._knowledge.entries.get(found.hits[0].id) if found.known and found.hits else None
        if entry is None or entry.broad:
            return self._from_trace(incident, lookup) or (
                self._from_entry(incident, lookup, entry) if entry else None
            )
        return self._from_entry(incident, lookup, entry)

    def _from_trace(self, incident: Incident, lookup: _Lookup) -> Diagnosis | None:
        """Return what the stack trace of an unknown error itself proves, or None."""
        answer = trace_answer(self._honest_lines(lookup.event))
        if answer is None:
            return None
        return Diagnosis(
            origin=Origin.KNOWLEDGE,
            evidence=answer.evidence,
            cause=answer.cause,
            fix=answer.fix,
            confidence=known_error.trace_confidence(incident),
            versions=dict(self._versions),
        )

    def _from_entry(self, incident: Incident, lookup: _Lookup, entry: KnowledgeEntry) -> Diagnosis | None:
        found = lookup.found
        lines = self._honest_lines(lookup.event)
        if entry.id in found.verified:
            evidence = known_error.proof(entry, lines) or numbered_lines.telling(lines)
        else:
            evidence = known_error.likeness(entry, lines)
        if not evidence:
            return None
        return Diagnosis(
            origin=Origin.KNOWLEDGE,
            evidence=evidence,
            cause=entry.cause,
            fix=entry.fix,
            confidence=known_error.knowledge_confidence(found, incident),
            knowledge=found.hits,
            versions=dict(self._versions),
        )

    def _honest_lines(self, event: Event) -> list[numbered_lines.NumberedLine]:
        lines = numbered_lines.numbered(event, self._redact, own=True)
        return [line._replace(text=honest(line.text).removesuffix(MARK).rstrip()) for line in lines]

    def _from_model(self, incident: Incident, lookup: _Lookup, context: Sequence[Event]) -> Diagnosis:
        if self._gateway is None:
            return self._silent(
                incident, lookup.found, "not in the knowledge base, and no model is configured"
            )
        asked = {"prompt": self._prompt.version, "model": self._model}
        own = numbered_lines.own_lines(incident, self._redact)
        excerpt = question.choose(
            own, numbered_lines.lines_around(context, incident, self._redact), self._settings.tokens
        )
        if not any(sent.whole.own for sent in excerpt.sent):
            return self._silent(
                incident, lookup.found, "its lines contain only text addressed to a model", asked
            )
        near = [
            self._knowledge.entries[hit.id] for hit in lookup.found.hits if hit.id in self._knowledge.entries
        ]
        try:
            return self._answered(incident, lookup.found, excerpt, near[: question.NEAREST], asked)
        except NoAnswerError as reason:
            return self._silent(incident, lookup.found, str(reason), asked)

    def _answered(
        self,
        incident: Incident,
        found: Retrieved,
        excerpt: question.Excerpt,
        near: Sequence[KnowledgeEntry],
        asked: Mapping[str, str],
    ) -> Diagnosis:
        from cali.stages.reason.model_answer import read, schema  # pydantic: only when there is a model

        assert self._gateway is not None  # noqa: S101 - the caller has checked
        request = question.ask(self._prompt, excerpt, incident, near, schema(), self._settings.max_tokens)
        # The key uses the shipped version. Learnt entries answer before the model, so they need not invalidate the cache.
        over = self._knowledge.shipped or self._knowledge.version
        key = ":".join((incident.template.id, over, self._prompt.version, self._model))
        answer = self._gateway.explained(key, request, lambda answer: read(answer, excerpt))
        answer, cited = found_again(answer, excerpt)
        verdict = passed(answer, cited, excerpt, near)
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
            confidence=known_error.model_confidence(verdict.supported, agrees, incident),
            knowledge=found.hits,
            versions=versions,
        )

    def _silent(
        self, incident: Incident, found: Retrieved, why: str, asked: Mapping[str, str] | None = None
    ) -> Diagnosis:
        """Return a diagnosis without a cause: the event's own lines, with the reason in `gate`.

        An entry that is only near is no finding, so it is left out. One whose signature matches is a suggestion.
        """
        suggested = tuple(hit for hit in found.hits if hit.id in found.verified)
        return Diagnosis(
            origin=Origin.NONE,
            evidence=numbered_lines.telling(numbered_lines.own_lines(incident, self._redact))
            or _title(incident),
            knowledge=suggested,
            versions={**self._versions, **(asked or {}), "gate": why},
        )


def _title(incident: Incident) -> tuple[Evidence, ...]:
    """Return the title as evidence for an event of blank lines, because evidence is never empty."""
    return (Evidence(incident.first_line, incident.title),)


def _with(incident: Incident, diagnosis: Diagnosis) -> Incident:
    explained = diagnosis.origin is not Origin.NONE and incident.status is Status.OPENED
    return replace(incident, diagnosis=diagnosis, status=Status.DIAGNOSED if explained else incident.status)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return text if isinstance(error, CaliError) else f"failed with {type(error).__name__}: {text}"
