"""A model for the local cloud: it speaks OpenAI's protocol and cites the first line as the evidence of every error."""

from __future__ import annotations

import json
from typing import Any, Self

from cali.testing.model_server import BROKEN, Fault, ModelServer, explanation, lines_of

NAME, KEY = "local-explainer", "sk-local"


def explain(asked: dict[str, Any]) -> str:
    """Return a valid answer with existing evidence. The same question gives the same answer."""
    user = "\n".join(str(message["content"]) for message in asked["messages"] if message["role"] == "user")
    lines = lines_of(_Question(user))  # type: ignore[arg-type]  # only its text is read
    first = next(iter(lines), "L1")
    said = " ".join(lines.get(first, "").split())[:120]
    return explanation(
        f"The service reports that it cannot go on: {said}",
        [first],
        ["Look at the service that wrote this line, and at what it depends on."],
        category="application",
    )


class _Question:
    def __init__(self, user: str) -> None:
        self.user = user


class Explainer:
    """A model server that can be down. `answered` holds the answered questions, without the failed ones."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self._server = ModelServer(self._reply)
        self.url = self._server.url
        self.down = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _reply(self, asked: dict[str, Any]) -> str | Fault:
        if self.down:
            return BROKEN
        self.answered.append(json.dumps(asked["messages"]))
        return explain(asked)
