"""HTML that cannot be written unescaped: text becomes HTML only through `tag`, which escapes all that is not HTML yet."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cali.report.wording import visible


class Markup(str):
    """HTML. Made by `tag`, `joined` and, for constants of this package, by hand; never from what a log holds."""

    __slots__ = ()


VOID = frozenset({"br", "hr", "input", "line", "meta", "rect"})


def tag(name: str, /, *children: str, **attributes: str | bool | None) -> Markup:
    """An element. A trailing underscore of an attribute is dropped (`class_`), others become hyphens; None and False
    leave the attribute out, True gives it no value."""
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{head}>" if name not in {"line", "rect"} else f"<{name}{head}/>")
    return Markup(f"<{name}{head}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Children in a row, each escaped unless it is HTML."""
    return Markup("".join(map(html, children)))


def html(text: str) -> Markup:
    """The text as HTML, with all its characters to be seen and none that acts."""
    return text if isinstance(text, Markup) else Markup(escape(visible(text), quote=True))


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(visible(value), quote=True)}"'
