"""The rubric of the scoreboard: which card shows a fault, and which cause is right. Pure; docs/quality.md states it.

A cause must be asserted. The remedies do not count, and neither does an item of a list of possible reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cali.bench.recording import InjectedFault
from cali.core.errors import Misconfigured

ALARMING = frozenset({"error", "critical", "fatal", "alert", "emergency", "panic"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'`(])")
_ALTERNATIVE = re.compile(r"\bor\b(?! (?:more|less|later|newer|worse)\b)|;", re.IGNORECASE)
_MANY_COMMAS = 3


@dataclass(frozen=True, slots=True)
class Card:
    """One thing that a tool shows a person: its title, the cause it asserts, all text it shows, and its length in lines."""

    title: str
    cause: str
    text: str
    severity: str = "error"
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a tool did on one fault. `verdict` is right, wrong or silent; `cause` is the first cause it gave."""

    found: bool
    verdict: str
    first: bool
    cause: str
    lines: int


def asserted(cause: str) -> str:
    """Return the part of a cause that is asserted, without lists of possible reasons.

    A sentence is a list of reasons if it has two alternatives ("or", ";"), or three commas after a colon. Only its part
    before the colon is asserted.
    """
    return " ".join(filter(None, (_asserted(sentence) for sentence in _SENTENCE.split(cause))))


def _asserted(sentence: str) -> str:
    head, colon, rest = sentence.partition(": ")
    if len(_ALTERNATIVE.findall(sentence)) < 2 and rest.count(",") < _MANY_COMMAS:
        return sentence
    return head if colon and len(_ALTERNATIVE.findall(head)) < 2 else ""


def is_right(card: Card, fault: InjectedFault) -> bool:
    """Whether a card asserts the root cause of a fault."""
    text = asserted(card.cause)
    return bool(text) and all(re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern in fault.accept)


def shows(card: Card, fault: InjectedFault) -> bool:
    """Whether a card shows a fault: one of its lines carries the fault's signal, or its cause is right."""
    return bool(re.search(fault.signal, card.text, re.IGNORECASE)) or is_right(card, fault)


def judge(cards: Sequence[Card], fault: InjectedFault, others: Iterable[InjectedFault] = ()) -> Judgement:
    """Judge the cards of a recording for one of its faults. Cards that only show the others are not in its way."""
    mine = [shows(card, fault) for card in cards]
    elsewhere = [any(shows(card, other) for other in others) for card in cards]
    rights = [is_right(card, fault) for card in cards]
    in_order = [right for right, own, other in zip(rights, mine, elsewhere, strict=True) if own or not other]
    causes = [card.cause for card, own in zip(cards, mine, strict=True) if own and card.cause]
    verdict = "right" if any(rights) else "wrong" if causes else "silent"
    until = mine.index(True) + 1 if any(mine) else len(cards)
    return Judgement(
        found=any(mine),
        verdict=verdict,
        first=in_order[:1] == [True],
        cause=next((card.cause for card, right in zip(cards, rights, strict=True) if right), "")
        or next(iter(causes), ""),
        lines=sum(card.lines for card in cards[:until]),
    )


def cards_of(answer: Mapping[str, Any], source: str) -> list[Card]:
    """Return the cards of one answer: the JSON of `cali analyze`, or `{"cards": [...]}` of another tool."""
    if isinstance(answer.get("cards"), list):
        return [_card(item, source) for item in answer["cards"]]
    if isinstance(answer.get("incidents"), list):
        return [_incident_card(item) for item in answer["incidents"]]
    raise Misconfigured(f"{source}: has neither a list of cards nor a list of incidents")


def _card(item: object, source: str) -> Card:
    if not isinstance(item, Mapping) or not isinstance(item.get("title"), str):
        raise Misconfigured(f"{source}: a card needs a title, a string")
    lines = [str(line) for line in item.get("lines") or ()]
    shown = [item["title"], *lines]
    cause = str(item.get("cause") or "")
    return Card(
        title=item["title"],
        cause=cause,
        text="\n".join(shown),
        severity=str(item.get("severity") or "error").lower(),
        lines=len(shown) + bool(cause),
    )


def _incident_card(incident: Mapping[str, Any]) -> Card:
    diagnosis = incident.get("diagnosis") or {}
    cause = diagnosis.get("cause") or "" if diagnosis.get("origin") not in (None, "none") else ""
    title = str(incident.get("title") or "")
    shown = [title, *(str(item.get("text") or "") for item in diagnosis.get("evidence") or ())]
    for part in (incident, *(incident.get("findings") or ())):
        shown += [str(part.get("title") or ""), str(part.get("template") or "")]
        shown += [
            item if isinstance(item, str) else str(item.get("text") or "")
            for item in part.get("samples") or ()
        ]
    length = 1 + bool(cause) + len(diagnosis.get("fix") or ()) + len(diagnosis.get("evidence") or ())
    return Card(title, str(cause), "\n".join(shown), str(incident.get("severity") or "error").lower(), length)
