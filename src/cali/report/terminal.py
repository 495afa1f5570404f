"""The terminal report, written for an engineer on call: the most important facts come first.

    verdict, then per incident: title, place, time, cause, fix, evidence, confidence; followers, folded

Log text is never interpreted as markup. `_wrapped` escapes control characters before they reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cali.core.models import Incident, IncidentGroup, Member, Severity
from cali.report import wording
from cali.report.wording import evidence, has_cause
from cali.usecases.analyze_files import Analysis

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 100
NARROWEST = 40
GUTTER = 14  # columns before a field's text
LONGEST = 3  # maximum rows per line of evidence
QUOTED = 8  # maximum lines of evidence per incident
SCREEN = 60  # maximum lines of the report if nothing else is asked for
LISTED = 30  # maximum incidents in the overview
CAUSE_WORDS = 10
FOLDED = 12  # maximum followers listed
_GLUE = "\ue000"  # replaces a space within a command during wrapping; `visible` escapes it in log text

BADGE = {
    Severity.CRITICAL: "bold white on red",
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
}


def as_text(analysis: Analysis, *, color: bool = False, width: int = WIDTH) -> str:
    """Return the report for a terminal of `width` columns, ending in a line feed. Without colour it has no escapes."""
    return _printed(_rows(analysis, max(width, NARROWEST), len(analysis.incidents)), color)


def as_screen(analysis: Analysis, *, top: int | None = None, color: bool = False, width: int = WIDTH) -> str:
    """Return one line per incident, then the details of the first `top`; by default, of those that fit on one screen."""
    return _printed(_screen(analysis, max(width, NARROWEST), top), color)


def one_line(incident: Incident, *, color: bool = False) -> str:
    """Return an incident on one line, for a stream: time, severity, place, title, cause."""
    from rich.text import Text

    when = wording.moment(incident.first_seen)
    line = Text().append(f"{when:%H:%M:%S} " if when else "", "dim")
    line.append(f"{incident.severity.label.upper():8} ", BADGE.get(incident.severity, "bold"))
    where = _visible(wording.place(incident.scope))
    line.append(f"{where}  " if where else "", "cyan")
    line.append(_visible(incident.title), "bold")
    line.append(f"  x{incident.count:,}" if incident.count > 1 else "")
    diagnosis = incident.diagnosis
    if diagnosis is not None and has_cause(incident):
        line.append(f"  -> {_visible(wording.first_sentence(diagnosis.cause))}")
        line.append(f" [{_visible(wording.basis(diagnosis))}]", "dim")
    else:
        line.append("  -> cause unknown", "dim")
    return _printed([line], color).rstrip("\n")


def _screen(analysis: Analysis, width: int, top: int | None) -> Iterator[Text]:
    """Yield the rows of the overview. The details of an incident are left out if they do not fit.

    A single incident needs no overview.
    """
    from rich.text import Text

    found = analysis.incidents
    if top == 0 or len(found) < 2:
        yield from _rows(analysis, width, 0 if top == 0 else len(found))
        return
    room = SCREEN - len(list(_rows(analysis, width, 0))) - 1
    count = 0
    while top is None and count < len(found):
        room -= 1 + len(list(_incident(count + 1, found[count], width)))
        if room < 0:
            break
        count += 1
    count = min(len(found), count if top is None else top)
    yield from _rows(analysis, width, count, overview=True)
    if count < len(found):
        yield Text(f"Details of {count} of {len(found)} incidents. All: --all; the first N: --top N.", "dim")


def _overview(analysis: Analysis, width: int) -> Iterator[Text]:
    """Yield one row per incident: rank, severity, title, count, place and the first words of the cause."""
    from rich.text import Text

    for place, group in enumerate(analysis.incidents[:LISTED], 1):
        row = Text().append(f"{place:>3}  ", "bold")
        row.append(f"{group.severity.label.upper():8} ", BADGE.get(group.severity, "bold"))
        where = _visible(wording.place(group.root.scope))
        facts = f"  x{group.count:,}" + (f"  {where}" if where else "")
        cause = group.root.diagnosis.cause if group.root.diagnosis and has_cause(group.root) else ""
        words = " ".join(cause.split()[:CAUSE_WORDS]) if cause else "cause unknown"
        title = Text(_visible(group.title), "bold")
        title.truncate(max(20, width // 2), overflow="ellipsis")
        row.append_text(title).append(facts, "cyan").append(f"  {_visible(words)}", "dim")
        row.truncate(width, overflow="ellipsis")
        yield row
    if len(analysis.incidents) > LISTED:
        yield Text(f"     and {wording.number(len(analysis.incidents) - LISTED, 'more incident')}", "dim")


def _rows(analysis: Analysis, width: int, details: int, *, overview: bool = False) -> Iterator[Text]:
    from rich.text import Text

    summary, found = analysis.summary, analysis.incidents
    set_aside = _wrapped(wording.set_aside(summary), width, "yellow")
    yield from _wrapped(wording.verdict(analysis), width, "bold" if found else "")
    if not found:
        yield from set_aside
        return
    span = wording.span(summary.began, summary.ended)
    facts = (wording.sources(summary), span, wording.counts(summary))
    yield from _wrapped(" · ".join(filter(None, facts)), width, "dim")
    if overview or not details:
        yield Text()
        yield from _overview(analysis, width)
    for place, group in enumerate(found[:details], 1):
        yield Text()
        yield from _incident(place, group, width)
    yield Text()
    yield from set_aside
    yield from _wrapped(wording.foot(summary), width, "dim")


def _incident(place: int, group: IncidentGroup, width: int) -> Iterator[Text]:
    from rich.text import Text

    incident, diagnosis = group.root, group.root.diagnosis
    room = width - GUTTER
    head = Text().append(f"{place:>3}  ", "bold")
    head.append(f"{group.severity.label.upper():8}", BADGE.get(group.severity, "bold"))
    yield from _hung(head, _wrapped(group.title, room - 1, "bold"), GUTTER + 1)
    yield from _field("where", _wrapped(wording.place(incident.scope), room, "cyan"))
    yield from _field("seen", _wrapped(_seen(incident), room))
    if diagnosis is not None and has_cause(incident):
        yield from _field("cause", _wrapped(diagnosis.cause, room))
        for number, step in enumerate(diagnosis.fix, 1):
            yield from _field("fix" if number == 1 else "", _step(number, step, room))
        yield from _field("confidence", _wrapped(wording.basis(diagnosis), room))
    else:
        yield from _field("cause", _unknown(incident, room))
    yield from _field("evidence", _evidence(incident, room))
    if len(group.members) > 1:
        yield from _field("with", _members(group.members[1:], room))


def _seen(incident: Incident) -> str:
    seen = wording.occurrence(incident)
    lasting = f" in {seen.lasting}" if seen.lasting else ""
    burst = ", in a burst" if incident.burst else ""
    return f"{seen.often}{lasting}{burst}" + (f", {seen.span}" if seen.span else "")


def _unknown(incident: Incident, width: int) -> list[Text]:
    why = wording.cut(wording.why_unknown(incident.diagnosis), 200)
    rows = _wrapped(f"Cause unknown{f': {why}' if why else ''}.", width, "yellow")
    closest = wording.closest(incident.diagnosis)
    rows += _wrapped(f"{wording.CLOSEST}: {closest}" if closest else "", width)
    return rows + _wrapped(f"{wording.TEACH}: `{wording.TEACHING}`", width)


def _step(number: int, step: str, width: int) -> Iterator[Text]:
    """Yield the rows of a step and its commands.

    Commands are never wrapped, so that they can be copied. A command that is too long gets its own row.
    """
    from rich.cells import cell_len
    from rich.text import Text

    head = f"{number}. "
    room = width - len(head)
    rows: list[Text] = []
    body = Text()
    for kind, text in wording.step(step):
        part = _visible(text)
        if kind is wording.StepPartKind.PROSE:
            body.append(part if body or not rows else part.lstrip(" .,;"))
        elif cell_len(part) + 2 <= room:
            body.append(f"`{part.replace(' ', _GLUE)}`", "cyan")
            body.append(" " if kind is wording.StepPartKind.COMMAND else "")
        else:
            rows += [*_broken(body, room), Text(part, "cyan")]
            body = Text()
    if body:
        rows += _broken(body, room)
    return _hung(Text(head), rows, len(head))


def _evidence(incident: Incident, width: int) -> list[Text]:
    from rich.text import Text

    lines = sorted(evidence(incident))
    shown = lines[:QUOTED]
    gutter = len(f"{shown[-1].line:,}") if shown else 1
    room = width - gutter - 3
    rows: list[Text] = []
    for line, text in shown:
        rest = max(0, len(text) - room * LONGEST)  # do not wrap text that is not shown
        body = _wrapped(text[: len(text) - rest], room)
        if rest or len(body) > LONGEST:
            left = rest + sum(map(len, body[LONGEST:]))
            body[LONGEST:] = [Text(f"… {left:,} more characters", "dim")]
        rows += _hung(Text(f"{line:>{gutter},} | ", "dim"), body, gutter + 1, "| ")
    if len(lines) > QUOTED:
        more = wording.number(len(lines) - QUOTED, "more line")
        rows += _wrapped(f"and {more} (--format json)", width, "dim")
    return rows


def _members(members: Sequence[Member], width: int) -> Iterator[Text]:
    from rich.text import Text

    for finding, _, reason in members[:FOLDED]:
        title = Text().append(f"{finding.severity.label} ", BADGE.get(finding.severity, "bold"))
        title.append(_visible(finding.title))
        yield from _hung(Text("- "), _broken(title, width - 2), 2)
        facts = [wording.place(finding.scope), _seen(finding), reason]
        yield from _hung(Text("  "), _wrapped(", ".join(filter(None, facts)), width - 2, "dim"), 2)
    if len(members) > FOLDED:
        more = f"and {len(members) - FOLDED:,} more (--format html shows all)"
        yield from _wrapped(more, width, "dim")


def _field(name: str, rows: Iterable[Text]) -> Iterator[Text]:
    from rich.text import Text

    return _hung(Text(f"  {name:{GUTTER - 2}}", "dim"), rows, GUTTER)


def _hung(head: Text, rows: Iterable[Text], indent: int, mark: str = "") -> Iterator[Text]:
    """Yield the first row after the head, and the others indented below it."""
    from rich.text import Text

    for place, row in enumerate(rows):
        start = Text().append_text(head if place == 0 else Text(" " * indent + mark, "dim"))
        start.append(" " * (indent - len(start)))
        yield start.append_text(row)


def _wrapped(text: str, width: int, style: str = "") -> list[Text]:
    """Wrap a text into rows, with every character visible."""
    from rich.text import Text

    return _broken(Text(_visible(text), style), width) if text else []


def _visible(text: str) -> str:
    """Return the text with every character visible. Printable ASCII is returned unchanged."""
    return text if text.isascii() and text.isprintable() else wording.visible(text)


def _broken(text: Text, width: int) -> list[Text]:
    return list(text.wrap(_measure(), width, overflow="fold", tab_size=4))


@cache
def _measure() -> Console:
    from rich.console import Console

    return Console(color_system=None, _environ={})


def _printed(rows: Iterable[Text], color: bool) -> str:
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=color,
        color_system="standard" if color else None,
        width=10_000,  # lines are already wrapped
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for row in rows:
        row.rstrip()
        console.print(row, soft_wrap=True)
    return out.getvalue().replace(_GLUE, " ")
