from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from cali.core.models import Evidence, Incident, Severity
from cali.report import Analysis, Summary
from cali.report.html import FOLLOWERS, INCIDENTS, as_html, shipped
from cali.report.markup import Markup, joined, tag
from cali.report.timeline import TICKS, step_of
from cali.report.wording import visible
from tests.unit.report.shop import (
    ATTACKED,
    CONNECTIONS,
    END_IDLE,
    GATEWAY,
    HOSTILE,
    LEDGER,
    POOL,
    QUIET,
    RATES,
    SHOP,
    group,
    incident,
    unknown,
)

VOID = {"meta", "input", "rect", "line"}


class Page(HTMLParser):
    """The elements of a page, its text, and the errors in its nesting."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {"style": "", "script": ""}
        self.text = ""
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        self.faults += [f"{name} is never closed" for name in self._open]

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self._open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        if not self._open or self._open.pop() != name:
            self.faults.append(f"</{name}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.raw:
            self.raw[self._open[-1]] += data
        else:
            self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == name]


def alone(*incidents: Incident) -> Analysis:
    return Analysis(Summary(10, 10, 2), tuple(map(group, incidents)))


def test_the_page_is_well_formed_and_holds_nothing_from_elsewhere() -> None:
    page = Page(as_html(SHOP))

    assert page.faults == []
    assert len(page.named("script")) == len(page.named("style")) == 1
    for name in ("img", "link", "iframe", "object", "b:script", "base"):
        assert page.named(name) == []
    for _, attributes in page.elements:
        assert not {"src", "style", "srcset", "action"} & attributes.keys()
        assert not [key for key in attributes if key.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page.raw["style"]
    assert "@import" not in page.raw["style"]


def test_the_policy_allows_exactly_its_own_style_and_script() -> None:
    page = Page(as_html(SHOP))
    policy = next(
        m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )

    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        digest = b64encode(sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_hostile_lines_are_text() -> None:
    source = as_html(SHOP, title=HOSTILE)
    page = Page(source)

    assert page.faults == []
    assert "<script>alert(document.cookie)</script></script><img src=x onerror=alert(1)>" in page.text
    assert "<img" not in source
    assert source.count("<script") == 1
    assert "prod/shop/search<script>/[red]api[/red]" in page.text
    assert "abc\\u202egpj.exe" in page.text
    assert "错误" in page.text
    assert not set("\x1b\x07\x9b\u202e\u2066\u200b\x00\ud800") & set(source)
    assert source.encode("utf-8")


def test_a_hostile_id_names_no_anchor() -> None:
    ids = [attributes["id"] for _, attributes in Page(as_html(SHOP)).elements if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+[\d-]*", name or "") for name in ids)


def test_every_link_of_the_timeline_leads_to_a_card() -> None:
    page = Page(as_html(SHOP))
    links = [attributes["href"] for attributes in page.named("a")]

    assert len(links) == 7
    assert {link[1:] for link in links if link} <= {a.get("id") for a in page.named("details")}


def test_a_card_tells_cause_fix_evidence_and_who_says_so() -> None:
    text = " ".join(Page(as_html(alone(CONNECTIONS))).text.split())

    for told in (
        "PostgreSQL has reached max_connections",
        END_IDLE,
        "Confidence high (0.93)",
        "known error postgres-too-many-clients",
        "prod/shop/postgres",
        "412 times in 11 min 11 s",
        "10,233",
        "knowledge 2026-11-20, masks 2026-11-20",
    ):
        assert told in text
    assert (
        "the model's reading of these lines (gpt-4.1-mini): check before you act"
        in Page(as_html(alone(RATES))).text
    )


def test_evidence_stands_in_its_context_and_is_marked() -> None:
    source = as_html(replace(SHOP, incidents=(group(CONNECTIONS),)))

    numbers = re.findall(r'<th scope="row">([\d,]+)</th>', source)
    assert numbers == ["10,231", "10,232", "10,233", "10,234", "10,235", "10,236", "10,237"]
    assert re.findall(r'<tr class="proof"><th scope="row">([\d,]+)', source) == ["10,233", "10,236"]


def test_lines_left_out_between_two_are_shown_as_a_gap() -> None:
    assert as_html(alone(RATES)).count('class="gap"') == 1


def test_evidence_is_kept_before_context_when_there_is_too_much() -> None:
    around = tuple(Evidence(line, "around") for line in range(10_000, 10_200))

    page = Page(as_html(replace(SHOP, incidents=(group(CONNECTIONS),), context={CONNECTIONS.id: around})))

    assert "10,233" in page.text
    assert "10,236" in page.text
    assert "178 more lines not shown." in page.text


def test_unknown_is_said_plainly() -> None:
    text = Page(as_html(alone(LEDGER))).text

    assert "Cause unknown: not in the knowledge base, and no model is configured." in text
    assert "payments-idempotency (0.34)" in text
    assert "cali kb add FILE.yaml" in text
    assert "Versionsknowledge 2026-11-20, masks 2026-11-20Sample" in text  # not shown as a version


def test_followers_are_nested_in_the_card_of_their_root() -> None:
    source = as_html(Analysis(SHOP.summary, (group(CONNECTIONS, POOL, GATEWAY),)))

    assert source.count('class="card ') == 1
    assert source.count('class="follower ') == 2
    assert 'data-severities="critical error"' in source
    assert "Cause unknown" not in source


def test_headings_go_down_one_step_at_a_time() -> None:
    levels = [int(name[1]) for name, _ in Page(as_html(SHOP)).elements if re.fullmatch(r"h\d", name)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_input_has_a_name() -> None:
    page = Page(as_html(SHOP))

    assert [
        field for field in page.named("input") if field["type"] == "search" and not field.get("aria-label")
    ] == []
    assert len(page.named("label")) == len(
        [field for field in page.named("input") if field["type"] == "checkbox"]
    )
    assert page.elements[0] == ("html", {"lang": "en"})


def test_a_log_without_incidents_is_calm() -> None:
    page = Page(as_html(QUIET))

    assert "No incidents in 1,204 lines" in page.text
    assert "No incidents in this log." in page.text
    assert page.named("form") == page.named("svg") == []
    assert page.faults == []


def test_a_log_without_times_has_no_timeline() -> None:
    assert 'class="timeline"' not in as_html(alone(incident("k", "boom", after=None)))


def test_incidents_of_one_moment_have_a_timeline() -> None:
    page = Page(as_html(alone(incident("k", "boom"))))

    bar = page.named("rect")[0]
    assert bar["x"] == "50.00%"


@pytest.mark.parametrize("span", [0.5, 1, 59, 61, 3_600, 9_600, 86_400, 900_000, 1e9])
def test_a_timeline_has_few_ticks(span: float) -> None:
    assert span / step_of(span) <= TICKS


def test_a_log_of_centuries_is_drawn() -> None:
    ends = (incident("a", "first", after=-3e9), incident("b", "last", after=3e9))

    assert Page(as_html(alone(*ends))).faults == []


def test_size_is_bounded_and_what_is_left_out_is_counted() -> None:
    big = unknown("new", tuple(Evidence(line, "x" * 50_000) for line in range(1, 400)))
    crowd = [
        incident(f"k{number}", "y" * 5_000, message="z\n" * 90_000, diagnosis=big)
        for number in range(INCIDENTS + 50)
    ]

    source = as_html(alone(*crowd))

    assert len(source) < 6_000_000
    assert "50 more incidents of lower rank not shown" in source
    assert "140 more findings not drawn." in source
    assert "375 more lines not shown." in source
    assert "49,400 more characters" in source


def test_many_followers_are_counted() -> None:
    crowd = [replace(POOL, id=f"p{number}") for number in range(FOLLOWERS + 40)]

    source = as_html(Analysis(SHOP.summary, (group(CONNECTIONS, *crowd),)))

    assert "40 more findings not shown" in source
    assert source.count('class="follower ') == FOLLOWERS


def test_the_same_analysis_gives_the_same_page() -> None:
    assert as_html(SHOP) == as_html(SHOP)


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_has_a_colour(severity: Severity) -> None:
    source = as_html(alone(incident("k", "x", severity)))

    assert f'class="card {severity.label}"' in source
    assert re.search(rf"\.{severity.label}\b[^}}]*{{ --tone:", source)


def test_only_markup_goes_into_a_page_unescaped() -> None:
    assert (
        tag("p", "<b>", tag("i", "&"), class_='"x"') == '<p class="&quot;x&quot;">&lt;b&gt;<i>&amp;</i></p>'
    )
    assert tag("p", Markup('<b title="x">'), title=Markup('"')) == '<p title="&quot;"><b title="x"></p>'
    assert joined(["<", Markup("<hr>")]) == "&lt;<hr>"
    assert tag("input", checked=True, hidden=False, value=None) == "<input checked>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\tb", "a    b"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\ue000", "\\ue000"),
        ("naïve 错误 👩\u200d💻 ✅\ufe0f עברית", "naïve 错误 👩\u200d💻 ✅\ufe0f עברית"),
    ],
)
def test_what_is_not_seen_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_the_attacked_incident_is_still_searchable_by_what_it_says() -> None:
    assert "=cmd|' /C calc'!A0" in Page(as_html(alone(ATTACKED))).text


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root {(.*?)}", shipped("page.css"), re.S)
    light, dark, paper = (dict(re.findall(r"--([a-z]+): (#[0-9a-f]+)", block)) for block in blocks)
    return {"light": light, "dark": dark, "print": paper}


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", ["light", "dark", "print"])
def test_text_can_be_read_on_every_ground(name: str) -> None:
    colors = palettes()[name]
    grounds = {
        "card": "ink dim critical error warning info link good",
        "paper": "ink dim link",
        "well": "ink dim",
        "mark": "ink dim",
    }

    for ground, inks in grounds.items():
        for ink in inks.split():
            low, high = sorted((luminance(colors[ink]), luminance(colors[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {ground} ({name})"
