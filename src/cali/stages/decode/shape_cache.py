"""Lines in envelopes that differ from one seen before in nothing but digits and ids: read where that one said.

    raw -> find the end -> form -> cut out time and message

A form (form.py) is found under the beginning of the envelope with its digits as zeros; if its lines hold ids, under the same
with the letters a to f as zeros too. More lines share that than share a form, so what they have in common is then compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from cali.core.models import Record
from cali.core.normalise import ZEROS
from cali.stages.decode.envelope import METADATA
from cali.stages.decode.line_shape import Form, fits, of_object, of_text
from cali.stages.decode.severity import from_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.stages.decode.envelope import End
    from cali.stages.decode.fields import Plan
    from cali.stages.decode.layout import Plain
    from cali.stages.decode.timestamps import Clock

_KEYS = 8_192  # each with its forms 1 to 2 KB
_EACH = 6  # forms of one key: words that differ in a to f, ids that begin with a digit or a letter, statuses
_LONGEST = 2_048  # bytes of an envelope's beginning
_MINUTES = 4_096
_STATUSES = {b"%03d" % code: from_status(f"{code:03}") for code in range(1000)}
_HEX = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_new = tuple.__new__
_loads = orjson.loads


class Seen:
    """The forms of the lines that came, bounded: it gives what the longer way gives, or None. `ends` are the ends of
    envelopes that are known."""

    def __init__(self, ends: dict[bytes, End | None], clock: Clock) -> None:
        self._end = ends.get
        self._clock = clock
        self._plain: dict[bytes, Form] = {}  # those without checks, under the envelope with digits as zeros
        self._forms: dict[bytes, tuple[Form, ...]] = {}
        self._once: set[bytes] = set()  # keys of objects that came once: most never come again
        self._minutes: dict[bytes, float] = {}

    def read(self, raw: bytes, line: int) -> Record | None:
        """The record of a line of a known form, in an envelope with a known end; None for all others."""
        at = raw.rfind(METADATA)  # the first of several would have been in no form
        known = self._end(raw[at:])
        if known is None:
            return None
        head = raw[:at]
        blind = head.translate(ZEROS)
        form = self._plain.get(blind)
        if form is None:
            for form in self._forms.get(head.translate(_HEX), ()):
                if fits(form, head, blind):
                    break
            else:
                return None
        _, minute, second, zone, start, end, pieces, escaped, more, severity, status, out, alike = form
        begun = self._minutes.get(head[minute:second]) or self._minute(head[minute:second])
        if begun is None:
            return None
        said = b" ".join([head[a:b] for a, b in pieces]) if pieces else head[start:end]
        message: str = _loads(b'"%b"' % said) if escaped else said.decode()
        if more:
            message += more
        if status is not None:
            code = head[status[0] : status[1]]
            severity = _STATUSES[code] if code in _STATUSES else from_status(code.decode())
        scope, streams = known
        time = begun + float(head[second:zone])
        return _new(Record, (line, message, time, severity, scope, streams[out], False, alike))

    def remember(self, head: bytes, where: Plan, text: str, plain: Plain) -> None:
        """Takes in the form of a line that was read the longer way: `head` is its envelope up to the end, `text` the line
        in it, and `plain` says what of that the line's layout asks for."""
        if len(head) <= _LONGEST:
            self._remember(head, head.translate(_HEX), lambda: of_text(head, where, text, plain))

    def remember_object(self, head: bytes, where: Plan, text: str) -> None:
        """The same of a line that is an object."""
        if len(head) > _LONGEST:
            return
        key = head.translate(_HEX)
        if key in self._forms or key in self._once:
            self._remember(head, key, lambda: of_object(head, where, text))
            return
        if len(self._once) >= _KEYS:
            self._once.clear()
        self._once.add(key)

    def _remember(self, head: bytes, key: bytes, form: Callable[[], Form | None]) -> None:
        forms = self._forms.get(key)
        if forms is not None and not 0 < len(forms) < _EACH:  # such a line has no form, or too many
            return
        made = form()
        if made and not made.checks:
            if len(self._plain) >= _KEYS:
                self._plain.clear()
            self._plain[head.translate(ZEROS)] = made
            return
        if forms is None and len(self._forms) >= _KEYS:
            self._forms.clear()
        self._forms[key] = (*(forms or ()), made) if made else ()

    def _minute(self, minute: bytes) -> float | None:
        begun = self._clock.value(minute.decode() + "00Z")
        if begun is not None:
            if len(self._minutes) >= _MINUTES:
                self._minutes.clear()
            self._minutes[minute] = begun
        return begun
