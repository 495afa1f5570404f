"""The chart's values agree with the configuration that they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.addons.fluent_bit_format import read

FOLDER = Path(__file__).parents[2] / "eks_addons" / "fluent_bit"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
SERVICE, INPUT, *_ = read((FOLDER / "fluent-bit.conf").read_text())


def test_what_it_writes_lies_on_a_volume_of_the_node() -> None:
    writable = [each["mountPath"] for each in VALUES["daemonSetVolumeMounts"] if not each.get("readOnly")]
    for path in (SERVICE["storage.path"], INPUT["db"]):
        assert any(path.startswith(f"{folder}/") for folder in writable)
    assert VALUES["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_logs_of_the_node_cannot_be_written() -> None:
    (logs,) = (each for each in VALUES["daemonSetVolumeMounts"] if each["mountPath"] == "/var/log")
    assert logs["readOnly"] is True
    assert INPUT["path"].startswith("/var/log/")


def test_every_volume_is_mounted() -> None:
    assert {each["name"] for each in VALUES["daemonSetVolumes"]} == {
        each["name"] for each in VALUES["daemonSetVolumeMounts"]
    }


def test_parsers_are_those_beside_the_configuration() -> None:
    folder = next(each for each in VALUES["args"] if each.startswith("--workdir=")).partition("=")[2]
    config = next(each for each in VALUES["args"] if each.startswith("--config=")).partition("=")[2]
    assert config == f"{folder}/fluent-bit.conf"
    assert SERVICE["parsers_file"] == "parsers.conf"


def test_a_stopping_pod_has_the_time_that_the_engine_takes() -> None:
    assert VALUES["terminationGracePeriodSeconds"] > int(SERVICE["grace"])


def test_the_probes_ask_where_it_listens() -> None:
    assert VALUES["metricsPort"] == VALUES["service"]["port"] == int(SERVICE["http_port"])


def test_it_runs_on_spot_nodes_too() -> None:
    spot = {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    assert spot in VALUES["tolerations"]


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_it_has_requests_and_limits(kind: str) -> None:
    assert VALUES["resources"][kind].keys() == {"cpu", "memory"}


def test_buffers_fit_into_its_memory() -> None:
    mebibytes = int(SERVICE["storage.max_chunks_up"]) * 2 + 32 + 16 + 64
    assert mebibytes < int(VALUES["resources"]["limits"]["memory"].removesuffix("Mi"))
