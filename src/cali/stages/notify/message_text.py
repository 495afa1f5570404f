"""A message as plain text, for e-mail and the console."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cali.stages.notify.plain_text import middle, tidy

if TYPE_CHECKING:
    from cali.stages.notify.content import Message

ERROR = 4_000


def moment(at: float | None) -> str:
    """Format a time in UTC. Return an empty string for None."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
    except (ValueError, OverflowError, OSError):
        return ""


def text(message: Message) -> str:
    """Return the whole message without markup."""
    say = message.words
    rows = [f"{message.status}: {message.title}", ""]
    rows += [f"{fact.name}: {fact.text or moment(fact.at)}" for fact in message.facts]
    if message.note:
        rows += ["", message.note]
    if message.cause:
        rows += ["", f"{say('cause')} ({message.sure})", _indented(message.cause)]
    if message.fix:
        rows += ["", say("fix"), *(f"  {place}. {step}" for place, step in enumerate(message.fix, 1))]
    if message.listing:
        rows += [
            "",
            message.listing_title,
            *(f"  {one.title} ({one.scope}) {one.id}" for one in message.listing),
        ]
    if message.evidence:
        rows += ["", say("evidence"), *map(_indented, message.evidence)]
    if message.links:
        rows += ["", *(f"{link.name}: {link.url}" for link in message.links)]
    if message.incident is not None:
        rows += ["", say("incident", id=message.thread)]
    if message.error:  # last, because it is long
        rows += ["", say("error"), _indented(middle(message.error.replace("\t", "  "), ERROR, say))]
    return tidy("\n".join(rows)) + "\n"


def _indented(lines: str) -> str:
    return "\n".join(f"  {line}" for line in lines.split("\n"))
