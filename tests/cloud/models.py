"""A model for the local cloud: it speaks OpenAI's protocol and explains every error by pointing at its first line."""

from __future__ import annotations

from typing import Any

from cali.testing_models import BROKEN, Fault, ModelServer, explanation, lines_of

NAME, KEY = "local-explainer", "sk-local"


def explain(asked: dict[str, Any]) -> str:
    """A well-formed answer whose evidence is there. The same question gives the same answer."""
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


def start() -> ModelServer:
    """A model server that answers until it is told otherwise."""
    return ModelServer(explain)


def set_down(server: ModelServer, down: bool) -> None:
    """Down: every completion fails as a broken service does. Otherwise it explains."""
    reply: Fault | Any = BROKEN if down else explain
    server.say(reply)
