"""Detection of prompt injection in log lines: instructions to a model, forged answers, forged line ids.

Injected text is withheld from the search and from the model. A line is cut where the injection begins, because only the
text before it comes from the program.

This is the first of three defences. The fence of the prompt and the answer gate handle injections that it misses.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Suspect(NamedTuple):
    """A pattern of injected text, and its description."""

    what: str
    pattern: re.Pattern[str]


def _suspect(what: str, pattern: str) -> Suspect:
    return Suspect(what, re.compile(pattern, re.IGNORECASE))


MARK = "<withheld>"
TOLD = r"(?:report|say|answer|respond|reply|conclude|output|return|state|claim|write|set|use|give|assign|treat|mark|cite|quote)"

SUSPECTS = (
    _suspect(
        "an instruction override",
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|other|all|any|your|these|system)\b"
        r".{0,40}\b(?:instruction|prompt|rule|context|message|order|direction|line|log|guideline|evidence)s?",
    ),
    _suspect(
        "an instruction override",
        r"(?:이전|위의|앞선|모든).{0,12}(?:지시|명령|규칙|프롬프트).{0,12}(?:무시|잊)",
    ),
    _suspect(
        "a role marker",
        r"<\|/?(?:im_start|im_end|system|assistant|user|end)\b[^>]{0,20}\|>|</?(?:system|assistant|end_of_turn)>|\[/?INST\]|<<SYS>>"
        r"|(?:^|[\s\"'>])(?:system|assistant|developer)(?: prompt| message| override| note)?\s*:\s+(?=(?:you|please|ignore|disregard|forget|respond|reply|answer|report|say|set|always|never|now|the (?:real|true|actual|correct|root))\b)",
    ),
    _suspect(
        "a role marker",
        r"\byou are (?:now |an? )?(?:an? )?(?:ai|assistant|language model|llm|chatgpt|root|admin|helpful|expert|analyst)\b",
    ),
    _suspect(
        "text addressed to a model",
        r"\b(?:note|attention|dear|message|instruction|hint|important|hey|hello)s?\b[\s,:-]{1,3}(?:to |for )?(?:the |any |all |an? )?"
        r"(?:ai|llm|model|assistant|analy[sz]er|analyst|chatgpt|gpt|claude|cali)\b",
    ),
    _suspect(
        "text addressed to a model",
        r"\b(?:ai|llm|language model|log analy[sz]er|cali|assistant)s?\b[,:]? (?:must|should|please|shall|will now)\b",
    ),
    # Normal lines also begin with "write" and "set". An instruction is prose without a path or field after the verb.
    _suspect(
        "a dictated answer",
        rf"\b(?:please |must |should |always |now |instead )?{TOLD}\b[^:;/=|]{{0,40}}\b(?:root cause|the cause|confidence|diagnosis|severity (?:to|as)|evidence (?:to|as))\b",
    ),
    _suspect("a dictated answer", r"\bthe (?:real|true|actual|correct) (?:root )?cause\b"),
    _suspect(
        "a dictated answer",
        r"""["'](?:understood|could_be_known)["']\s*:|["']cause["']\s*:.*["'](?:fix|evidence|confidence)["']\s*:""",
    ),
    _suspect(
        "a claimed confidence",
        r"\bconfidence\b\W{0,6}(?:is |of |level |score )?\W{0,3}(?:0?\.\d|1\.0|1\b|\d{2,3} ?%|high\b|certain\b|max)",
    ),
    _suspect("a forged line", r"(?:^|\s)L\d{1,4}\s?\||\bevidence\b\W{0,6}L\d{1,4}\b|\[L\d{1,4}\]"),
    _suspect("forged evidence", r"""\bevidence["']?\s{0,3}[:=]\s{0,3}\[?\s{0,3}[{"']"""),
    _suspect(
        "a forged fence",
        r"(?:^|\s)(?:<{3,}|>{3,})\s*(?:LOG|END)\b|\b(?:BEGIN|END|START) (?:OF )?(?:LOGS?|DATA|EVIDENCE)\b",
    ),
)
# Fast check: every suspect contains one of these, and nearly all lines contain none.
GATE = re.compile(
    r"ignore|disregard|forget|override|bypass|무시|잊|<\|?/?(?:im_|sys|ass|user|end_of)|\[/?inst|<<sys|system|assistant|developer|you are"
    r"|\bai\b|llm|model|analy|gpt|claude|cali|cause|confidence|evidence|severity|diagnosis|\bfix|understood|could_be|\bL\d|<<<|>>>|\blogs?\b|\bdata\b",
    re.IGNORECASE,
)


def suspect(text: str) -> tuple[int, str] | None:
    """Return the start and the description of the first injection in a text, or None."""
    if not GATE.search(text):
        return None
    found = [(match.start(), what) for what, pattern in SUSPECTS if (match := pattern.search(text))]
    return min(found) if found else None


def honest(text: str) -> str:
    """Return the text with injections withheld, line by line."""
    if not GATE.search(text):
        return text
    return "\n".join(_cut(line) for line in text.split("\n"))


def _cut(line: str) -> str:
    found = suspect(line)
    return line if found is None else f"{line[: found[0]].rstrip()} {MARK}".strip()
