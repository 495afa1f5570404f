"""The keys of a chart's own values, stored in keys/. Each line is a map and its keys. `*` follows a key whose value
is an empty map, a list or nothing, so users may fill it.

    helm show values REPOSITORY/CHART --version V | python -m tests.addons.keys "CHART V" > tests/addons/keys/CHART.txt
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("keys")
# Keys that are only in comments of a chart's values.yaml, belong to a dependency, or are passed to Kubernetes
# unchanged.
ELSEWHERE = {
    "airflow": {
        "config.*",  # airflow.cfg, section by section
        "dags.gitSync.credentialsSecret",  # this key and the next are in comments
        "dags.gitSync.emptyDirConfig",
        "dags.gitSync.emptyDirConfig.*",
        "logs.emptyDirConfig",
        "logs.emptyDirConfig.*",
        "postgresql.*",  # another chart, a dependency of this one
    },
    "cluster-autoscaler": {  # options of the program, listed in comments
        "extraArgs.balance-similar-node-groups",
        "extraArgs.expander",
        "extraArgs.scale-down-unneeded-time",
        "extraArgs.skip-nodes-with-local-storage",
        "extraArgs.skip-nodes-with-system-pods",
    },
    # Probes are passed to the pod unchanged; the policy's peers are in comments.
    "fluent-bit": {"livenessProbe.*", "networkPolicy.ingress", "networkPolicy.ingress.*", "readinessProbe.*"},
    "grafana": {
        "containerSecurityContext.*",  # passed to the container unchanged
        "grafana.ini.*",  # Grafana's own configuration, section by section
        "podAnnotations",  # these two keys are in comments
        "podAnnotations.*",
        "serviceAccount.annotations",
        "serviceAccount.annotations.*",
    },
    # The chart's README, "standalone mode with embedded ETCD and local storage", names this configuration for a setup
    # without MinIO.
    "milvus": {"minio.tls", "minio.tls.enabled"},
}


def maps(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Return the lines of an extract."""
    names = [f"{key}*" if value is None or value == {} or isinstance(value, list) else key for key, value in values.items()]  # fmt: skip
    yield f"{above}: {' '.join(sorted(names))}"
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            yield from maps(value, f"{above}.{key}".lstrip("."))


def known(chart: str) -> frozenset[str]:
    """Return the paths in the extract of a chart. `.*` stands for anything below an open key."""
    found = set(ELSEWHERE.get(chart, ()))
    for line in (FOLDER / f"{chart}.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            above, _, names = line.partition(":")
            for name in names.split():
                path = f"{above}.{name.rstrip('*')}".lstrip(".")
                found |= {path, f"{path}.*"} if name.endswith("*") else {path}
    return frozenset(found)


def version(chart: str) -> str:
    """Return the version of the chart in the extract."""
    first = (FOLDER / f"{chart}.txt").read_text("utf-8").splitlines()[0]
    return first.split()[2]


def unknown(values: Mapping[str, Any], allowed: frozenset[str], above: str = "") -> Iterator[str]:
    """Return the paths that we set and the chart does not have."""
    for key, value in values.items():
        path = f"{above}{key}"
        if f"{above.rstrip('.')}.*" in allowed:
            return
        if path not in allowed:
            yield path
        elif isinstance(value, Mapping):
            yield from unknown(value, allowed, f"{path}.")


if __name__ == "__main__":
    sys.stdout.write(f"# {sys.argv[1]}: made by tests/addons/keys.py\n")
    sys.stdout.writelines(f"{line}\n" for line in maps(yaml.safe_load(sys.stdin)))
