"""From a message to its template: a pure function of the message, the masks, the redaction rules and the book.

The rules never look at a digit's value, so what they say of a message holds for every message that differs from
it in digits alone. That makes three memos exact: of digit-blind messages, of the tokens in a message, and of
messages whose tokens are masked. All are bounded, and may be dropped at any moment without changing a result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, Protocol

from cali.models import Template
from cali.stages.refine import masks as mask_table
from cali.stages.refine.masks import WILDCARD, Masks

DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
MESSAGES = 50_000  # entries a memo may hold before it is dropped: 60 MB at the most, measured
LONGEST = 4_096  # a longer message is refined each time: to remember it would cost more than it saves

_KEPT = "\U00010450"  # a letter of no living script, stands for a digit that belongs to a word
_ONE = re.compile(r"<[a-z][a-z0-9-]*>")
_MANY = re.compile(r"<\*>(?:(?:, ?|; ?| |\||##|:)<\*>)+")
_BLANKS = re.compile(r"\s+")


class Secrets(Protocol):
    """What the template asks of redaction: which rules could fit a shape, and their work on one message."""

    def candidates(self, blind: str) -> tuple[object, ...]: ...
    def text(self, message: str) -> str: ...


class Merges(Protocol):
    """What the template asks of a template book: the text that stands for a text in the book's merges."""

    def merged(self, text: str) -> str: ...


class _Kept(NamedTuple):
    """A shape whose words hold digits: where they stand in the message, and the shape's masked form."""

    at: tuple[int, ...]
    masked: str


_SECRET = object()  # a shape that redaction must see: each message of it is looked at


def blind(message: str) -> bytes:
    """The message with every digit read as 0: what the rules of refine see."""
    return message.encode("utf-8", "surrogatepass").translate(DIGITS_TO_ZERO)


class _Tokens(dict[str, str]):
    """Masked forms of tokens, each made once. Bounded, because fresh values bring fresh tokens for ever."""

    def __init__(self, make: Callable[[str], str]) -> None:
        self._make = make

    def __missing__(self, token: str) -> str:
        if len(self) >= 4 * MESSAGES:
            self.clear()
        made = self._make(token)
        if len(token) <= LONGEST:
            self[token] = made
        return made


class Templater:
    """Gives every message its template. Holds no state that changes a result."""

    def __init__(self, secrets: Secrets, masks: Masks | None = None, book: Merges | None = None) -> None:
        self.masks = masks or mask_table.load()
        self._secrets = secrets
        self._book = book
        self._shapes: dict[bytes, Template | _Kept | object] = {}
        self._tokens = _Tokens(self._mask_token)
        self._templates: dict[tuple[str, str], Template] = {}

    def template(self, message: str) -> Template:
        """The template of a message, secrets and parameters left out."""
        shape = message.encode("utf-8", "surrogatepass").translate(DIGITS_TO_ZERO)
        found = self._shapes.get(shape)
        if found.__class__ is Template:
            return found
        if found is None:
            found = self._look(shape, message)
        if found is _SECRET:
            return self._of(self._secrets.text(message))
        return self._finish(found, message)

    def holds(self, shape: bytes) -> bool:
        """Whether one template is remembered for every message of this shape."""
        return isinstance(self._shapes.get(shape), Template)

    def _look(self, shape: bytes, message: str) -> Template | _Kept | object:
        """What is to be known of a shape, remembered unless it is long."""
        text = shape.decode("utf-8", "surrogatepass")
        found: Template | _Kept | object
        if self._secrets.candidates(text):
            found = _SECRET
        else:
            found = self._shape(text)
            if isinstance(found, _Kept) and not found.at:
                found = self._finish(found, message)
        if len(shape) <= LONGEST:
            if len(self._shapes) >= MESSAGES:
                self._shapes.clear()
            self._shapes[shape] = found
        return found

    def _of(self, message: str) -> Template:
        """The template of a message that is redacted already."""
        shape = self._shape(blind(message).decode("utf-8", "surrogatepass"))
        return self._finish(shape, message)

    def _shape(self, text: str) -> _Kept:
        masked = text
        for rule in self.masks.spans:
            masked = rule.apply(masked)
        masked = " ".join(map(self._tokens.__getitem__, masked.split(" ")))
        at = self._kept_digits(text) if _KEPT in masked else ()
        return _Kept(at, masked)

    def _finish(self, shape: Template | _Kept | object, message: str) -> Template:
        if not isinstance(shape, _Kept):
            return shape  # type: ignore[return-value]  # a Template: nothing is left to finish
        digits = "".join([message[i] for i in shape.at])
        found = self._templates.get((shape.masked, digits))
        if found is None:
            if len(self._templates) >= MESSAGES:
                self._templates.clear()
            found = self._templates[shape.masked, digits] = self._template(shape.masked, digits)
        return found

    def _template(self, masked: str, digits: str) -> Template:
        if masked.count(_KEPT) == len(digits):
            for digit in digits:
                masked = masked.replace(_KEPT, digit, 1)
        text = masked.replace(_KEPT, "0")
        for rule in self.masks.context:
            text = rule.apply(text)
        text = _ONE.sub(WILDCARD, text)
        if self._book:
            text = self._book.merged(text)
        return Template(fingerprint(text, self.masks.version), text)

    def _mask_token(self, token: str) -> str:
        return token if self.masks.plain.fullmatch(token) else self.masks.token.sub(_keep_or_mask, token)

    def _kept_digits(self, text: str) -> tuple[int, ...]:
        found, start = [], 0
        for token in text.split(" "):
            for match in self.masks.token.finditer(token):
                if match[1]:
                    found += [start + i for i in range(*match.span(1)) if token[i] == "0"]
            start += len(token) + 1
        return tuple(found)


def fingerprint(text: str, version: str) -> str:
    """64 bits under a version of the masks. Lists of any length, and any white space, count as one."""
    canonical = _BLANKS.sub(" ", _MANY.sub(WILDCARD, text)).strip()
    return blake2b(f"{version}\0{canonical}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _keep_or_mask(match: re.Match[str]) -> str:
    return match[1].replace("0", _KEPT) if match[1] else WILDCARD
