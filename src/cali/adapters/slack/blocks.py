"""Renderer of messages as Slack blocks. Text from logs is escaped, so it forms no link and no mention, and truncated."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cali.core.models import Severity
from cali.stages.notify.content import Standing
from cali.stages.notify.plain_text import cut, middle, one_line, tidy

if TYPE_CHECKING:
    from cali.stages.notify.content import Fact, IncidentRef, Link, Message
    from cali.stages.notify.words import Words

    Block = dict[str, Any]

HEADER, SECTION, BUTTON, TEXT = 150, 3_000, 75, 4_000  # Slack's limits, in characters
SMALL, CAUSE, FIX, LISTING, ERROR, EVIDENCE, LINKS = (
    180,
    2_400,
    2_400,
    1_800,
    1_300,
    1_000,
    1_200,
)  # together below 13,000
STEPS = 8
FAR = 4e10  # seconds since the epoch; a later time is invalid
METADATA = "cali_alert"
_SIGNS = {Severity.CRITICAL: "\U0001f534", Severity.ERROR: "\U0001f7e0", Severity.WARNING: "\U0001f7e1"}
_STANDING = {Standing.MUTED: "\U0001f515", Standing.OVER: "\u2705"}
_MENTION = re.compile(r"^(?:<(?:!(?:here|channel|everyone)|@[UW]\w{1,30}|!subteam\^S\w{1,30})>)$")


def payload(message: Message) -> dict[str, Any]:
    """Return the whole message. Notifications and screen readers use its `text`."""
    mention = _called(message)
    text = cut(escaped(message.summary), TEXT - 100)
    return {
        "text": f"{mention} {text}".strip(),
        "blocks": blocks(message),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def blocks(message: Message) -> list[Block]:
    """Return the blocks, the most important first: a phone shows only the beginning."""
    say = message.words
    sign = _STANDING.get(message.standing) or _SIGNS.get(message.severity, "\u26aa")
    head = [f"*{escaped(message.status)}*", _called(message), *map(_fact, message.facts[:8])]
    found = [{"type": "header", "text": _plain(f"{sign} {message.title}", HEADER)}, *_context(head)]
    if message.cause:
        found += [
            _section(f"*{say('cause')}*\n{escaped(message.cause)}", CAUSE),
            *_context([escaped(message.sure)]),
        ]
    elif message.note:
        found.append(_section(escaped(message.note), CAUSE))
    found += _steps(message.fix, say)
    if message.listing:
        found.append(
            _section(f"*{escaped(cut(message.listing_title, 100))}*\n{_listing(message.listing)}", SECTION)
        )
    if message.error:
        found += [_section(f"*{say('error')}*", SECTION), _lines(message.error, ERROR, say)]
    if message.evidence:
        found += [
            _section(f"*{say('evidence')}*", SECTION),
            _lines("\n".join(message.evidence), EVIDENCE, say),
        ]
    found += _links(message.links)
    if message.incident is not None:
        found += _context([escaped(say("incident", id=message.thread))])
        if message.answers:
            found.append(_answers(message, say))
    return found


def modal(incident: str, say: Words) -> dict[str, Any]:
    """Return the modal that asks for the cause."""
    return {
        "type": "modal",
        "callback_id": "cali:wrong",
        "private_metadata": incident,
        "title": _plain(say("ask_title"), 24),
        "submit": _plain(say("ask_send"), 24),
        "close": _plain(say("ask_cancel"), 24),
        "blocks": [
            {
                "type": "input",
                "block_id": "cause",
                "label": _plain(say("ask_label"), 2_000),
                "hint": _plain(say("ask_hint"), 2_000),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "text",
                    "multiline": True,
                    "max_length": 3_000,
                },
            }
        ],
    }


def escaped(text: str) -> str:
    """Escape text, so that Slack shows it literally, without mentions, links or markup."""
    return tidy(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentioned(mention: str) -> str:
    """Return a mention of the rules in Slack's syntax: `@here`, `@channel` or `<@U123>`. Return "" for any other."""
    name = one_line(mention, 60)
    if name in ("@here", "@channel", "@everyone"):
        return f"<!{name[1:]}>"
    return name if _MENTION.match(name) else escaped(name)


def _called(message: Message) -> str:
    """Return the mention of a message, while the incident needs attention."""
    return mentioned(message.mention) if message.standing is Standing.OPEN else ""


def _answers(message: Message, say: Words) -> Block:
    """Return the buttons: right and wrong for an explained incident, a cause form for others."""
    incident = message.thread
    judged = [_button("right", incident, say, "primary"), _button("wrong", incident, say)]
    known = {**_button("wrong", incident, say), "text": _plain(say("button_cause"), BUTTON)}
    elements: list[dict[str, Any]] = [
        *(judged if message.cause else [known]),
        {
            **_button("not_an_error", incident, say),
            "confirm": {
                "title": _plain(say("confirm_title"), 100),
                "text": _plain(say("confirm_not_an_error"), 300),
                "confirm": _plain(say("confirm_yes"), 30),
                "deny": _plain(say("confirm_no"), 30),
            },
        },
    ]
    if message.standing is not Standing.OVER:
        elements.append(_button("resolve", incident, say))
        options = [
            {"text": _plain(say(f"mute_{span}"), BUTTON), "value": f"{span}:{incident}"}
            for span in ("hour", "day", "ever")
        ]
        elements.append(
            {
                "type": "static_select",
                "action_id": "cali:mute",
                "placeholder": _plain(say("button_mute"), 150),
                "options": options,
            }
        )
    return {"type": "actions", "block_id": f"cali:{incident}"[:255], "elements": elements}


def _button(name: str, incident: str, say: Words, style: str = "") -> dict[str, Any]:
    made = {
        "type": "button",
        "action_id": f"cali:{name}",
        "value": incident,
        "text": _plain(say(f"button_{name}"), BUTTON),
    }
    return {**made, "style": style} if style else made


def _fact(fact: Fact) -> str:
    """Return a fact as text for one line of facts, so that a phone shows the cause without scrolling."""
    text = escaped(fact.text)
    if fact.at is not None and 0 <= fact.at < FAR:
        fallback = f"{datetime.fromtimestamp(fact.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        text = f"<!date^{int(fact.at)}^{{date_short_pretty}} {{time_secs}}|{fallback}>"
    return f"{escaped(fact.name)}: *{text or '-'}*" if fact.at is None else f"{escaped(fact.name)}: {text}"


def _steps(fix: tuple[str, ...], say: Words) -> list[Block]:
    """Return the steps of a fix. Each is truncated on its own, so that a long one does not hide the others."""
    if not fix:
        return []
    room = FIX // min(len(fix), STEPS) - 10
    steps = [f"{place}. {cut(escaped(step), room)}" for place, step in enumerate(fix[:STEPS], 1)]
    if len(fix) > STEPS:
        steps.append(say("more_listed", count=len(fix) - STEPS))
    return [_section(f"*{say('fix')}*\n" + "\n".join(steps), SECTION)]


def _listing(members: tuple[IncidentRef, ...]) -> str:
    rows = []
    for one in members:
        sign = _SIGNS.get(Severity(one.severity), "\u26aa")
        rows.append(
            f"{sign} {escaped(one_line(one.title, 70))}  _{escaped(one_line(one.scope, 40))}_ `{escaped(cut(one.id, 64))}`"
        )
    while len("\n".join(rows)) > LISTING and len(rows) > 1:
        rows.pop()
    if len(rows) < len(members):
        rows.append("…")
    return "\n".join(rows)


def _lines(text: str, most: int, say: Words) -> Block:
    """Return log lines in a block without markup."""
    shown = middle(tidy(text).replace("\t", "  ").strip("\n"), most, say).strip() or "-"
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]}],
    }


def _links(links: tuple[Link, ...]) -> list[Block]:
    """Return as many links as fit. A truncated link would not work."""
    made: list[str] = []
    for link in links:
        url = link.url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
        told = f"<{url}|{escaped(one_line(link.name, 60)).replace('|', ' ') or 'link'}>"
        if sum(map(len, made)) + len(told) < LINKS:
            made.append(told)
    return [_section(" \u00b7 ".join(made), SECTION)] if made else []


def _section(text: str, most: int) -> Block:
    return {"type": "section", "text": _mrkdwn(text, most)}


def _context(texts: list[str]) -> list[Block]:
    """Return small text in one row, or no block without text."""
    shown = [_mrkdwn(text, SMALL) for text in texts if text.strip()]
    return [{"type": "context", "elements": shown}] if shown else []


def _mrkdwn(text: str, most: int) -> dict[str, Any]:
    """Return truncated markdown text, without splitting an entity such as &amp;."""
    if len(text) > most:
        text = re.sub(r"&[a-z]{0,4}$", "", text[: most - 1]).rstrip() + "…"
    return {"type": "mrkdwn", "text": text or "-", "verbatim": True}


def _plain(text: str, most: int) -> dict[str, Any]:
    """Return plain text without emoji names: in `app.py:100: failed`, `:100:` is not an emoji."""
    return {"type": "plain_text", "text": one_line(text, most) or "-", "emoji": False}
