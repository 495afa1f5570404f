"""What a model must answer, and reading what it did answer. Imported only when there is a model: pydantic takes 0.1 s."""

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
    """The shape of an answer. Anything else a model adds, such as how sure it is, is not read."""

    model_config = ConfigDict(extra="ignore")

    understood: bool
    cause: str
    fix: Texts
    evidence: Texts
    category: str
    could_be_known: bool


def schema() -> dict[str, object]:
    """The same as a JSON schema in the strict form that servers ask for: all fields required, none besides."""
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
    """What an answer says, its line ids turned into the lines. Raises Poison, with the reason, when it cannot be read."""
    if not answer.finished:
        raise Poison("the model's answer was cut off")
    fenced = FENCED.match(answer.text)
    try:
        said = Explanation.model_validate_json(fenced[1] if fenced else answer.text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Poison(
            f"the model's answer has not the agreed form{f' at {place}' if place else ''}"
        ) from error
    lines = excerpt.by_id()
    ids = [name.strip().strip("[]*") for name in said.evidence]
    forged = [name for name in ids if name not in lines]
    return ParsedAnswer(
        understood=said.understood,
        cause=_one_line(said.cause)[:LONGEST_CAUSE],
        fix=tuple(step for text in said.fix[:MOST_STEPS] if (step := _one_line(text)[:LONGEST_STEP])),
        cited=tuple(dict.fromkeys(lines[name].text for name in ids if name in lines)),
        forged=tuple(printable(name)[:20] for name in forged[:3]),
        category=_one_line(said.category)[:30],
        could_be_known=said.could_be_known,
    )


def _one_line(text: str) -> str:
    """Without what terminals, pages and spreadsheets would act on: control characters, and signs at the start that begin
    a formula."""
    return re.sub(r"\A[=+\-@|\s]+", "", re.sub(r"\s+", " ", printable(text.replace("\n", " ")))).strip()
