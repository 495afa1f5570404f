"""The timeline of the incidents: one bar per incident, from its first event to its last, on one axis. Plain SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cali.core.models import Incident
from cali.report import wording
from cali.report.markup import Markup, joined, tag
from cali.usecases.analyze_files import Analysis

ROWS = 60
TICKS = 5  # maximum number of ticks
THINNEST = 0.8  # minimum width of a bar in per cent of the axis, so that a single event is visible
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
DAY = 86_400


class Axis(NamedTuple):
    """The time range of the timeline."""

    start: float
    end: float

    def at(self, seconds: float) -> float:
        """Return the position of a time on the axis, in per cent."""
        return min(100.0, max(0.0, (seconds - self.start) / (self.end - self.start) * 100))


class Bar(NamedTuple):
    """A finding in the timeline: the anchor of its card, and True in `follows` if it is a follower."""

    incident: Incident
    title: str
    anchor: str
    label: str
    card: str
    follows: bool


def timeline(analysis: Analysis, bars: Sequence[Bar]) -> Markup:
    """Return the section with the timeline. It is empty if the log has no times."""
    timed = [bar for bar in bars if wording.moment(bar.incident.first_seen)]
    axis = _axis(analysis, [bar.incident for bar in timed])
    if axis is None:
        return Markup()
    ticks = list(_ticks(axis))
    rows = [_row(bar, axis, ticks) for bar in timed[:ROWS]]
    left = [f"{wording.number(len(timed) - ROWS, 'more finding')} not drawn."] if len(timed) > ROWS else []
    if len(timed) < len(bars):
        left.append(f"{wording.number(len(bars) - len(timed), 'finding')} without a time.")
    return tag(
        "section",
        tag("h2", "Timeline", id="timeline"),
        tag("ol", tag("li", _scale(axis, ticks), class_="scale", aria_hidden="true"), *rows, class_="rows"),
        tag("p", " ".join(left), class_="more") if left else "",
        class_="timeline",
        aria_labelledby="timeline",
    )


def _axis(analysis: Analysis, incidents: Sequence[Incident]) -> Axis | None:
    ends = [analysis.summary.began, analysis.summary.ended]
    ends += [time for incident in incidents for time in (incident.first_seen, incident.last_seen)]
    known = [time for time in ends if time is not None and wording.moment(time)]
    if not incidents or not known:
        return None
    start, end = min(known), max(known)
    return Axis(start, end) if end - start >= 1 else Axis(start - 0.5, start + 0.5)


def _ticks(axis: Axis) -> Iterable[tuple[float, str]]:
    """Yield the full minutes, hours or days within the axis, with their labels."""
    step = step_of(axis.end - axis.start)
    at = -(-axis.start // step) * step
    form = "%m-%d" if step >= DAY else "%H:%M:%S" if step < 60 else "%H:%M"
    while at <= axis.end:
        yield axis.at(at), f"{datetime.fromtimestamp(at, UTC):{form}}"
        at += step


def step_of(span: float) -> int:
    """Return the smallest step that gives at most `TICKS` ticks."""
    for step in STEPS:
        if span / step <= TICKS:
            return step
    days = 1
    while span / (days * DAY) > TICKS:
        days *= 2
    return days * DAY


def _scale(axis: Axis, ticks: Iterable[tuple[float, str]]) -> Markup:
    date = f"{datetime.fromtimestamp(axis.start, UTC):%Y-%m-%d}, UTC"
    labels = [
        tag(
            "text",
            label,
            x=f"{at:.2f}%",
            y="12",
            text_anchor="end" if at > 95 else "start" if at < 5 else "middle",
        )
        for at, label in ticks
    ]
    return joined(
        [tag("span", date, class_="name"), tag("svg", *labels, class_="axis"), tag("span", class_="times")]
    )


def _row(bar: Bar, axis: Axis, ticks: Iterable[tuple[float, str]]) -> Markup:
    incident = bar.incident
    first = incident.first_seen or axis.start
    last = first if incident.last_seen is None else max(first, incident.last_seen)
    width = max(axis.at(last) - axis.at(first), THINNEST)
    x = min(axis.at(first), 100 - width)
    seen = wording.occurrence(incident)
    drawn = [tag("line", x1=f"{at:.2f}%", x2=f"{at:.2f}%", y1="0", y2="100%") for at, _ in ticks]
    drawn.append(tag("rect", x=f"{x:.2f}%", y="7", width=f"{width:.2f}%", height="10", rx="3"))
    label = tag("b", bar.label) if not bar.follows else tag("span", "↳", aria_hidden="true", class_="then")
    return tag(
        "li",
        tag("a", label, " ", wording.cut(bar.title, 120), href=f"#{bar.anchor}", class_="name"),
        tag("svg", *drawn, role="img", aria_label=f"{incident.severity.label}, {seen.span}", class_="bar"),
        tag("span", f"×{incident.count:,}", class_="times"),
        class_=f"{incident.severity.label}{' follows' if bar.follows else ''}",
        data_card=bar.card,
    )
