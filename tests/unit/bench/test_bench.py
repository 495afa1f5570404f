"""The benchmarks run on small input and report their figures."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from cali.bench import beside_drain3, throughput
from cali.cli.bench import command
from cali.core.errors import Misconfigured
from cali.simulator import ENVELOPES


def test_every_form_of_line_is_timed():
    paces = throughput.measure(lines=300, runs=1)

    assert [pace.form for pace in paces] == list(ENVELOPES)
    assert all(min(pace[1:]) > 0 for pace in paces)
    assert all(pace.lines_per_second == 1e6 / pace.whole for pace in paces)


def test_the_ratio_follows_from_both_rates():
    duel = beside_drain3.measure(messages=300, runs=1)

    assert 290 <= duel.messages <= 300  # a blank line is no message
    assert duel.ratio == duel.ours / duel.peer > 0


def test_a_missing_peer_is_one_clear_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "drain3", None)

    with pytest.raises(Misconfigured, match="drain3 is not installed"):
        beside_drain3.measure(messages=10, runs=1)


def test_the_command_prints_a_row_for_each_form():
    done = CliRunner().invoke(command, ["pipeline", "--lines", "200"])

    assert done.exit_code == 0
    assert [row.split()[0] for row in done.output.splitlines()[2:]] == list(ENVELOPES)
