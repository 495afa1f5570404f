"""From the records of one event to the event: redacted, its severity found, its template named.

    Block -> join.text, join.gist -> redact, severity -> template -> Event

What the words of a message say of its severity is asked once per template.
"""

from __future__ import annotations

from typing import NamedTuple

from cali.core.models import Block, Event, Record, Severity, Template
from cali.stages.decode import Decoder
from cali.stages.join import gist, text
from cali.stages.refine.book import Book
from cali.stages.refine.masks import WILDCARD, Masks
from cali.stages.refine.redact import Redactor
from cali.stages.refine.severity import by_words, needs_digits, worst
from cali.stages.refine.template import LONGEST, MESSAGES, Templater

_new = tuple.__new__  # a named tuple's own constructor costs twice as much, and this runs for every line


class _Words(NamedTuple):
    """What the words of a template say of the severity, and whether the values of its numbers have a say."""

    severity: Severity | None
    needs_digits: bool


class Refiner:
    """Refines messages and blocks. A pure function of its arguments: what it remembers never changes a result."""

    def __init__(
        self, *, redactor: Redactor | None = None, masks: Masks | None = None, book: Book | None = None
    ) -> None:
        self.redactor = redactor or Redactor()
        self._templates = Templater(self.redactor, masks, book)
        self._redacted = self._templates.redacted
        self.template = self._templates.template
        self.masks = self._templates.masks
        self._words: dict[str, _Words] = {}
        self._decoder = Decoder()

    def refine(self, block: Block) -> Event:
        """The event that a block of records tells."""
        records = block.records
        record = records[0]
        if len(records) > 1 or "\n" in record.message:  # a collector may have joined what one call wrote
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
            # A parameter says nothing of how bad a message is: a path may well be called /error.
            plain = template.text.replace(WILDCARD, "000")
            words = self._words[template.id] = _Words(by_words(plain), needs_digits(plain))
        found = by_words(message) if words.needs_digits else words.severity
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
            severity = structure  # nine in ten: to read the words of a whole trace takes 200 us
        lines = tuple(record.line for record in records)
        message = self.redactor.text(whole)
        return Event(
            lines, message, time, severity, records[0].scope, self.template(tell), structure is not None
        )

    def _object(self, whole: str, first: Record) -> Record | None:
        """What an object says that was printed over several lines, or cut by a batch's end: it could not be decoded
        line by line. None for an object without a level and a message, and for what is no object."""
        if whole.rstrip()[-1:] != "}":
            return None
        inner = self._decoder.apart().decode(whole.encode(errors="replace"), first.line)
        if not isinstance(inner, Record) or (inner.severity is None and inner.message[:1] == "{"):
            return None
        return inner
