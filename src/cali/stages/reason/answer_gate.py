"""Evidence or silence: what a model says passes only when the lines it cites bear it out. Pure.

    ParsedAnswer, cited lines, Excerpt --passed--> AcceptedAnswer | RejectedAnswer(why)

1. It says it understood, and gives a cause.
2. Every id it cites is there, and at least one is a line of the incident itself.
3. Every name, code and number in the cause stands in the evidence, or in a knowledge entry that was near.
4. What the cause blames (a product, memory, a disk, a certificate ...) is spoken of in the evidence.
5. The cause shares words with its evidence.
6. Neither cause nor fix gives orders to a reader, and no web address or dangerous command comes through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Evidence
from cali.stages.reason.dangerous_steps import URL, objection
from cali.stages.reason.names import missing
from cali.stages.reason.numbered_lines import QUOTED
from cali.stages.reason.prompt_injection import MARK, suspect
from cali.stages.reason.subjects import unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import KnowledgeEntry
    from cali.stages.reason.cached_answer import ParsedAnswer
    from cali.stages.reason.question import Excerpt, SentLine

SHARED = 2  # words
STEM = 5  # letters that two words must share to count as one
WORD = re.compile(r"[a-z][a-z]{3,}")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
EMPTY = frozenset(
    """
    that this with from have been were which when then than them they their there because since
    while after before into onto over under does doing done could would should cannot will shall
    might must being some such other more most also only very just error errors issue problem failed
    fails failure failing cause caused causes causing service services application system server
    request requests process operation line lines event logs logged indicates indicate suggests
    shows showing means likely probably
    """.split()  # noqa: SIM905 - a list would take eighty lines
)


class AcceptedAnswer(NamedTuple):
    """What may be asserted. `supported` is the share of the cause's words that the evidence holds; `left_out` says which
    steps are not offered and why."""

    cause: str
    fix: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    supported: float
    left_out: str


class RejectedAnswer(NamedTuple):
    """Why nothing is asserted."""

    why: str


def passed(
    said: ParsedAnswer, cited: Sequence[SentLine], excerpt: Excerpt, near: Sequence[KnowledgeEntry]
) -> AcceptedAnswer | RejectedAnswer:
    """Whether, and with which evidence, an answer may be shown."""
    why = _not_an_answer(said, cited)
    if why:
        return RejectedAnswer(why)
    known = [_told(entry) for entry in near]
    lines = _with_names(said.cause, cited, excerpt)
    evidence = "\n".join(line.text for line in lines)
    made_up = missing(said.cause, "\n".join([evidence, *known]))
    if made_up:
        return RejectedAnswer(f"the cause names {made_up[0]!r}, which no line of its evidence holds")
    blamed = unsupported(said.cause, evidence)
    if blamed:
        return RejectedAnswer(f"the cause blames {blamed}, which no line of its evidence speaks of")
    shared, share = support(said.cause, evidence)
    if shared < _needed(said.cause):
        return RejectedAnswer("the cause shares too little with the lines it cites")
    fix, left_out = _safe(said.fix, known)
    quotes = tuple(Evidence(line.whole.number, line.text.removesuffix(MARK).rstrip()) for line in lines)
    return AcceptedAnswer(said.cause, fix, quotes, share, left_out)


def support(cause: str, evidence: str) -> tuple[int, float]:
    """How many words the cause shares with its evidence, and which share of its own that is."""
    own, told = _stems(cause), _stems(evidence)
    return len(own & told), len(own & told) / len(own) if own else 0.0


def _not_an_answer(said: ParsedAnswer, cited: Sequence[SentLine]) -> str:
    if said.refused:
        return said.refused
    if not said.understood or not said.cause:
        return "the model does not know"
    if said.forged:
        return f"the model cites {said.forged[0]!r}, which is no line"
    if not any(line.whole.own for line in cited):
        return "the model cites no line of the incident"
    if URL.search(said.cause) and not all(
        any(url in line.text for line in cited) for url in URL.findall(said.cause)
    ):
        return "the cause holds an address that its evidence does not"
    found = suspect(said.cause)
    if found:
        return f"the cause holds {found[1]}"
    if objection(URL.sub("", said.cause)):
        return "the cause holds a dangerous command"
    return ""


def _with_names(cause: str, cited: Sequence[SentLine], excerpt: Excerpt) -> list[SentLine]:
    """The cited lines, and the incident's own lines that hold a name which the cause has and the cited lines lack."""
    lines = list(cited)[:QUOTED]
    for name in missing(cause, "\n".join(line.text for line in lines)):
        holder = next((s for s in excerpt.sent if s.whole.own and not missing(f"`{name}`", s.text)), None)
        if holder and holder not in lines and len(lines) < QUOTED + 2:
            lines.append(holder)
    return sorted(lines, key=lambda line: line.whole.number)


def _safe(fix: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The steps that may be offered, and what is said of the others."""
    kept: list[str] = []
    why: list[str] = []
    for step in fix:
        found = suspect(step)
        against = objection(step, known) or (f"holds {found[1]}" if found else "")
        if against:
            why.append(against)
        else:
            kept.append(step)
    said = ", ".join(dict.fromkeys(why))
    return tuple(kept), f"{len(why)} step{'s' if len(why) > 1 else ''} left out: {said}" if why else ""


def _needed(cause: str) -> int:
    """Fewer words may be shared by a cause in another script: it keeps only names and codes."""
    latin = sum(char.isascii() and char.isalpha() for char in cause)
    letters = sum(char.isalpha() for char in cause)
    return SHARED if latin > letters / 2 else 1


def _stems(text: str) -> frozenset[str]:
    words = WORD.findall(HUMP.sub(" ", text).lower())
    return frozenset(word[:STEM] for word in words if word not in EMPTY)


def _told(entry: KnowledgeEntry) -> str:
    return "\n".join((entry.title, entry.cause, *entry.fix, *entry.references))
