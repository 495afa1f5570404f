"""Messages as Slack's blocks. What logs say is plain text there: it forms no link, mentions nobody, and is cut to fit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cali.models import Severity
from cali.stages.notify.content import Standing
from cali.stages.notify.plain import cut, middle, one_line, tidy

if TYPE_CHECKING:
    from cali.stages.notify.content import Fact, Link, Message, Named
    from cali.stages.notify.words import Words

    Block = dict[str, Any]

HEADER, SECTION, FIELD, BUTTON, TEXT = 150, 3_000, 2_000, 75, 4_000  # Slack's limits, in characters
ERROR, EVIDENCE, STEPS = 1_300, 1_000, 8
FAR = 4e10  # seconds since the epoch; a later time is none
METADATA = "cali_alert"
_SIGNS = {Severity.CRITICAL: "\U0001f534", Severity.ERROR: "\U0001f7e0", Severity.WARNING: "\U0001f7e1"}
_STANDING = {Standing.MUTED: "\U0001f515", Standing.OVER: "\u2705"}
_MENTION = re.compile(r"^(?:<(?:!(?:here|channel|everyone)|@[UW]\w{1,30}|!subteam\^S\w{1,30})>)$")


def payload(message: Message) -> dict[str, Any]:
    """The whole message. `text` is what notifications and screen readers say."""
    mention = mentioned(message.mention)
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
    """What is shown, the most needed first: a phone shows the beginning."""
    say = message.words
    sign = _STANDING.get(message.standing) or _SIGNS.get(message.severity, "\u26aa")
    found: list[Block] = [
        {"type": "header", "text": _plain(f"{sign} {message.title}", HEADER)},
        _context(
            [f"*{escaped(message.status)}*", mentioned(message.mention), *map(_fact, message.facts[:8])]
        ),
    ]
    if message.cause:
        found.append(_section(f"*{say('cause')}*\n{escaped(message.cause)}"))
        found.append(_context([escaped(message.sure)]))
    elif message.note:
        found.append(_section(escaped(message.note)))
    found += _steps(message.fix, say)
    if message.listing:
        found.append(_section(f"*{escaped(message.listing_title)}*\n{_listing(message.listing)}"))
    if message.error:
        found += [_section(f"*{say('error')}*"), _lines(message.error, ERROR)]
    if message.evidence:
        found += [_section(f"*{say('evidence')}*"), _lines("\n".join(message.evidence), EVIDENCE)]
    if message.links:
        found.append(_section(" \u00b7 ".join(map(_link, message.links))))
    if message.incident is not None:
        found.append(_context([escaped(say("incident", id=message.thread))]))
        if message.answers:
            found.append(_answers(message.thread, message.standing, say))
    return found


def modal(incident: str, say: Words) -> dict[str, Any]:
    """The window that asks for the cause."""
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
    """Text that Slack shows as it is: no mention, no link, no markup from outside."""
    return tidy(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentioned(mention: str) -> str:
    """A mention from the rules as Slack takes it: `@here`, `@channel`, or `<@U123>`; nothing if it is none of these."""
    name = mention.strip()
    if name in ("@here", "@channel", "@everyone"):
        return f"<!{name[1:]}>"
    return name if _MENTION.match(name) else escaped(name)


def _answers(incident: str, standing: Standing, say: Words) -> Block:
    elements: list[dict[str, Any]] = [
        _button("right", incident, say, "primary"),
        _button("wrong", incident, say),
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
    if standing is not Standing.OVER:
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
    """In one line with the others, so that a phone shows the cause without scrolling."""
    text = escaped(fact.text)
    if fact.at is not None and 0 <= fact.at < FAR:
        fallback = f"{datetime.fromtimestamp(fact.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        text = f"<!date^{int(fact.at)}^{{date_short_pretty}} {{time_secs}}|{fallback}>"
    return f"{escaped(fact.name)}: *{text or '-'}*" if fact.at is None else f"{escaped(fact.name)}: {text}"


def _steps(fix: tuple[str, ...], say: Words) -> list[Block]:
    """Each step is cut by itself, so that a long one does not hide the others."""
    if not fix:
        return []
    room = SECTION // min(len(fix), STEPS) - 40
    steps = [f"{place}. {cut(escaped(step), room)}" for place, step in enumerate(fix[:STEPS], 1)]
    if len(fix) > STEPS:
        steps.append(say("more_listed", count=len(fix) - STEPS))
    return [_section(f"*{say('fix')}*\n" + "\n".join(steps))]


def _listing(members: tuple[Named, ...]) -> str:
    rows = []
    for one in members:
        sign = _SIGNS.get(Severity(one.severity), "\u26aa")
        rows.append(
            f"{sign} {escaped(one_line(one.title, 70))}  _{escaped(one_line(one.scope, 40))}_ `{escaped(one.id)}`"
        )
    while len("\n".join(rows)) > SECTION - 200 and len(rows) > 1:
        rows.pop()
    if len(rows) < len(members):
        rows.append("…")
    return "\n".join(rows)


def _lines(text: str, most: int) -> Block:
    """Lines of a log, in a block that reads no markup at all."""
    shown = middle(tidy(text).replace("\t", "  ").strip("\n"), most) or "-"
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]}],
    }


def _link(link: Link) -> str:
    url = link.url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{url}|{escaped(one_line(link.name, 60)).replace('|', ' ')}>"


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text, SECTION)}


def _context(texts: list[str]) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text, FIELD) for text in texts if text]}


def _mrkdwn(text: str, most: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": _cut_escaped(text, most), "verbatim": True}


def _cut_escaped(text: str, most: int) -> str:
    """Cut so that no entity such as &amp; is cut in two."""
    return text if len(text) <= most else re.sub(r"&[a-z]{0,4}$", "", text[: most - 1]).rstrip() + "…"


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": one_line(text, most) or "-", "emoji": True}
