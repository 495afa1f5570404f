"""Every alarm has a runbook."""

from __future__ import annotations

import re

from tests.infrastructure.conftest import ROOT

DOCS = ROOT.parent / "docs"


def alarms(resources):
    return [one.values for one in resources if one.type == "aws_cloudwatch_metric_alarm"]


def test_each_alarm_has_its_runbook(resources):
    # Given the headings under "Alarms"
    text = (DOCS / "operations.md").read_text()
    headings = set(
        re.findall(r"^### (\S+)$", text.partition("\n## Alarms\n")[2].partition("\n## ")[0], re.MULTILINE)
    )

    # When each alarm names its heading
    named = {
        alarm["alarm_name"]: re.search(r"docs/operations\.md, (\S+)\.$", alarm["alarm_description"])
        for alarm in alarms(resources)
    }

    # Then the heading exists, and no runbook is left over
    assert {match.group(1) for match in named.values() if match} == headings
    assert all(named.values())


def test_an_alarm_says_what_it_means(resources):
    for alarm in alarms(resources):
        assert len(alarm["alarm_description"].partition(" See docs")[0]) > 15


def test_nothing_that_is_not_sent_wakes_anybody(resources):
    # Given metrics that are sent only when there is a value
    assert {alarm["treat_missing_data"] for alarm in alarms(resources)} == {"notBreaching"}


def test_links_between_the_guides_lead_somewhere():
    for name in ("operations.md", "recovery.md", "access.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", (DOCS / name).read_text()):
            assert (DOCS / target).exists(), f"{name}: {target}"


def test_the_guide_states_the_cost_that_is_computed(planned):
    from cali_ops.cost import lines, resources_in
    from cali_ops.cost_table import total
    from cali_ops.priced import load_prices, load_volume

    text = " ".join((DOCS / "operations.md").read_text().split())
    said = re.search(
        r"it is about \$(\d+) a day, .*? ten times the lines about \$(\d+), at a hundred times about \$(\d+)",
        text,
    )
    assert said
    for factor, dollars in zip((1, 10, 100), said.groups(), strict=True):
        computed = total(lines(resources_in(planned), load_volume().times(factor), load_prices(), 5.0))
        assert round(computed) == int(dollars)
