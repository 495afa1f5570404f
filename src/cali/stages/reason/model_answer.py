"""The schema of a model's answer, and its parser. Imported only if a model is configured: pydantic takes 0.1 s."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cali.core.errors import Poison
from cali.stages.reason.cached_answer import ParsedAnswer
from cali.stages.reason.numbered_lines import printable

if TYPE_CHECKING:
    from cali.core.ports import Answer
    from cali.stages.reason.question import Excerpt

FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.S)
MOST_STEPS = 6
LONGEST_CAUSE = 900
LONGEST_STEP = 400


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_listed)]


class Explanation(BaseModel):
    """The schema of an answer. Other fields, such as the model's own confidence, are ignored."""

    model_config = ConfigDict(extra="ignore")

    understood: bool
    cause: str
    fix: Texts
    evidence: Texts
    category: str
    could_be_known: bool


def schema() -> dict[str, object]:
    """Return the JSON schema in the strict form that servers require: all fields required, no others allowed."""
    texts = {"type": "array", "items": {"type": "string"}}
    kinds: dict[str, object] = {
        "understood": {"type": "boolean"},
        "cause": {"type": "string"},
        "fix": texts,
        "evidence": texts,
        "category": {"type": "string"},
        "could_be_known": {"type": "boolean"},
    }
    return {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}


def read(answer: Answer, excerpt: Excerpt) -> ParsedAnswer:
    """Parse an answer and replace its line ids by the lines. Raise Poison, with the reason, if it is invalid."""
    if not answer.finished:
        raise Poison("the model's answer was cut off")
    fenced = FENCED.match(answer.text)
    try:
        parsed = Explanation.model_validate_json(fenced[1] if fenced else answer.text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Poison(
            f"the model's answer does not match the schema{f' at {place}' if place else ''}"
        ) from error
    lines = excerpt.by_id()
    ids = [name.strip().strip("[]*") for name in parsed.evidence]
    forged = [name for name in ids if name not in lines]
    return ParsedAnswer(
        understood=parsed.understood,
        cause=_one_line(parsed.cause)[:LONGEST_CAUSE],
        fix=tuple(step for text in parsed.fix[:MOST_STEPS] if (step := _one_line(text)[:LONGEST_STEP])),
        cited=tuple(dict.fromkeys(lines[name].text for name in ids if name in lines)),
        forged=tuple(printable(name)[:20] for name in forged[:3]),
        category=_one_line(parsed.category)[:30],
        could_be_known=parsed.could_be_known,
    )


def _one_line(text: str) -> str:
    """Return the text on one line, without control characters and without leading signs that start a formula."""
    return re.sub(r"\A[=+\-@|\s]+", "", re.sub(r"\s+", " ", printable(text.replace("\n", " ")))).strip()
