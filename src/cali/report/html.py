"""The HTML report: one file without network access, fonts or images. It opens from a disk, a ticket or an attachment.

Its content security policy allows only its own style and script, by hash. Even HTML that passed the escaping could not run
or load anything. The size is bounded. Items above a limit are counted, and the page shows the number.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from cali.core.models import IncidentGroup, Severity
from cali.report import wording
from cali.report.card import Follower, card
from cali.report.markup import Markup, joined, tag
from cali.report.timeline import Bar, timeline
from cali.usecases.analyze_files import Analysis, Summary

INCIDENTS = 200  # maximum incidents shown, including followers
FOLLOWERS = 25  # maximum followers shown per incident
OPEN = 8  # cards that are expanded at first


def as_html(analysis: Analysis, *, title: str = "") -> str:
    """Return the whole page. `title` is the title of the window; the default is the verdict."""
    style, script = shipped("page.css"), shipped("page.js")
    verdict = wording.verdict(analysis)
    head = joined([
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title or f"{verdict} - CALI"),
        tag("style", style),
    ])  # fmt: skip
    cards, bars = _cards(analysis)
    body = joined([
        _header(analysis, verdict),
        tag("main", timeline(analysis, bars), _controls(analysis), *cards, id="incidents"),
        _footer(analysis.summary),
        tag("script", script),
    ])  # fmt: skip
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'


@cache
def shipped(name: str) -> Markup:
    """Return a file of this package that is inserted into the page unchanged."""
    text = (files("cali.report") / name).read_text("utf-8")
    if "</" in text:
        raise ValueError(f"{name}: contains '</', which would end its element; escape it")
    return Markup(text)


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _header(analysis: Analysis, verdict: str) -> Markup:
    summary = analysis.summary
    facts = [
        ("Log", wording.cut(wording.sources(summary), 300)),
        ("From", wording.span(summary.began, summary.ended)),
        ("Read", wording.counts(summary)),
        ("Set aside", wording.number(summary.quarantined, "unreadable line") if summary.quarantined else ""),
        ("Model", wording.spent(summary)),
    ]  # fmt: skip
    headline, _, rest = verdict.partition(" (")
    return tag(
        "header",
        tag("p", "CALI log report", class_="brand"),
        tag("h1", headline.rstrip(".")),
        tag("p", rest.replace("), ", ", ", 1), class_="verdict") if rest else "",
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value)),
    )


def _controls(analysis: Analysis) -> Markup:
    """Return the controls for search and filter. They are hidden until the script shows them."""
    if not analysis.incidents:
        read = "in the readable lines" if analysis.summary.quarantined else "in this log"
        return tag("p", f"No incidents {read}.", class_="calm")
    counts = dict.fromkeys(sorted(Severity, reverse=True), 0)
    for incident in analysis.incidents:
        counts[incident.severity] += 1
    chips = [
        tag("label", tag("input", type="checkbox", value=severity.label, checked=True), f" {severity.label} ",
            tag("span", f"{count:,}"), class_=severity.label)
        for severity, count in counts.items() if count
    ]  # fmt: skip
    return joined([
        tag("h2", "Incidents"),
        tag(
            "form",
            tag("input", type="search", id="search", placeholder="Search incidents, lines, causes  ( / )",
                aria_label="Search the incidents", autocomplete="off", spellcheck="false"),
            tag("fieldset", tag("legend", "Severity"), *chips),
            tag("button", "Expand all", type="button", id="expand"),
            tag("p", id="shown", role="status"),
            id="controls", role="search", hidden=True,
        ),
    ])  # fmt: skip


def _cards(analysis: Analysis) -> tuple[list[Markup], list[Bar]]:
    """Return the cards, and the bars of the timeline that link to them."""
    cards: list[Markup] = []
    bars: list[Bar] = []
    left = INCIDENTS
    for number, group in enumerate(analysis.incidents, 1):
        if left <= 0:
            break
        shown = group.members[1:][: min(FOLLOWERS, left - 1)]
        anchor = f"i{number}"
        followers = [
            Follower(
                member.finding,
                f"{anchor}-{place}",
                analysis.context.get(member.finding.id, ()),
                member.reason,
            )
            for place, member in enumerate(shown, 1)
        ]
        around = analysis.context.get(group.root.id, ())
        unshown = len(group.members) - 1 - len(shown)
        cards.append(card(group, number, anchor, around, followers, unshown, opened=number <= OPEN))
        bars += _bars(number, anchor, group, followers)
        left -= 1 + len(shown)
    more = len(analysis.incidents) - len(cards)
    if more > 0:
        note = f"{wording.number(more, 'more incident')} of lower rank not shown; all are in cali analyze --format json."
        cards.append(tag("p", note, class_="more"))
    return cards, bars


def _bars(number: int, anchor: str, group: IncidentGroup, followers: list[Follower]) -> list[Bar]:
    root = Bar(group.root, group.title, anchor, str(number), anchor, follows=False)
    return [
        root,
        *(
            Bar(item.incident, item.incident.title, item.anchor, "", anchor, follows=True)
            for item in followers
        ),
    ]


def _footer(summary: Summary) -> Markup:
    quiet = ", ".join(
        f"{count:,} {severity.label}"
        for severity, count in sorted(summary.healthy.items(), reverse=True)
        if count
    )
    rows = [
        f"Events that opened no incident: {quiet}." if quiet else "",
        wording.cut(wording.set_aside(summary), 600),
        wording.speed(summary),
        wording.versions(summary.versions),
    ]
    return tag("footer", *(tag("p", row) for row in rows if row))
