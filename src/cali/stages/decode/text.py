"""From a line of text to its layout: the rules tried in order, and wrapped text decoded again."""

from __future__ import annotations

import re

from cali.core.models import Severity
from cali.stages.decode import logfmt
from cali.stages.decode.headers import RULES
from cali.stages.decode.layout import Layout, nest, read
from cali.stages.decode.timestamped import AFTER, STAMPS, SYSLOG

_DEPTH = 4  # kubectl's prefix, a runtime's stamp, syslog, the application: nothing real wraps deeper
_TIME_OF_DAY = len("10:00")  # alone it may well be part of a sentence, so a rule must follow it
_OTHER_RULES = RULES[""]
_OTHER_AFTER = AFTER[""]
_BLANK = re.compile(r"\s*\Z")
_GAP = (" ", "\t")
_MARKS = {"#": Severity.WARNING, "*": Severity.NOTICE, "-": Severity.INFO, ".": Severity.DEBUG}


def layout_of(text: str, at: int = 0, depth: int = 0) -> Layout:
    """The layout of the text from `at` on. Text that no rule knows is a message as a whole."""
    first = text[at : at + 1]
    if _BLANK.match(text, at):
        return Layout(at, special="blank")
    if first == "{":
        return Layout(at, special="json")
    stamps = STAMPS.get(first)
    if stamps:
        for stamp in stamps:
            match = stamp.match(text, at)
            if match:
                found = _stamped(text, match, depth)
                if found:
                    return found
                break
    if "=" in text and first.isalpha():
        found = logfmt.layout_of(text, at)
        if found:
            return found
    for pattern in RULES.get(first, _OTHER_RULES):
        match = pattern.match(text, at)
        if match:
            return _headed(text, match, depth)
    return Layout(at)


def _stamped(text: str, stamp: re.Match[str], depth: int) -> Layout | None:
    """What follows a stamp; None when nothing does, so that a lone stamp stays a message."""
    at = stamp.end()
    bracketed = text[stamp.start()] == "["
    if bracketed and text[at : at + 1] == "]":
        at += 1
    elif bracketed and text[at : at + 2] != ": ":
        return None
    if text[at : at + 2] != ": ":
        while text[at : at + 1] in _GAP:
            at += 1
    outer = read(stamp)
    for pattern in AFTER.get(text[at : at + 1], _OTHER_AFTER):
        match = pattern.match(text, at)
        if match:
            return nest(outer, _follow(text, match, depth))
    if stamp.start("t") == stamp.start() and text[stamp.start()].isalpha():
        match = SYSLOG.match(text, at)
        if match:
            return nest(outer, _follow(text, match, depth))
    if text[stamp.end() : stamp.end() + 1] not in (" ", "\t", "]"):
        return None
    if outer.time is None or outer.time[1] - outer.time[0] <= _TIME_OF_DAY or _BLANK.match(text, at):
        return None
    return nest(outer, layout_of(text, at, depth + 1)) if depth < _DEPTH else outer._replace(start=at)


def _follow(text: str, match: re.Match[str], depth: int) -> Layout:
    """The layout of a match, and of the text it wraps, if it wraps any."""
    found = read(match)
    if "rest" not in match.re.groupindex:
        return found
    at = match.start("rest")
    if at < 0:
        return found._replace(special="blank")
    return (
        nest(found, layout_of(text, at, depth + 1)) if depth < _DEPTH else found._replace(start=at, end=None)
    )


def _headed(text: str, match: re.Match[str], depth: int) -> Layout:
    found = _follow(text, match, depth)
    groups = match.re.groupindex
    if "mark" in groups:
        return found._replace(severity=_MARKS[match["mark"]])
    if "more" not in groups:
        return found
    # An event's row: what happened, then the kubelet's own words. Its object names the workload.
    pieces = (match.span("m"), match.span("more"))
    if "object" not in groups:
        return found._replace(pieces=pieces)
    return found._replace(pieces=pieces, origin=match.span("object"))
