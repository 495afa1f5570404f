"""The keys that a chart's own values have, kept in keys/ as an extract: a map and its keys a line, `*` behind a key for which
the chart leaves a map, a list or nothing to be filled.

    helm show values REPOSITORY/CHART --version V | python -m tests.addons.keys "CHART V" > tests/addons/keys/CHART.txt
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("keys")
# Keys that a chart's values.yaml has in comments alone, or leaves to a dependency, or hands on to Kubernetes as they are.
ELSEWHERE = {
    "airflow": {
        "config.*",  # airflow.cfg, section by section
        "dags.gitSync.credentialsSecret",  # this and the next are in comments
        "dags.gitSync.emptyDirConfig",
        "dags.gitSync.emptyDirConfig.*",
        "logs.emptyDirConfig",
        "logs.emptyDirConfig.*",
        "postgresql.*",  # another chart, which this one brings
    },
    "cluster-autoscaler": {  # options of the program, listed in comments
        "extraArgs.balance-similar-node-groups",
        "extraArgs.expander",
        "extraArgs.scale-down-unneeded-time",
        "extraArgs.skip-nodes-with-local-storage",
        "extraArgs.skip-nodes-with-system-pods",
    },
    # Probes go into the pod as they are; the policy's peers are in comments.
    "fluent-bit": {"livenessProbe.*", "networkPolicy.ingress", "networkPolicy.ingress.*", "readinessProbe.*"},
    "grafana": {
        "containerSecurityContext.*",  # goes into the container as it is
        "grafana.ini.*",  # Grafana's own configuration, section by section
        "podAnnotations",  # these two are in comments
        "podAnnotations.*",
        "serviceAccount.annotations",
        "serviceAccount.annotations.*",
    },
    # The chart's README, "standalone mode with embedded ETCD and local storage": its configuration asks for it without MinIO.
    "milvus": {"minio.tls", "minio.tls.enabled"},
}


def maps(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The lines of an extract."""
    names = [f"{key}*" if value is None or value == {} or isinstance(value, list) else key for key, value in values.items()]  # fmt: skip
    yield f"{above}: {' '.join(sorted(names))}"
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            yield from maps(value, f"{above}.{key}".lstrip("."))


def known(chart: str) -> frozenset[str]:
    """The paths of the kept extract of a chart, and below what it leaves open `.*`."""
    found = set(ELSEWHERE.get(chart, ()))
    for line in (FOLDER / f"{chart}.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            above, _, names = line.partition(":")
            for name in names.split():
                path = f"{above}.{name.rstrip('*')}".lstrip(".")
                found |= {path, f"{path}.*"} if name.endswith("*") else {path}
    return frozenset(found)


def version(chart: str) -> str:
    """The version that the extract was made of."""
    first = (FOLDER / f"{chart}.txt").read_text("utf-8").splitlines()[0]
    return first.split()[2]


def unknown(values: Mapping[str, Any], allowed: frozenset[str], above: str = "") -> Iterator[str]:
    """The paths that we set and the chart does not have."""
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
