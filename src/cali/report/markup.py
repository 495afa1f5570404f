"""Markup: HTML that is always escaped. Text becomes HTML only through `tag`, which escapes everything but Markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cali.report.wording import visible


class Markup(str):
    """A piece of HTML, created by `tag` and `joined`, or from constants of this package. Never create it from log text."""

    __slots__ = ()


VOID = frozenset({"br", "hr", "input", "line", "meta", "rect"})


def tag(name: str, /, *children: str, **attributes: str | bool | None) -> Markup:
    """Return an element.

    A trailing underscore of an attribute is dropped (`class_`), others become hyphens. None and False omit the attribute;
    True writes it without a value.
    """
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{head}>" if name not in {"line", "rect"} else f"<{name}{head}/>")
    return Markup(f"<{name}{head}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Concatenate children. Each is escaped unless it is Markup."""
    return Markup("".join(map(html, children)))


def html(text: str) -> Markup:
    """Return the text as HTML, with every character visible and escaped."""
    return text if isinstance(text, Markup) else Markup(escape(visible(text), quote=True))


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(value), quote=True)}"'
