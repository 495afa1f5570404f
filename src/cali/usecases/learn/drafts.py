"""From a group of new errors to the draft of a knowledge entry. Pure: a cause comes from a person or a model, never from here.

A person's cause is taken before a model's. Where neither said anything the group stays unexplained.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.reason.dangerous_steps import URL, objection
from cali.stages.reason.prompt_injection import suspect
from cali.usecases.learn.patterns import EDGE, PLACE, signature

if TYPE_CHECKING:
    from cali.usecases.learn.groups import ErrorGroup

AREA = "learnt"
PEOPLE, MODEL = "people", "model"
VALUE = "..."  # stands in a cause or title for what differs from one event to the next
TITLE, SYMPTOMS = 110, 5
NO_FIX = "Nobody has written down a fix yet. When you find one, add it to this entry."
_TOKEN = re.compile(r"[^\s'\"`(),;=<>\[\]{}]+")
_NOT_NAME = re.compile(r"[^a-z0-9]+")


class Draft(NamedTuple):
    """An entry that is not yet in force. `by` is `people` or `model`, `group` the fingerprint of its group."""

    entry: KnowledgeEntry
    by: str
    group: str
    confidence: float
    incidents: tuple[str, ...]
    replaces: tuple[str, ...] = ()  # learnt entries that people called wrong, and that this one stands for


class Unexplained(NamedTuple):
    """A group of which no cause is known, or none that can be told from its lines; `events` happened of it."""

    group: str
    title: str
    events: int
    why: str


def drafted(group: ErrorGroup, least: float) -> Draft | Unexplained:
    """The draft of a group, or why there is none. `least` is the confidence that a model's cause must have."""

    def none(why: str) -> Unexplained:
        return Unexplained(group.fingerprint, group.title, group.count, why)

    told = _told(group, least)
    if isinstance(told, str):
        return none(told)
    by, cause, fix, confidence = told
    if _unsafe(cause):
        return none("its cause gives orders, or holds a dangerous command")
    fix = tuple(step for step in fix if not _unsafe(step))  # as an entry's, nobody would look at it again
    match, symptoms = _signatures(group)
    if not match:
        return none("what is constant in its lines is too little to know it by")
    changing = _values(group)
    entry = KnowledgeEntry(
        id=f"{AREA}-{_slug(group, cause if by == PEOPLE else '')}",
        title=_general(group.title, changing)[:TITLE].strip() or "An error of this team's own",
        area=AREA,
        symptoms=symptoms,
        match=match,
        cause=_general(cause, changing),
        fix=tuple(_general(step, changing) for step in fix) or (NO_FIX,),
        severity=min(max(Severity[group.severity.upper()], Severity.WARNING), Severity.CRITICAL),
        tags=(AREA, f"by-{by}"),
    )
    return Draft(entry, by, group.fingerprint, confidence, tuple(group.incidents))


def _unsafe(text: str) -> bool:
    return suspect(text) is not None or bool(objection(URL.sub("", text)))


def _told(group: ErrorGroup, least: float) -> tuple[str, str, tuple[str, ...], float] | str:
    """Who says what: by whom, cause, fix and confidence; or why nobody does."""
    if group.said:
        said = group.said[-1]
        return PEOPLE, str(said["cause"]), _model_fix(group, str(said["cause"])), 1.0
    if not group.causes:
        return "nobody said what caused it"
    best: dict[str, Any] = max(group.causes, key=lambda told: (float(told["confidence"]), str(told["cause"])))
    if float(best["confidence"]) < least:
        return f"the model is not sure enough of its cause: {float(best['confidence']):.2f} of {least:.2f}"
    return MODEL, str(best["cause"]), tuple(map(str, best["fix"])), float(best["confidence"])


def _model_fix(group: ErrorGroup, cause: str) -> tuple[str, ...]:
    """A model's steps fit a person's cause only when it is the cause that the model gave."""
    same = next((told for told in group.causes if told["cause"] == cause), None)
    return tuple(map(str, same["fix"])) if same else ()


def _signatures(group: ErrorGroup) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """A signature for each template of the group that has one, and the examples in which they hold."""
    match: list[tuple[str, ...]] = []
    symptoms: list[str] = []
    for template in group.templates:
        texts = [text for told, text in group.texts if told == template]
        patterns = signature(template, texts) if texts else ()
        if patterns:
            match += [patterns] if patterns not in match else []
            symptoms += [text for text in texts[:2] if text not in symptoms]
    return tuple(match), tuple(symptoms[:SYMPTOMS])


def _values(group: ErrorGroup) -> frozenset[str]:
    """What stands in the examples and not in their templates: it differs from one event to the next."""
    told = {
        word.strip(EDGE) for template in group.templates for word in _TOKEN.findall(PLACE.sub(" ", template))
    }
    seen = {word.strip(EDGE) for _, text in group.texts for word in _TOKEN.findall(text.split("\n", 1)[0])}
    return frozenset(word for word in seen - told if len(word) > 1 and any(map(str.isdigit, word)))


def _general(text: str, values: frozenset[str]) -> str:
    """A text without what holds for one event alone."""

    def plain(match: re.Match[str]) -> str:
        word = match[0].strip(EDGE)
        return match[0].replace(word, VALUE) if word in values else match[0]

    return " ".join(_TOKEN.sub(plain, PLACE.sub(VALUE, text)).split())


def _slug(group: ErrorGroup, cause: str) -> str:
    """Words of the template, and a hash of its fingerprint: the same group has the same name for ever. A person's cause is
    part of it, so that what was said against an entry does not count against the one that stands for it."""
    words = [
        word
        for word in _NOT_NAME.sub(" ", PLACE.sub(" ", group.templates[0]).lower()).split()
        if word.isalpha() and len(word) > 2
    ]
    own = blake2b(f"{group.fingerprint}\0{cause}".encode(), digest_size=4).hexdigest()
    return "-".join([*[word[:20] for word in words[:5]], own])
