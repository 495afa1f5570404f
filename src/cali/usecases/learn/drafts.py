"""Drafts of knowledge entries, made from groups of new errors. Pure.

The cause comes from a person or a model; a person's cause has priority. A group without a cause stays unexplained.

The signature is the constant parts of the template, all of which must be in an event. Each part becomes a pattern of its
words, with any white space between them. A part that is not in every example is left out, because one line of a template
may be several lines of the event.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.reason.dangerous_steps import URL, objection
from cali.stages.reason.prompt_injection import suspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cali.usecases.learn.groups import ErrorGroup

AREA = "learnt"
PEOPLE, MODEL = "people", "model"
VALUE = "..."  # replaces a value that differs from event to event, in a cause or a title
TITLE, SYMPTOMS = 110, 5
NO_FIX = "Nobody has written down a fix yet. When you find one, add it to this entry."
_TOKEN = re.compile(r"[^\s'\"`(),;=<>\[\]{}]+")
_NOT_NAME = re.compile(r"[^a-z0-9]+")
PLACE = re.compile(r"<[a-z*][a-z0-9*_-]*>")
EDGE = "\"'`()[]{}<>,;:=|/\\.!?*+-_#@&%$~^"
LEVEL = re.compile(r"(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe)")
TELLING_WORD = re.compile(r"[^\W\d_]{4,}")
COMMON = frozenset(
    """
    error errors failed fails failure failing exception cause caused because with from that this while when
    after before could cannot would should have been were will into request requests response service server
    process message line lines value null none true false unable invalid unknown unexpected call called
    """.split()  # noqa: SIM905 - a list would take thirty lines
)
PARTS = 5  # maximum parts of a signature; the longest are used
LEAST_WORDS = 3  # minimum number of uncommon words in a signature
LEAST_LETTERS = 16


class Draft(NamedTuple):
    """An entry that is not in force yet. `by` is `people` or `model`; `group` is the fingerprint of its group."""

    entry: KnowledgeEntry
    by: str
    group: str
    confidence: float
    incidents: tuple[str, ...]
    replaces: tuple[str, ...] = ()  # learnt entries that people called wrong, and that this one replaces


class Unexplained(NamedTuple):
    """A group without a usable cause or signature, and the reason. `events` is its number of events."""

    group: str
    title: str
    events: int
    why: str


def drafted(group: ErrorGroup, least: float) -> Draft | Unexplained:
    """Return the draft of a group, or the reason why there is none. `least` is the minimum confidence of a model's cause."""

    def none(why: str) -> Unexplained:
        return Unexplained(group.fingerprint, group.title, group.count, why)

    chosen = _chosen_cause(group, least)
    if isinstance(chosen, str):
        return none(chosen)
    by, cause, fix, confidence = chosen
    if _unsafe(cause):
        return none("its cause contains instructions to the reader, or a dangerous command")
    fix = tuple(step for step in fix if not _unsafe(step))  # a step of an entry in force is not checked again
    match, symptoms = _signatures(group)
    if not match:
        return none("the constant text of its lines is too short for a signature")
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


def _chosen_cause(group: ErrorGroup, least: float) -> tuple[str, str, tuple[str, ...], float] | str:
    """Return author, cause, fix and confidence of the best cause; or the reason why there is none."""
    if group.said:
        cause = str(group.said[-1]["cause"])
        return PEOPLE, cause, _model_fix(group, cause), 1.0
    if not group.causes:
        return "no person and no model gave a cause"
    best: dict[str, Any] = max(group.causes, key=lambda one: (float(one["confidence"]), str(one["cause"])))
    if float(best["confidence"]) < least:
        return f"the model's confidence is {float(best['confidence']):.2f}, below {least:.2f}"
    return MODEL, str(best["cause"]), tuple(map(str, best["fix"])), float(best["confidence"])


def _model_fix(group: ErrorGroup, cause: str) -> tuple[str, ...]:
    """Return the model's steps for a person's cause, if the model gave the same cause."""
    same = next((one for one in group.causes if one["cause"] == cause), None)
    return tuple(map(str, same["fix"])) if same else ()


def _signatures(group: ErrorGroup) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return the signature of each template that has one, and the examples that they match."""
    match: list[tuple[str, ...]] = []
    symptoms: list[str] = []
    for template in group.templates:
        texts = [text for owner, text in group.texts if owner == template]
        patterns = signature(template, texts) if texts else ()
        if patterns:
            match += [patterns] if patterns not in match else []
            symptoms += [text for text in texts[:2] if text not in symptoms]
    return tuple(match), tuple(symptoms[:SYMPTOMS])


def _values(group: ErrorGroup) -> frozenset[str]:
    """Return the words with digits that are in the examples but not in the templates: they differ from event to event."""
    constant = {
        word.strip(EDGE) for template in group.templates for word in _TOKEN.findall(PLACE.sub(" ", template))
    }
    found = {word.strip(EDGE) for _, text in group.texts for word in _TOKEN.findall(text.split("\n", 1)[0])}
    return frozenset(word for word in found - constant if len(word) > 1 and any(map(str.isdigit, word)))


def _general(text: str, values: frozenset[str]) -> str:
    """Replace the values that belong to a single event."""

    def plain(match: re.Match[str]) -> str:
        word = match[0].strip(EDGE)
        return match[0].replace(word, VALUE) if word in values else match[0]

    return " ".join(_TOKEN.sub(plain, PLACE.sub(VALUE, text)).split())


def _slug(group: ErrorGroup, cause: str) -> str:
    """Return words of the template and a hash of the fingerprint, the same for every draft of the group.

    The hash includes a person's cause. So the verdicts on a wrong entry do not count against the entry that replaces it.
    """
    words = [
        word
        for word in _NOT_NAME.sub(" ", PLACE.sub(" ", group.templates[0]).lower()).split()
        if word.isalpha() and len(word) > 2
    ]
    own = blake2b(f"{group.fingerprint}\0{cause}".encode(), digest_size=4).hexdigest()
    return "-".join([*[word[:20] for word in words[:5]], own])


def signature(template: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of one template; none if its constant text is too short to identify an error."""
    common = [part for part in _parts(template) if all(_found(part, text) for text in texts)]
    longest = sorted(common, key=lambda part: (-_letters(part), common.index(part)))[:PARTS]
    chosen = [part for part in common if part in longest]
    return tuple(_pattern(part) for part in chosen) if is_telling(chosen) else ()


def is_telling(parts: Iterable[str]) -> bool:
    """Return whether the parts identify an error: enough letters, and enough words that are not common to all errors."""
    listed = list(parts)
    words = {word.lower() for part in listed for word in TELLING_WORD.findall(part)} - COMMON
    return len(words) >= LEAST_WORDS and sum(map(_letters, listed)) >= LEAST_LETTERS


def _parts(template: str) -> list[str]:
    """Return the runs of words between parameters that have a word that is not common."""
    parts: list[str] = []
    for run in re.split(rf"(?:\S*{PLACE.pattern}\S*)|\n", template):
        words = run.split()
        while words and (LEVEL.fullmatch(words[0].strip(EDGE)) or not words[0].strip(EDGE)):
            words = words[1:]
        while words and not words[-1].strip(EDGE):
            words = words[:-1]
        text = " ".join(words)
        if any(word.lower() not in COMMON for word in TELLING_WORD.findall(text)) and text not in parts:
            parts.append(text)
    return parts


def _pattern(part: str) -> str:
    words = [re.escape(word) for word in part.split()]
    first, last = part[:1], part[-1:]
    begin = r"\b" if first.isalnum() else ""
    end = r"\b" if last.isalnum() else ""
    return begin + r"\s+".join(words) + end


def _found(part: str, text: str) -> bool:
    return re.search(_pattern(part), text, re.IGNORECASE | re.MULTILINE) is not None


def _letters(part: str) -> int:
    return sum(map(str.isalpha, part))
