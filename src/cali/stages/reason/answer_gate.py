"""The answer gate: a model's answer passes only if the lines that it cites support it. Pure.

    ParsedAnswer, cited lines, Excerpt --passed--> AcceptedAnswer | RejectedAnswer(why)

1. The model reports that it understood the error, and gives a cause.
2. Every cited id exists, and at least one is a line of the incident itself.
3. Every name, code and number in the cause is in the evidence or in a nearby knowledge entry.
4. The evidence mentions the subject that the cause blames (a product, memory, a disk, a certificate ...).
5. The cause shares words with its evidence.
6. Cause and fix contain no prompt injection, no unknown URL and no dangerous command.
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

SHARED = 2  # minimum words that cause and evidence share
STEM = 5  # leading letters by which two words count as the same
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
    """An accepted answer.

    `supported` is the share of the cause's words that are in the evidence. `left_out` describes the rejected steps.
    """

    cause: str
    fix: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    supported: float
    left_out: str


class RejectedAnswer(NamedTuple):
    """A rejected answer, with the reason."""

    why: str


def passed(
    answer: ParsedAnswer, cited: Sequence[SentLine], excerpt: Excerpt, near: Sequence[KnowledgeEntry]
) -> AcceptedAnswer | RejectedAnswer:
    """Check an answer, and return it with its evidence or with the reason of its rejection."""
    why = _not_an_answer(answer, cited)
    if why:
        return RejectedAnswer(why)
    known = [_told(entry) for entry in near]
    lines = _with_names(answer.cause, cited, excerpt)
    evidence = "\n".join(line.text for line in lines)
    made_up = missing(answer.cause, "\n".join([evidence, *known]))
    if made_up:
        return RejectedAnswer(f"the cause names {made_up[0]!r}, which is not in its evidence")
    blamed = unsupported(answer.cause, evidence)
    if blamed:
        return RejectedAnswer(f"the cause blames {blamed}, which its evidence does not mention")
    shared, share = support(answer.cause, evidence)
    if shared < _needed(answer.cause):
        return RejectedAnswer("the cause shares too little with the lines it cites")
    fix, left_out = _safe(answer.fix, known)
    quotes = tuple(Evidence(line.whole.number, line.text.removesuffix(MARK).rstrip()) for line in lines)
    return AcceptedAnswer(answer.cause, fix, quotes, share, left_out)


def support(cause: str, evidence: str) -> tuple[int, float]:
    """Return how many words the cause shares with its evidence, and their share of the cause's words."""
    shared = (own := _stems(cause)) & _stems(evidence)
    return len(shared), len(shared) / len(own) if own else 0.0


def _not_an_answer(answer: ParsedAnswer, cited: Sequence[SentLine]) -> str:
    if answer.refused:
        return answer.refused
    if not answer.understood or not answer.cause:
        return "the model does not know the cause"
    if answer.forged:
        return f"the model cites {answer.forged[0]!r}, which is not a line id"
    if not any(line.whole.own for line in cited):
        return "the model cites no line of the incident"
    if URL.search(answer.cause) and not all(
        any(url in line.text for line in cited) for url in URL.findall(answer.cause)
    ):
        return "the cause contains a URL that is not in its evidence"
    found = suspect(answer.cause)
    if found:
        return f"the cause contains {found[1]}"
    if objection(URL.sub("", answer.cause)):
        return "the cause contains a dangerous command"
    return ""


def _with_names(cause: str, cited: Sequence[SentLine], excerpt: Excerpt) -> list[SentLine]:
    """Return the cited lines, plus lines of the incident with names of the cause that the cited lines lack."""
    lines = list(cited)[:QUOTED]
    for name in missing(cause, "\n".join(line.text for line in lines)):
        holder = next((s for s in excerpt.sent if s.whole.own and not missing(f"`{name}`", s.text)), None)
        if holder and holder not in lines and len(lines) < QUOTED + 2:
            lines.append(holder)
    return sorted(lines, key=lambda line: line.whole.number)


def _safe(fix: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the safe steps, and a summary of the rejected ones."""
    offered: list[str] = []
    why: list[str] = []
    for step in fix:
        found = suspect(step)
        against = objection(step, known) or (f"contains {found[1]}" if found else "")
        if against:
            why.append(against)
        else:
            offered.append(step)
    reasons = ", ".join(dict.fromkeys(why))
    return tuple(offered), f"{len(why)} step{'s' if len(why) > 1 else ''} left out: {reasons}" if why else ""


def _needed(cause: str) -> int:
    """Return the minimum of shared words. A cause in another script shares only names and codes, so one is enough."""
    latin = sum(char.isascii() and char.isalpha() for char in cause)
    letters = sum(char.isalpha() for char in cause)
    return SHARED if latin > letters / 2 else 1


def _stems(text: str) -> frozenset[str]:
    words = WORD.findall(HUMP.sub(" ", text).lower())
    return frozenset(word[:STEM] for word in words if word not in EMPTY)


def _told(entry: KnowledgeEntry) -> str:
    return "\n".join((entry.title, entry.cause, *entry.fix, *entry.references))
