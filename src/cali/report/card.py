"""The card of an incident in the HTML report: title, place, time, cause, fix and evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cali.core.models import Diagnosis, Evidence, Incident, IncidentGroup, Origin
from cali.report import wording
from cali.report.markup import Markup, joined, tag
from cali.report.wording import evidence, has_cause, visible_lines

LINE = 600  # maximum characters of a log line
LINES = 24  # maximum lines of evidence and context together
SAMPLES = 2
SAMPLE = 1500  # maximum characters of a sample
WHY = 300  # maximum characters of the reason for a missing cause
WORDS = 4000  # maximum characters of a cause or of a step of its fix
STEPS = 12


class Follower(NamedTuple):
    """A finding shown within the card of its incident, with the reason why it belongs there."""

    incident: Incident
    anchor: str
    around: Sequence[Evidence]
    reason: str = ""


def card(
    group: IncidentGroup,
    number: int,
    anchor: str,
    around: Sequence[Evidence],
    followers: Sequence[Follower],
    unshown: int,
    *,
    opened: bool,
) -> Markup:
    """Return the card of an incident: its root, with the other findings nested. `unshown` is the number left out."""
    incident = group.root
    severities = {item.severity.label for item in (incident, *(f.incident for f in followers))}
    return tag(
        "details",
        tag(
            "summary",
            tag("span", str(number), class_="number"),
            _head(incident, "h3", group.title, alone=True),
        ),
        tag(
            "div",
            _body(incident, around, alone=True),
            _followers(followers, unshown),
            _more(incident),
            class_="body",
        ),
        class_=f"card {group.severity.label}",
        id=anchor,
        open=opened,
        data_severities=" ".join(sorted(severities)),
    )


def _head(incident: Incident, level: str, title: str, *, alone: bool) -> Markup:
    seen = wording.occurrence(incident)
    facts = [
        tag("span", wording.cut(wording.place(incident.scope), 200), class_="where"),
        tag("span", seen.often + (f" in {seen.lasting}" if seen.lasting else "")),
        tag("span", seen.span) if seen.span else "",
        tag("span", "burst", class_="tag") if incident.burst else "",
        tag("span", "cause unknown", class_="tag") if alone and not has_cause(incident) else "",
    ]
    return tag(
        "div",
        tag(
            level,
            tag("span", incident.severity.label, class_="badge"),
            " ",
            wording.cut(title, LINE),
        ),
        tag("p", *facts, class_="facts"),
        class_="head",
    )


def _body(incident: Incident, around: Sequence[Evidence], *, alone: bool) -> Markup:
    diagnosis = incident.diagnosis
    parts: list[Markup] = []
    if diagnosis is not None and has_cause(incident):
        parts.append(
            _part("Cause", tag("p", wording.cut(diagnosis.cause, WORDS), class_="why"), _sure(diagnosis))
        )
        if diagnosis.fix:
            parts.append(_part("Fix", _fix(diagnosis.fix)))
    elif alone:
        parts.append(_part("Cause", _unknown(diagnosis)))
    parts.append(_part("Evidence", _log(evidence(incident), around)))
    return joined(parts)


def _part(name: str, *children: str) -> Markup:
    return tag(
        "section", tag("h4", name), tag("div", *children), class_=f"part {name.lower().replace(' ', '-')}"
    )


def _sure(diagnosis: Diagnosis) -> Markup:
    percent = f"{min(max(diagnosis.confidence, 0.0), 1.0) * 100:.0f}%"
    meter = tag(
        "svg",
        tag("rect", width="100%", height="6", rx="3", class_="track"),
        tag("rect", width=percent, height="6", rx="3"),
        class_="meter",
        aria_hidden="true",
    )
    origin = wording.origin(diagnosis)
    kind = "model" if diagnosis.origin is Origin.MODEL else "known"
    return tag(
        "p", meter, tag("span", f"Confidence {wording.sureness(diagnosis)}"),
        tag("span", origin, class_="origin") if origin else "", class_=f"sure {kind}",
    )  # fmt: skip


def _unknown(diagnosis: Diagnosis | None) -> Markup:
    why = wording.cut(wording.why_unknown(diagnosis), WHY)
    closest = wording.closest(diagnosis)
    return joined([
        tag("p", tag("strong", "Cause unknown"), f": {why}." if why else ".", class_="why"),
        tag("p", f"{wording.CLOSEST}: {closest}") if closest else "",
        tag("p", f"{wording.TEACH}: ", tag("code", wording.TEACHING)),
    ])  # fmt: skip


def _fix(steps: Sequence[str]) -> Markup:
    more = len(steps) - STEPS
    return joined([
        tag("ol", *(tag("li", *_step(wording.cut(step, WORDS))) for step in steps[:STEPS]), class_="steps"),
        tag("p", f"{wording.number(more, 'more step')} not shown.", class_="more") if more > 0 else "",
    ])  # fmt: skip


def _step(text: str) -> Iterator[Markup]:
    """Yield the parts of a step. A command gets its own line with a copy button; a name stays within the sentence."""
    for kind, part in wording.step(text):
        if kind is wording.StepPartKind.COMMAND:
            yield tag("span", tag("code", part), class_="command")
        else:
            yield tag("code" if kind is wording.StepPartKind.NAME else "span", part)


def _log(proving: Iterable[Evidence], around: Sequence[Evidence]) -> Markup:
    """Return the evidence in order with the lines around it. A gap marks omitted lines."""
    lines = {line: (text, False) for line, text in around}
    lines |= {line: (text, True) for line, text in proving}
    ranked = sorted(lines, key=lambda line: (not lines[line][1], line))
    rows: list[Markup] = []
    before: int | None = None
    for line in sorted(ranked[:LINES]):
        if before is not None and line > before + 1:
            rows.append(tag("tr", tag("td", "⋯", colspan="2"), class_="gap", aria_hidden="true"))
        rows.append(_logged(line, *lines[line]))
        before = line
    more = len(lines) - LINES
    return joined([
        tag("table", tag("tbody", *rows), class_="log"),
        tag("p", f"{wording.number(more, 'more line')} not shown.", class_="more") if more > 0 else "",
    ])  # fmt: skip


def _logged(line: int, text: str, proves: bool) -> Markup:
    shown = joined(_text(text, LINE))
    return tag(
        "tr",
        tag("th", f"{line:,}", scope="row"),
        tag("td", tag("mark", shown) if proves else shown),
        class_="proof" if proves else None,
    )


def _text(text: str, longest: int) -> list[str]:
    """Return the lines of a log text, cut to `longest`, with a note of the omitted characters."""
    rows: list[str] = []
    for row in visible_lines(text[:longest]):
        rows += [Markup("\n"), row] if rows else [row]
    left = len(text) - longest
    return [*rows, tag("i", f"… {left:,} more characters")] if left > 0 else rows


def _followers(followers: Sequence[Follower], unshown: int) -> Markup:
    if not followers and not unshown:
        return Markup()
    nested = [
        tag(
            "details",
            tag("summary", _head(follower.incident, "h5", follower.incident.title, alone=False)),
            tag(
                "div",
                tag("p", follower.reason, class_="reason") if follower.reason else "",
                _body(follower.incident, follower.around, alone=False),
                _more(follower.incident),
                class_="body",
            ),
            class_=f"follower {follower.incident.severity.label}",
            id=follower.anchor,
        )
        for follower in followers
    ]
    left = tag(
        "p", f"{wording.number(unshown, 'more finding')} not shown; all are in --format json.", class_="more"
    )
    return _part("With it", *nested, left if unshown else "")


def _more(incident: Incident) -> Markup:
    diagnosis = incident.diagnosis
    rows = [
        ("Template", tag("code", wording.cut(incident.template.text, LINE))),
        ("Fingerprint", tag("code", incident.template.id)),
        ("Finding", tag("code", wording.cut(incident.id, LINE))),
        ("Scope", tag("code", wording.cut(str(incident.scope), LINE))),
        ("Status", incident.status.value),
        ("Nearest entries", wording.closest(diagnosis, 5)),
        ("Versions", wording.versions(diagnosis.versions) if diagnosis else ""),
    ]
    rows += [("Sample", tag("pre", *_text(sample.message, SAMPLE))) for sample in incident.samples[:SAMPLES]]
    shown = [joined([tag("dt", name), tag("dd", value)]) for name, value in rows if value]
    return tag("details", tag("summary", "Template, samples, versions"), tag("dl", *shown), class_="details")
