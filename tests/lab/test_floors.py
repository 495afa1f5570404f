"""The figures of the recordings in this repository stay above their floors. The floors only rise."""

from __future__ import annotations

from pathlib import Path

import pytest

from cali.cli import main

LAB = Path(__file__).parents[2] / "lab"


def test_no_figure_is_worse_than_its_floor(capsys):
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "bench",
                "quality",
                "--recordings",
                str(LAB / "recordings"),
                "--no-baselines",
                "--floors",
                str(LAB / "floors.json"),
            ]
        )
    assert ended.value.code == 0, capsys.readouterr().err
