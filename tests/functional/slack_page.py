"""Renderer of Slack's blocks as a page with Slack's layout, for a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

STYLE = """
body{margin:0;background:#fff;font:15px/22px Lato,"Noto Sans CJK KR","Noto Sans",sans-serif;color:#1d1c1d}
.message{display:flex;gap:8px;padding:8px 20px;max-width:720px;border-bottom:1px solid #eee}
.avatar{flex:0 0 36px;height:36px;border-radius:4px;background:#4a154b;color:#fff;text-align:center;line-height:36px;font-weight:bold}
.body{min-width:0;flex:1}.who{font-weight:900}.app{font-size:10px;background:#eee;padding:1px 3px;border-radius:2px;color:#616061}
.header{font-size:18px;font-weight:900;margin:4px 0;overflow-wrap:anywhere}
.context{font-size:13px;color:#616061;margin:4px 0;overflow-wrap:anywhere}.context span{margin-right:8px}
.section{margin:4px 0;overflow-wrap:anywhere;white-space:pre-wrap}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:8px;margin:4px 0;overflow-wrap:anywhere;white-space:pre-wrap}
pre{margin:4px 0;padding:8px;border:1px solid #ddd;background:#f8f8f8;border-radius:4px;font:12px/18px Monaco,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
code{border:1px solid #ddd;background:#f8f8f8;color:#e01e5a;border-radius:3px;padding:1px 3px;font:12px monospace}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:8px 0}.actions *{font:bold 13px Lato,"Noto Sans CJK KR",sans-serif;padding:5px 12px;border:1px solid #bbb;border-radius:4px;background:#fff}
.actions .primary{background:#007a5a;color:#fff;border-color:#007a5a}a{color:#1264a3;text-decoration:none}mark{background:#fff4cf;color:#8d6708;border-radius:3px}
@media(max-width:500px){.fields{grid-template-columns:1fr}.message{padding:8px 12px}}
"""


def page(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return a channel with these messages."""
    shown = "".join(map(_message, messages))
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f"<!doctype html><html><head>{meta}<style>{STYLE}</style></head><body>{shown}</body></html>"


def _message(content: Mapping[str, Any]) -> str:
    blocks = (
        "".join(map(_block, content["blocks"]))
        if "blocks" in content
        else f'<div class="section">{mrkdwn(content["text"])}</div>'
    )
    return (
        '<div class="message"><div class="avatar">C</div><div class="body"><span class="who">CALI</span> '
        f'<span class="app">APP</span>{blocks}</div></div>'
    )


def _block(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f'<div class="header">{escape(block["text"]["text"])}</div>'
        case "context":
            return (
                '<div class="context">'
                + "".join(f"<span>{_text(one)}</span>" for one in block["elements"])
                + "</div>"
            )
        case "section" if "fields" in block:
            return (
                '<div class="fields">'
                + "".join(f"<div>{_text(one)}</div>" for one in block["fields"])
                + "</div>"
            )
        case "section":
            return f'<div class="section">{_text(block["text"])}</div>'
        case "rich_text":
            texts = [piece["text"] for one in block["elements"] for piece in one["elements"]]
            return "".join(f"<pre>{escape(text)}</pre>" for text in texts)
        case "actions":
            return '<div class="actions">' + "".join(map(_element, block["elements"])) + "</div>"
    return f"<p>{escape(str(block))}</p>"


def _element(one: Mapping[str, Any]) -> str:
    if one["type"] == "static_select":
        return f"<span>{escape(one['placeholder']['text'])} ▾</span>"
    return f'<span class="{one.get("style", "")}">{escape(one["text"]["text"])}</span>'


def _text(text: Mapping[str, Any]) -> str:
    return escape(text["text"]) if text["type"] == "plain_text" else mrkdwn(text["text"])


def mrkdwn(text: str) -> str:
    """Return Slack's markup as HTML, in the way Slack renders it."""
    pieces = re.split(r"(<[^<>]+>|`[^`\n]+`)", text)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    if piece.startswith("<!date^"):
        at = float(piece.split("^")[1])
        return f"{datetime.fromtimestamp(at, UTC):%b %d at %H:%M:%S}"
    if piece.startswith("<!"):
        return f"<mark>@{_plain(piece[2:-1])}</mark>"
    if piece.startswith("<"):
        target, _, name = piece[1:-1].partition("|")
        return f'<a href="#">{_plain(name or target)}</a>'
    if piece.startswith("`"):
        return f"<code>{_plain(piece[1:-1])}</code>"
    bold = re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", lambda found: f"\0{found[1]}\1", piece)
    italic = re.sub(r"(?<!\w)_([^_\n]+)_(?!\w)", lambda found: f"\2{found[1]}\3", bold)
    marks = {"\0": "<b>", "\1": "</b>", "\2": "<i>", "\3": "</i>"}
    return "".join(marks.get(one, one) for one in _plain(italic))


def _plain(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return escape(text)
