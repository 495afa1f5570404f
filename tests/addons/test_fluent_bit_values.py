"""The chart's values agree with the configuration of Fluent Bit."""

from __future__ import annotations

from tests.addons.test_fluent_bit_config import SERVICE, TAIL, VALUES


def test_the_chart_mounts_and_starts_our_files() -> None:
    arguments = dict(each.removeprefix("--").split("=") for each in VALUES["args"])
    assert arguments["config"] == f"{arguments['workdir']}/fluent-bit.yaml"
    assert SERVICE["parsers_file"] == "parsers.conf"
    assert VALUES["existingConfigMap"] == "fluent-bit-config"


def test_the_logs_of_the_node_cannot_be_written() -> None:
    (logs,) = (each for each in VALUES["daemonSetVolumeMounts"] if each["mountPath"] == "/var/log")
    assert logs["readOnly"] is True
    assert TAIL["path"].startswith("/var/log/")
    assert VALUES["securityContext"]["readOnlyRootFilesystem"] is True


def test_every_volume_is_mounted() -> None:
    assert {each["name"] for each in VALUES["daemonSetVolumes"]} == {
        each["name"] for each in VALUES["daemonSetVolumeMounts"]
    }


def test_the_probes_ask_where_it_listens() -> None:
    assert VALUES["metricsPort"] == VALUES["service"]["port"] == SERVICE["http_port"]


def test_it_runs_on_spot_nodes_too() -> None:
    spot = {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    assert spot in VALUES["tolerations"]
