from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from rich.cells import cell_len

from cali.core.models import Diagnosis, Evidence, Hit, Incident, Origin, Severity
from cali.report import Analysis, Summary
from cali.report.terminal import SCREEN, as_screen, as_text, one_line
from tests.unit.report.shop import (
    ATTACKED,
    CONNECTIONS,
    END_IDLE,
    HOSTILE,
    LEDGER,
    POOL,
    QUIET,
    RATES,
    SHOP,
    SUMMARY,
    group,
    incident,
    unknown,
)

SGR = re.compile(r"\x1b\[[0-9;]*m")


def alone(*incidents: Incident) -> Analysis:
    return Analysis(Summary(10, 10, 2), tuple(map(group, incidents)))


def flat(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


def test_the_first_line_is_the_verdict() -> None:
    assert as_text(SHOP).splitlines()[0] == (
        "5 incidents in 20,431 lines (3 explained, 2 unknown), worst: critical"
    )


def test_one_incident_is_spoken_of_in_the_singular() -> None:
    assert as_text(alone(LEDGER)).splitlines()[0] == "1 incident in 10 lines (1 unknown), worst: error"


def test_a_log_without_incidents_is_one_calm_line() -> None:
    assert as_text(QUIET) == "No incidents in 1,204 lines.\n"


def test_lines_that_could_not_be_read_are_told_even_when_all_is_well() -> None:
    summary = replace(
        QUIET.summary, quarantined=2, quarantine=(Evidence(7, "not text"), Evidence(9, "not text"))
    )

    assert (
        as_text(Analysis(summary)).splitlines()[1] == "Quarantined as unreadable: 2 lines: not text (line 7)"
    )


def test_an_explained_incident_tells_what_where_when_why_and_what_to_do() -> None:
    text = flat(as_text(alone(CONNECTIONS)))

    for told in (
        "1 CRITICAL FATAL: sorry, too many clients already",
        "where prod/shop/postgres",
        "seen 412 times in 11 min 11 s, in a burst, 2026-11-20 02:31:07 to 02:42:18 UTC",
        "cause PostgreSQL has reached max_connections",
        "fix 1. See who holds them:",
        "4. Check what scaled out: `kubectl -n shop rollout history deploy/orders`",
        "confidence high (0.93), known error postgres-too-many-clients",
        'evidence 10,233 2026-11-20 02:31:07.412 UTC [4821] shop@shop FATAL: sorry, too many clients already pool_size=40 app="orders"',
    ):
        assert told in text


def test_a_command_is_never_broken_so_that_it_runs_when_copied() -> None:
    rows = [row.strip() for row in as_text(SHOP).splitlines()]

    assert END_IDLE in rows


def test_the_other_findings_stand_below_the_root_with_the_reason() -> None:
    text = as_text(SHOP)

    root, then, after = text.index("FATAL: sorry"), text.index("with  "), text.index("Memory cgroup")
    assert root < then < text.index("HikariPool-1") < text.index("upstream timed out") < after
    assert text.count("upstream timed out") == 1
    assert "names postgres" in text


def test_many_findings_are_counted() -> None:
    crowd = [replace(POOL, id=f"p{number}") for number in range(40)]

    assert "and 28 more" in as_text(Analysis(SUMMARY, (group(CONNECTIONS, *crowd),)))


def test_unknown_is_said_plainly_with_what_was_closest_and_how_to_teach_it() -> None:
    text = flat(as_text(alone(LEDGER)))

    assert "Cause unknown: not in the knowledge base, and no model is configured." in text
    assert "Nearest known errors (no match): payments-idempotency (0.34), mysql-deadlock (0.22)" in text
    assert "`cali kb add FILE.yaml`" in text
    assert "15,502 ERROR ledger drift" in text
    assert "confidence" not in text


def test_evidence_is_read_in_the_order_of_the_log() -> None:
    text = as_text(alone(RATES))

    assert text.index("12,004 |") < text.index("12,010 |")


def test_what_a_model_says_is_told_from_what_is_known() -> None:
    assert (
        "confidence fair (0.52), the model's reading of these lines (gpt-4.1-mini): check before you act"
    ) in flat(as_text(alone(RATES)))


@pytest.mark.parametrize(
    ("value", "word"), [(0.97, "high"), (0.85, "high"), (0.7, "good"), (0.5, "fair"), (0.3, "low")]
)
def test_confidence_is_a_word_and_a_number(value: float, word: str) -> None:
    sure = Diagnosis(Origin.KNOWLEDGE, (Evidence(1, "x"),), "why", (), value, (Hit("entry", 0.9),))

    assert f"{word} ({value:.2f}), known error entry" in as_text(alone(incident("k", "x", diagnosis=sure)))


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [60, 100])
def test_no_row_is_wider_than_the_terminal_but_a_whole_command(width: int, color: bool) -> None:
    for row in as_text(SHOP, color=color, width=width).splitlines():
        plain = SGR.sub("", row)
        assert cell_len(plain) <= width or plain.strip().startswith(("SELECT", "kubectl"))


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in as_text(SHOP)


def test_colour_changes_nothing_but_colour() -> None:
    colored = as_text(SHOP, color=True)

    assert "\x1b[1;37;41mCRITICAL\x1b[0m" in colored
    assert SGR.sub("", colored) == as_text(SHOP)


@pytest.mark.parametrize("color", [False, True])
def test_hostile_lines_do_nothing_in_a_terminal(color: bool) -> None:
    text = as_text(SHOP, color=color) + one_line(ATTACKED, color=color)

    left = SGR.sub("", text).replace("\n", "")
    assert {unicodedata.category(c) for c in left} & {"Cc", "Cs", "Co"} == set()
    assert not set("\u202e\u2066\u200b") & set(left)
    assert "\\x1b[2J" in left
    assert "abc\\u202egpj.exe" in left


def test_markup_in_a_log_is_text() -> None:
    for color in (False, True):
        text = SGR.sub("", as_text(alone(ATTACKED), color=color))
        assert "[bold red]markup[/bold red]" in text
        assert "prod/shop/search<script>/[red]api[/red]" in text
    assert "]8;" not in as_text(alone(ATTACKED), color=True)


def test_a_very_long_line_of_evidence_is_cut_with_a_word() -> None:
    long = incident("k", "x", diagnosis=unknown("new", (Evidence(5, "word " * 400),)))

    assert re.search(r"… 1,\d\d\d more characters", as_text(alone(long)))


def test_a_log_without_times_or_scopes_leaves_them_out() -> None:
    text = as_text(alone(incident("k", "boom", after=None, count=3)))

    assert "where" not in text
    assert "  seen        3 times\n" in text


def test_what_was_spent_and_set_aside_is_told_at_the_end() -> None:
    text = flat(as_text(SHOP))

    assert "Quarantined as unreadable: 3 lines: not text: 61% of it are control characters (line 77)" in text
    assert "1 model call, $0.0006" in text
    assert "49,590 lines a second" in text


def test_without_a_model_nothing_is_said_of_cost() -> None:
    assert "model call" not in as_text(Analysis(replace(SUMMARY, spend=None), (group(LEDGER),)))


def test_one_line_for_a_stream() -> None:
    assert one_line(CONNECTIONS) == (
        "02:31:07 CRITICAL prod/shop/postgres  FATAL: sorry, too many clients already  x412"
        "  -> PostgreSQL has reached max_connections: more sessions are open than the server allows."
        " [high (0.93), known error postgres-too-many-clients]"
    )
    assert one_line(LEDGER).endswith("x3  -> cause unknown")
    for item in SHOP.findings:
        assert "\n" not in one_line(item)


def test_every_severity_can_be_shown() -> None:
    for severity in Severity:
        assert severity.label.upper() in one_line(incident("k", "x", severity))
    assert len(HOSTILE) > 700


def test_a_screen_has_a_line_per_incident_then_the_details_that_fit() -> None:
    crowd = tuple(group(replace(CONNECTIONS, id=f"c{number}")) for number in range(25))

    rows = as_screen(Analysis(SUMMARY, crowd)).splitlines()

    assert len(rows) <= SCREEN
    assert sum("sorry, too many clients already" in row and "x412" in row for row in rows) == 25
    assert "of 25 incidents. All: --all; the first N: --top N." in rows[-1]


def test_details_of_as_many_as_asked_for() -> None:
    for top in (0, 1, 3, len(SHOP.incidents)):
        assert as_screen(SHOP, top=top).count("  evidence    ") == top


def test_many_incidents_are_counted_in_the_overview() -> None:
    crowd = tuple(group(replace(CONNECTIONS, id=f"c{number}")) for number in range(200))

    assert "and 170 more incidents" in as_screen(Analysis(SUMMARY, crowd))
    assert len(as_screen(Analysis(SUMMARY, crowd)).splitlines()) <= SCREEN
