"""Slack's documented limits for messages, blocks and modals, one function each.

Each function returns Slack's error code, then the place after a colon, or an empty string if the content is valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BLOCKS, MODAL_BLOCKS, ATTACHMENTS = 50, 100, 20
TEXT, RECOMMENDED_TEXT = 40_000, 4_000
HEADER, SECTION, FIELD, FIELDS, BUTTON, CONTEXT, ACTIONS = 150, 3_000, 2_000, 10, 75, 10, 25
IDS, VALUE, OPTIONS, OPTION_VALUE, PLACEHOLDER = 255, 2_000, 100, 150, 150
METADATA, TITLE, PRIVATE, LABEL = 2_000, 24, 3_000, 2_000
ALL = 13_000  # maximum characters of a message's blocks; above it Slack returns msg_blocks_too_long


def wrong_message(content: Mapping[str, Any]) -> str:
    """Return the error in the content of a message."""
    blocks, text = content.get("blocks"), content.get("text") or ""
    if not isinstance(text, str):
        return "invalid_arguments: text"
    if not text and not blocks and not content.get("attachments"):
        return "no_text"
    if len(text) > TEXT:
        return "msg_too_long"
    if len(content.get("attachments") or ()) > ATTACHMENTS:
        return "too_many_attachments"
    if len(str(content.get("metadata") or "")) > METADATA:
        return "metadata_too_large"
    for attachment in content.get("attachments") or ():
        found = wrong_blocks(attachment.get("blocks"), BLOCKS)
        if found:
            return found
    return wrong_blocks(blocks, BLOCKS)


def wrong_blocks(blocks: Any, most: int) -> str:
    """Return the error in a list of blocks."""
    if blocks is None:
        return ""
    if not isinstance(blocks, list) or len(blocks) > most:
        return "invalid_blocks: too many, or not a list"
    ids = [str(block["block_id"]) for block in blocks if isinstance(block, dict) and block.get("block_id")]
    if len(ids) != len(set(ids)) or any(len(name) > IDS for name in ids):
        return "invalid_blocks: block_id duplicate or too long"
    for place, block in enumerate(blocks):
        found = _wrong_block(block)
        if found:
            return f"invalid_blocks: {place}: {found}"
    if _characters(blocks) > ALL:
        return "msg_blocks_too_long"
    return ""


def wrong_view(view: Any) -> str:
    """Return the error in a modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return "invalid_arguments: view"
    for name in ("title", "submit", "close"):
        if not _text(view.get(name), TITLE, ("plain_text",)):
            return f"invalid_arguments: {name}"
    if len(view.get("private_metadata", "")) > PRIVATE or len(view.get("callback_id", "")) > IDS:
        return "invalid_arguments: private_metadata or callback_id"
    return wrong_blocks(view.get("blocks"), MODAL_BLOCKS)


def _wrong_block(block: Any) -> str:
    if not isinstance(block, dict):
        return "no object"
    kind = block.get("type")
    check = _CHECKS.get(str(kind))
    return check(block) if check else f"unknown type {kind!r}"


def _header(block: Mapping[str, Any]) -> str:
    return "" if _text(block.get("text"), HEADER, ("plain_text",)) else "header text"


def _section(block: Mapping[str, Any]) -> str:
    fields = block.get("fields", [])
    if len(fields) > FIELDS or not all(_text(item, FIELD) for item in fields):
        return "section fields"
    if "text" in block:
        return "" if _text(block["text"], SECTION) else "section text"
    return "" if fields else "section without text or fields"


def _context(block: Mapping[str, Any]) -> str:
    elements = block.get("elements", [])
    fits = 0 < len(elements) <= CONTEXT and all(
        one.get("type") == "image" or _text(one, FIELD) for one in elements
    )
    return "" if fits else "context elements"


def _actions(block: Mapping[str, Any]) -> str:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= ACTIONS:
        return "actions elements"
    ids = [one.get("action_id") for one in elements]
    if len(ids) != len(set(ids)) or any(not name or len(name) > IDS for name in ids):
        return "action_id missing, duplicate or too long"
    return next(filter(None, map(_element, elements)), "")


def _element(one: Mapping[str, Any]) -> str:
    if one.get("type") == "button":
        fits = _text(one.get("text"), BUTTON, ("plain_text",)) and len(one.get("value", "")) <= VALUE
        if one.get("style") not in (None, "primary", "danger"):
            return "button style"
        confirm = one.get("confirm")
        if confirm and not (
            _text(confirm.get("title"), 100, ("plain_text",)) and _text(confirm.get("text"), 300)
        ):
            return "confirm"
        return "" if fits else "button"
    if one.get("type") == "static_select":
        options = one.get("options", [])
        fits = 0 < len(options) <= OPTIONS and _text(one.get("placeholder"), PLACEHOLDER, ("plain_text",))
        for option in options:
            fits = fits and _text(option.get("text"), BUTTON) and len(option.get("value", "")) <= OPTION_VALUE
        return "" if fits else "static_select"
    return f"unknown element {one.get('type')!r}"


def _rich_text(block: Mapping[str, Any]) -> str:
    elements = block.get("elements", [])
    known = {"rich_text_section", "rich_text_preformatted", "rich_text_list", "rich_text_quote"}
    if not elements or any(one.get("type") not in known for one in elements):
        return "rich_text elements"
    for one in elements:
        for piece in one.get("elements", []):
            if piece.get("type") == "text" and not piece.get("text"):
                return "rich_text with an empty text"
    return ""


def _input(block: Mapping[str, Any]) -> str:
    element = block.get("element", {})
    fits = _text(block.get("label"), LABEL, ("plain_text",)) and element.get("type") == "plain_text_input"
    return "" if fits and element.get("max_length", 1) <= 3_000 else "input"


def _nothing(_: Mapping[str, Any]) -> str:
    return ""


_CHECKS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "rich_text": _rich_text,
    "input": _input,
    "divider": _nothing,
    "image": _nothing,
}


def _text(text: Any, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    return (
        isinstance(text, dict)
        and text.get("type") in kinds
        and isinstance(text.get("text"), str)
        and 0 < len(text["text"]) <= longest
    )


def _characters(part: Any) -> int:
    if isinstance(part, dict):
        own = len(part["text"]) if isinstance(part.get("text"), str) else 0
        return own + sum(_characters(value) for value in part.values() if not isinstance(value, str))
    return sum(map(_characters, part)) if isinstance(part, list) else 0
