"""The analysis for a terminal: read from the top, by somebody who was asleep five minutes ago.

    verdict, then per incident: what, where, when, why, what to do, which lines prove it, how sure; what followed, folded

Nothing in a text is read as markup, and `visible` has taken from log lines what a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cali.core.models import Incident, Severity
from cali.report import wording
from cali.report.analysis import Analysis, IncidentGroup, Summary, evidence, explained, groups
from cali.report.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 100
NARROWEST = 40
GUTTER = 14  # columns before a field's text
LONGEST = 3  # rows of a line of evidence
QUOTED = 8  # lines of evidence of one incident
FOLDED = 12  # followers that are listed
_GLUE = "\ue000"  # a space within a command while lines are broken; `visible` lets no other through

BADGE = {
    Severity.CRITICAL: "bold white on red",
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
}


def as_text(analysis: Analysis, *, color: bool = False, width: int = WIDTH) -> str:
    """The report for a terminal of so many columns, ending in a line feed; without colour, without any escape."""
    width = max(width, NARROWEST)
    rows = list(_rows(analysis, width))
    return _printed(rows, color)


def one_line(incident: Incident, *, color: bool = False) -> str:
    """An incident on one line, for a stream of them: when, how bad, where, what, why."""
    from rich.text import Text

    when = wording.moment(incident.first_seen)
    line = Text().append(f"{when:%H:%M:%S} " if when else "", "dim")
    line.append(f"{incident.severity.label.upper():8} ", BADGE.get(incident.severity, "bold"))
    where = visible(wording.place(incident.scope))
    line.append(f"{where}  " if where else "", "cyan")
    line.append(visible(incident.title), "bold")
    line.append(f"  x{incident.count:,}" if incident.count > 1 else "")
    diagnosis = incident.diagnosis
    if diagnosis is not None and explained(incident):
        line.append(f"  -> {visible(wording.first_sentence(diagnosis.cause))}")
        line.append(f" [{visible(wording.basis(diagnosis))}]", "dim")
    else:
        line.append("  -> cause unknown", "dim")
    return _printed([line], color).rstrip("\n")


def _rows(analysis: Analysis, width: int) -> Iterator[Text]:
    from rich.text import Text

    if not analysis.incidents:
        yield from _wrapped(wording.verdict(analysis), width)
        yield from _set_aside(analysis.summary, width)
        return
    yield from _wrapped(wording.verdict(analysis), width, "bold")
    yield from _source(analysis, width)
    for place, group in enumerate(groups(analysis), 1):
        yield Text()
        yield from _incident(place, group, width)
    yield Text()
    yield from _foot(analysis.summary, width)


def _source(analysis: Analysis, width: int) -> Iterator[Text]:
    summary = analysis.summary
    followed = len(analysis.incidents) - len(groups(analysis))
    if followed:
        yield from _wrapped(
            f"{wording.number(followed, 'incident')} followed from another and stand{'s' if followed == 1 else ''} below it: fix the first.",
            width,
        )
    facts = [", ".join(map(visible, summary.sources[:4])), wording.span(summary.began, summary.ended)]
    if len(summary.sources) > 4:
        facts[0] += f" and {wording.number(len(summary.sources) - 4, 'more source')}"
    facts.append(
        f"{wording.number(summary.events, 'event')} of {wording.number(summary.templates, 'template')}"
    )
    yield from _wrapped(" · ".join(fact for fact in facts if fact), width, "dim")


def _incident(place: int, group: IncidentGroup, width: int) -> Iterator[Text]:
    from rich.text import Text

    incident, diagnosis = group.root, group.root.diagnosis
    head = Text().append(f"{place:>3}  ", "bold")
    head.append(f"{incident.severity.label.upper():8}", BADGE.get(incident.severity, "bold"))
    title = _wrapped(visible(incident.title), width - GUTTER - 1, "bold")
    yield from _hung(head, title, GUTTER + 1)
    where = visible(wording.place(incident.scope))
    if where:
        yield from _field("where", _wrapped(where, width - GUTTER, "cyan"))
    yield from _field("seen", _wrapped(_seen(incident), width - GUTTER))
    if diagnosis is not None and explained(incident):
        yield from _field("cause", _wrapped(visible(diagnosis.cause), width - GUTTER))
        for number, step in enumerate(diagnosis.fix, 1):
            yield from _field("fix" if number == 1 else "", _step(number, step, width - GUTTER))
        yield from _field("confidence", _wrapped(visible(wording.basis(diagnosis)), width - GUTTER))
    else:
        yield from _field("cause", _unknown(incident, width - GUTTER))
    yield from _field("evidence", _evidence(incident, width - GUTTER))
    yield from _followers(group.followers, width)


def _seen(incident: Incident) -> str:
    seen = wording.occurrence(incident)
    lasting = f" in {seen.lasting}" if seen.lasting else ""
    burst = ", in a burst" if incident.burst else ""
    return f"{seen.often}{lasting}{burst}" + (f", {seen.span}" if seen.span else "")


def _unknown(incident: Incident, width: int) -> list[Text]:
    why = visible(wording.cut(wording.why_unknown(incident.diagnosis), 200))
    rows = _wrapped(f"Cause unknown{f': {why}' if why else ''}.", width, "yellow")
    closest = visible(wording.closest(incident.diagnosis))
    rows += _wrapped(f"{wording.CLOSEST}: {closest}" if closest else "", width)
    return rows + _wrapped(f"{wording.TEACH}: `{wording.TEACHING}`", width)


def _step(number: int, step: str, width: int) -> list[Text]:
    """A step and its commands. No command is broken over rows, so that what is copied runs: one that does not fit
    stands on a row of its own, which the terminal breaks."""
    from rich.text import Text

    head = f"{number}. "
    room = width - len(head)
    rows: list[Text] = []
    body = Text()
    for kind, part in wording.step(step):
        shown = visible(part)
        if kind is wording.StepPartKind.SAID:
            body.append(shown if body or not rows else shown.lstrip(" .,;"))
        elif _cells(shown) + 2 <= room:
            body.append(f"`{shown.replace(' ', _GLUE)}`", "cyan")
            body.append(" " if kind is wording.StepPartKind.COMMAND else "")
        else:
            rows += [*_broken(body, room), Text(shown, "cyan")]
            body = Text()
    return list(_hung(Text(head), rows + (_broken(body, room) if body else []), len(head)))


def _evidence(incident: Incident, width: int) -> list[Text]:
    from rich.text import Text

    lines = sorted(evidence(incident))
    shown = lines[:QUOTED]
    gutter = max((len(f"{line:,}") for line, _ in shown), default=1)
    rows: list[Text] = []
    for line, text in shown:
        room = width - gutter - 3
        rest = max(
            0, len(text) - room * LONGEST
        )  # no need to break what won't be shown; escapes only make it longer
        body = _wrapped(visible(text[: len(text) - rest]), room)
        if rest or len(body) > LONGEST:
            left = rest + sum(map(len, body[LONGEST:]))
            body[LONGEST:] = [Text(f"… {left:,} more characters", "dim")]
        rows += _hung(Text(f"{line:>{gutter},} | ", "dim"), body, gutter + 1, "| ")
    if len(lines) > QUOTED:
        rows += _wrapped(
            f"and {wording.number(len(lines) - QUOTED, 'more line')} (--format json)", width, "dim"
        )
    return rows


def _followers(followers: Sequence[Incident], width: int) -> Iterator[Text]:
    from rich.text import Text

    rows: list[Text] = []
    for follower in followers[:FOLDED]:
        title = Text().append(f"{follower.severity.label} ", BADGE.get(follower.severity, "bold"))
        title.append(visible(follower.title))
        rows += _hung(Text("- "), _broken(title, width - GUTTER - 2), 2)
        where = visible(wording.place(follower.scope))
        facts = [where, _seen(follower)]
        if follower.diagnosis is not None and explained(follower):
            facts.append(visible(wording.origin(follower.diagnosis)))
        facts_rows = _wrapped(", ".join(fact for fact in facts if fact), width - GUTTER - 2, "dim")
        rows += _hung(Text("  "), facts_rows, 2)
    if len(followers) > FOLDED:
        rows += _wrapped(f"and {len(followers) - FOLDED:,} more (--format html shows all)", width, "dim")
    if rows:
        yield from _field("followed by", rows)


def _foot(summary: Summary, width: int) -> Iterator[Text]:
    yield from _set_aside(summary, width)
    facts = [wording.spent(summary), wording.speed(summary), visible(wording.versions(summary.versions))]
    yield from _wrapped(" · ".join(fact for fact in facts if fact), width, "dim")


def _set_aside(summary: Summary, width: int) -> Iterator[Text]:
    yield from _wrapped(visible(wording.set_aside(summary)), width, "yellow")


def _field(name: str, rows: Iterable[Text]) -> Iterator[Text]:
    from rich.text import Text

    yield from _hung(Text(f"  {name:{GUTTER - 2}}", "dim"), rows, GUTTER)


def _hung(head: Text, rows: Iterable[Text], indent: int, mark: str = "") -> Iterator[Text]:
    """The first row behind the head, the others below it."""
    from rich.text import Text

    for place, row in enumerate(rows):
        start = Text().append_text(head if place == 0 else Text(" " * indent + mark, "dim"))
        start.append(" " * (indent - len(start)))
        yield start.append_text(row)


def _wrapped(text: str, width: int, style: str = "") -> list[Text]:
    from rich.text import Text

    return _broken(Text(text, style), width) if text else []


def _broken(text: Text, width: int) -> list[Text]:
    return list(text.wrap(_measure(), width, overflow="fold", tab_size=4))


@cache
def _measure() -> Console:
    from rich.console import Console

    return Console(color_system=None, _environ={})


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _printed(rows: Iterable[Text], color: bool) -> str:
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=color,
        color_system="standard" if color else None,
        width=10_000,  # lines are broken already
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
