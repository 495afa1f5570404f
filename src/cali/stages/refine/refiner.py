"""The refiner: turns the records of one event into an event with redacted text, severity and template.

    Block -> join.text, join.gist -> redact, severity -> template -> Event

A template is a pure function of the message, the masks, the redaction rules and the book. The rules never depend on the
value of a digit, so messages that differ only in digits share a decision. If the template contains no digit and no secret
is suspected, messages that differ only in ids share it too. Caches of such shapes, of tokens and of masked messages are
therefore exact. All caches are bounded and can be dropped at any time without changing a result. The severity by words is
computed once per template.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from cali.core.models import Block, Event, Record, Severity, Template
from cali.core.normalise import ZEROS, find_ids, normalise_ids
from cali.stages.decode import Decoder
from cali.stages.join import gist, text
from cali.stages.refine.book import Book
from cali.stages.refine.masks import SIGNS, WILDCARD, Mask, Masks, load
from cali.stages.refine.redact import RedactionRule, Redactor
from cali.stages.refine.severity import by_words, calm, judge, needs_digits, numbers_decide, worst
from cali.stages.refine.severity_model import Opinion

MESSAGES = 50_000  # maximum entries of a cache; a full cache is cleared
ENTRY = 512  # bytes of a key that count as one entry, so that long messages fill a cache sooner
LONGEST = 4_096  # longer messages are not cached, because that would cost more than it saves

_WORD_DIGIT = (
    "\U00010450"  # a letter of an extinct script, as a placeholder for a digit that belongs to a word
)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_ONE = re.compile(r"<[a-z][a-z0-9-]*>")
_MANY = re.compile(r"<\*>(?:(?:, ?|; ?| |\||##|:)<\*>)+")
_new = tuple.__new__  # half the cost of a named tuple's own constructor; this runs for every line


class _WordSeverity(NamedTuple):
    """The severity by the words of a template and the model's opinion.

    `needs_digits`: the values of its numbers can change the severity. `calm`: nothing else is in its words.
    """

    severity: Severity | None
    opinion: Opinion
    needs_digits: bool
    calm: bool


class Refiner:
    """A service that refines messages and blocks. Its caches never change a result."""

    def __init__(
        self, *, redactor: Redactor | None = None, masks: Masks | None = None, book: Book | None = None
    ) -> None:
        self.redactor = redactor or Redactor()
        self._templates = Templater(self.redactor, masks, book)
        self._redacted = self._templates.redacted
        self.template = self._templates.template
        self.masks = self._templates.masks
        self._words: dict[str, _WordSeverity] = {}

    def refine(self, block: Block) -> Event:
        """Return the event of a block of records."""
        records = block.records
        record = records[0]
        if len(records) > 1 or "\n" in record.message:  # the collector may have joined the lines of one call
            return self._joined(records)
        message, template = self._redacted(record.message, record.normalised)
        if record.severity is not None:
            fields = ((record.line,), message, record.time, record.severity, record.scope, template, True)
            return _new(Event, fields)
        severity = self._by_words(template, message)
        return Event((record.line,), message, record.time, severity, record.scope, template, False)

    def _by_words(self, template: Template, message: str) -> Severity:
        words = self._words.get(template.id)
        if words is None:
            if len(self._words) >= MESSAGES:
                self._words.clear()
            # Parameters do not count for the severity: a path can be named /error.
            plain = template.text.replace(WILDCARD, "000")
            opinion = judge(plain)
            words = _WordSeverity(by_words(plain, opinion), opinion, needs_digits(plain), calm(plain))
            self._words[template.id] = words
        found = words.severity
        if words.needs_digits and (not words.calm or numbers_decide(message)):
            found = by_words(message, words.opinion)
        return Severity.INFO if found is None else found

    def _joined(self, records: tuple[Record, ...]) -> Event:
        whole = text(Block(records))
        structure = next((record.severity for record in records if record.severity is not None), None)
        time = next((record.time for record in records if record.time is not None), None)
        if whole[:1] == "{" and (inner := self._object(whole, records[0])) is not None:
            whole = inner.message
            structure = inner.severity if structure is None else structure
            time = inner.time if time is None else time
        tell = gist(whole)
        if structure is None:
            severity = worst(None, by_words(whole if len(whole) <= LONGEST else tell))
        else:
            severity = structure  # nine in ten events; scanning the words of a whole trace takes 200 us
        lines = tuple(record.line for record in records)
        message = self.redactor.text(whole)
        return Event(
            lines, message, time, severity, records[0].scope, self.template(tell), structure is not None
        )

    def _object(self, whole: str, first: Record) -> Record | None:
        """Return the record of an object that spans several lines, or that the end of a batch cut.

        Return None for an object without level and message, and for any other text.
        """
        if whole.rstrip()[-1:] != "}":
            return None
        inner = Decoder().decode(whole.encode(errors="replace"), first.line)
        if not isinstance(inner, Record) or (inner.severity is None and inner.message[:1] == "{"):
            return None
        return inner


class _DigitShape(NamedTuple):
    """A shape with digits in words: the places of the digits in the message, and the masked shape."""

    at: tuple[int, ...]
    masked: str


class _SuspectShape(NamedTuple):
    """A shape that may contain a secret. `rules` are applied to each message. `bare` is used if they find nothing."""

    rules: tuple[RedactionRule, ...]
    bare: _DigitShape


class _SharedShape(NamedTuple):
    """The template of all shapes that differ only in ids, or None if their words contain digits.

    With `suspect`, each message must be redacted. Otherwise only messages with one of the `lost` literals must be.
    """

    template: Template | None
    suspect: bool
    lost: tuple[str, ...] | None = None  # computed for the second message, because most shapes have only one


class _Settled(NamedTuple):
    """A template for all messages without any of the `lost` literals. Other messages need redaction."""

    template: Template
    lost: tuple[str, ...]


_Shape = Template | _DigitShape | _SuspectShape


def blind(message: str) -> bytes:
    """Return the message with every digit as 0, the form that the rules of refine match."""
    return message.encode("utf-8", "surrogatepass").translate(ZEROS)


def _text(shape: bytes) -> str:
    return shape.decode("utf-8", "surrogatepass")


class _Memo(dict[_Key, _Value]):
    """A bounded cache. A full cache is cleared, because new values never end."""

    def __init__(self, most: int = MESSAGES) -> None:
        self._most = most
        self._held = 0

    def keep(self, key: _Key, value: _Value, size: int) -> None:
        """Cache a value, unless its key of `size` bytes is too long."""
        if size > LONGEST:
            return
        if key not in self:
            if self._held >= self._most:
                self.clear()
                self._held = 0
            self._held += 1 + size // ENTRY
        self[key] = value


class _Tokens(_Memo[str, str]):
    """A cache of masked tokens."""

    def __init__(self, make: Callable[[str], str]) -> None:
        super().__init__(4 * MESSAGES)
        self._make = make

    def __missing__(self, token: str) -> str:
        made = self._make(token)
        self.keep(token, made, len(token))
        return made


class Templater:
    """A service that maps messages to templates. Its caches never change a result."""

    def __init__(self, redactor: Redactor, masks: Masks | None = None, book: Book | None = None) -> None:
        self.masks = masks or load()
        self._redactor = redactor
        self._book = book
        self._shapes: _Memo[bytes, _Shape] = _Memo()
        self._remembered = self._shapes.get
        self._settled: _Memo[bytes, Template | _Settled] = _Memo()
        self._settled_for = self._settled.get
        self._shared_shapes: _Memo[bytes, _SharedShape] = _Memo()
        self._tokens = _Tokens(self._mask_token)
        self._templates: _Memo[tuple[str, str], Template] = _Memo()

    def template(self, message: str) -> Template:
        """Return the template of a message, without secrets and parameters."""
        shape = message.encode("utf-8", "surrogatepass").translate(ZEROS)
        found = self._remembered(shape)
        return found if found.__class__ is Template else self._refined(found, shape, message)[1]

    def redacted(self, message: str, normalised: bytes = b"") -> tuple[str, Template]:
        """Return a message with its secrets hidden, and its template.

        `normalised` is the message with digits and ids normalised, if decode computed it. Most templates depend only on it.
        """
        settled = self._settled_for(normalised)
        if isinstance(settled, Template):
            return message, settled
        shape = message.encode("utf-8", "surrogatepass").translate(ZEROS)
        if settled is not None:
            low = shape.decode("utf-8", "surrogatepass").lower()
            for literal in settled.lost:  # a loop, because any() would cost more than the comparisons
                if literal in low:
                    break
            else:
                return message, settled.template
        found = self._remembered(shape)
        if found.__class__ is not Template:
            return self._refined(found, shape, message, normalised)
        if normalised and not find_ids(normalised):
            self._settle(normalised, found)
        return message, found

    def _settle(self, normalised: bytes, found: Template | _Settled) -> None:
        self._settled.keep(normalised, found, len(normalised))

    def _refined(
        self, found: _Shape | None, shape: bytes, message: str, normalised: bytes = b""
    ) -> tuple[str, Template]:
        if found is None:
            found = self._shared(shape, normalised) or self._look(shape)
        if isinstance(found, Template):
            return message, found
        if isinstance(found, _SuspectShape):
            hidden = self._redactor.apply(message, found.rules)
            found = found.bare if hidden == message else self._digit_shape(_text(blind(hidden)))
            message = hidden
        return message, self._finish(found, message)

    def _shared(self, shape: bytes, normalised: bytes) -> Template | None:
        """Return the template of all shapes that differ only in ids, or None if digits or redaction rules apply."""
        given, normalised = normalised, normalised or normalise_ids(shape)
        if normalised == shape:
            return None
        found, text = self._shared_shapes.get(normalised), _text(shape)
        if found is None:
            found = self._look_shared(normalised)
            matters = found.template is not None and (found.suspect or self._redactor.ids_matter(text))
            return None if matters and self._redactor.candidates(text) else found.template
        template = found.template
        if template is None:
            return None
        if found.lost is None:
            found = self._shared_shapes[normalised] = found._replace(
                lost=self._redactor.lost_in_ids(normalised)
            )
        lost = found.lost or ()
        if given and not found.suspect:
            self._settle(given, _Settled(template, lost))
        low = text.lower()
        for literal in lost:
            if literal in low:
                break
        else:
            if not found.suspect:
                return found.template
        return None if self._redactor.candidates(text) else found.template

    def _look_shared(self, normalised: bytes) -> _SharedShape:
        text = _text(normalised)
        masked = self._masked(text)
        plain = self._digit_shape(text, masked)
        template = None if plain.at else self._finish(plain, text)
        found = _SharedShape(template, self._redactor.suspects(text))
        self._shared_shapes.keep(normalised, found, len(normalised))
        return found

    def _look(self, shape: bytes) -> _Shape:
        """Compute a shape and cache it unless it is long."""
        text = _text(shape)
        rules = self._redactor.candidates(text)
        plain = self._digit_shape(text)
        found: _Shape = (
            _SuspectShape(rules, plain) if rules else plain if plain.at else self._finish(plain, text)
        )
        self._shapes.keep(shape, found, len(shape))
        return found

    def _masked(self, text: str) -> str:
        text = _apply(self.masks.spans, text)
        return " ".join(map(self._tokens.__getitem__, text.split(" ")))

    def _digit_shape(self, text: str, masked: str | None = None) -> _DigitShape:
        masked = self._masked(text) if masked is None else masked
        return _DigitShape(self._word_digits(text) if _WORD_DIGIT in masked else (), masked)

    def _finish(self, shape: _DigitShape, message: str) -> Template:
        digits = "".join(map(message.__getitem__, shape.at))
        found = self._templates.get((shape.masked, digits))
        if found is None:
            found = self._template(shape.masked, digits)
            self._templates.keep((shape.masked, digits), found, len(shape.masked))
        return found

    def _template(self, masked: str, digits: str) -> Template:
        if masked.count(_WORD_DIGIT) == len(digits):
            for digit in digits:
                masked = masked.replace(_WORD_DIGIT, digit, 1)
        text = _apply(self.masks.context, masked.replace(_WORD_DIGIT, "0"))
        text = _ONE.sub(WILDCARD, text)
        if self._book:
            text = self._book.merged(text)
        return Template(fingerprint(text, self.masks.version), text)

    def _mask_token(self, token: str) -> str:
        masks = self.masks
        if masks.plain.fullmatch(token):
            masked = token
        elif number := masks.number.fullmatch(token):
            masked = number[1] + WILDCARD + number[2]
        elif not SIGNS.search(token):
            masked = masks.bare.sub(WILDCARD, token)
        else:
            masked = masks.token.sub(_keep_or_mask, token)
        return masked

    def _word_digits(self, text: str) -> tuple[int, ...]:
        found, start, tokens = [], 0, self._tokens
        for token in text.split(" "):
            if _WORD_DIGIT in tokens[token]:
                for match in self.masks.token.finditer(token):
                    if match[1]:
                        found += [start + i for i in range(*match.span(1)) if token[i] == "0"]
            start += len(token) + 1
        return tuple(found)


def fingerprint(text: str, version: str) -> str:
    """Return the 64-bit hash of a template and a version of the masks. List lengths and white space do not matter."""
    canonical = " ".join(_MANY.sub(WILDCARD, text).split())
    return blake2b(f"{version}\0{canonical}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _keep_or_mask(match: re.Match[str]) -> str:
    return match[1].replace("0", _WORD_DIGIT) if match[1] else WILDCARD


def _apply(masks: tuple[Mask, ...], text: str) -> str:
    """Apply all masks in order. Each is tried only if one of its `needs` is in the text."""
    for _, put, needs, sub in masks:
        for need in needs:  # loops, because a call and any() would cost four times as much here
            if need in text:
                text = sub(put, text)
                break
    return text
