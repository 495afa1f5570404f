"""Grafana's values are pinned, allow no public access, and agree with the dashboards and Terraform's outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "eks_addons" / "grafana"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
INI: dict[str, dict[str, Any]] = VALUES["grafana.ini"]
DATA_SOURCES = {each["uid"]: each for each in VALUES["datasources"]["datasources.yaml"]["datasources"]}
(PROVIDER,) = VALUES["dashboardProviders"]["dashboardproviders.yaml"]["providers"]


def test_every_data_source_that_is_no_part_of_grafana_has_its_plugin_in_the_image() -> None:
    dockerfile = (FOLDER.parent / "images" / "grafana" / "Dockerfile").read_text()
    installed = set(re.findall(r"plugins install (\S+)", dockerfile))
    assert {each["type"] for each in DATA_SOURCES.values()} - {"cloudwatch"} == installed
    assert f"COPY --from=built /tmp/plugins {INI['paths']['plugins']}\n" in dockerfile


def test_no_start_asks_for_a_plugin() -> None:
    assert "plugins" not in VALUES
    assert INI["plugins"]["preinstall_disabled"] is True


def test_the_image_is_of_the_release_that_the_chart_is_made_for() -> None:
    chart = re.search(r"\(Grafana (\S+)\)", (FOLDER / "values.yaml").read_text())
    assert chart
    assert f"ARG GRAFANA={chart[1]}\n" in (FOLDER.parent / "images" / "grafana" / "Dockerfile").read_text()


def test_nobody_comes_in_without_a_password() -> None:
    assert INI["auth.anonymous"]["enabled"] is False
    assert INI["users"]["allow_sign_up"] is False
    assert VALUES["admin"]["existingSecret"] == "grafana-admin"
    assert "adminPassword" not in VALUES


def test_opensearch_is_asked_with_the_role_of_the_service_account() -> None:
    source = DATA_SOURCES["cali-opensearch"]["jsonData"]
    assert INI["auth"]["sigv4_auth_enabled"] is True
    assert source["sigV4Auth"] is True
    assert source["sigV4AuthType"] == DATA_SOURCES["cali-cloudwatch"]["jsonData"]["authType"] == "default"
    assert "default" in INI["aws"]["allowed_auth_providers"]
    assert not any("secureJsonData" in each for each in DATA_SOURCES.values())


def test_only_what_terraform_hands_over_is_taken_from_the_environment() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", yaml.safe_dump(VALUES["datasources"])))
    assert used == {"AWS_REGION", "OPENSEARCH_URL", "OPENSEARCH_INDEX"}


def test_dashboards_are_found_where_the_chart_mounts_them() -> None:
    (name,) = VALUES["dashboardsConfigMaps"]
    assert PROVIDER["name"] == name
    assert PROVIDER["options"]["path"] == f"/var/lib/grafana/dashboards/{name}"
    home = Path(INI["dashboards"]["default_home_dashboard_path"])
    assert str(home.parent) == PROVIDER["options"]["path"]
    assert (FOLDER / "dashboards" / home.name).exists()
