"""The pods of a run, and the lines that they write."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import orjson

from cali.simulator.phrase import suffix
from cali.simulator.scenario import Service

_NODES = ("ip-10-0-1-84", "ip-10-0-2-17", "ip-10-0-3-202")


@dataclass(frozen=True, slots=True, eq=False)
class Pod:
    """A running pod. `metadata` is its `kubernetes` object as Fluent Bit writes it."""

    name: str
    namespace: str
    workload: str
    container: str
    node: str
    per_node: bool
    metadata: str


class SimulatedLine(NamedTuple):
    """A line as the application wrote it. `fault` is the id of the fault that caused it, or None for a healthy line."""

    time: float
    text: str
    pod: Pod
    stream: str
    fault: str | None


def pods(service: Service, rng: Random) -> tuple[Pod, ...]:
    """Return the pods of a service, with the names that its kind of workload gives them."""
    revision = suffix(rng, 10)
    return tuple(
        _pod(service, _name(service, revision, number, rng), _node(service, number, rng), revision, rng)
        for number in range(service.replicas)
    )


def _name(service: Service, revision: str, number: int, rng: Random) -> str:
    if service.pods_are == "statefulset":
        return f"{service.workload}-{number}"
    if service.pods_are == "daemonset":
        return f"{service.workload}-{suffix(rng, 5)}"
    return f"{service.workload}-{revision}-{suffix(rng, 5)}"


def _node(service: Service, number: int, rng: Random) -> str:
    node = _NODES[number % len(_NODES)] if service.pods_are == "daemonset" else rng.choice(_NODES)
    return f"{node}.eu-central-1.compute.internal"


def _pod(service: Service, name: str, node: str, revision: str, rng: Random) -> Pod:
    labels = {"app": service.workload, "app.kubernetes.io/name": service.workload}
    if service.pods_are == "deployment":
        labels["pod-template-hash"] = revision
    metadata = {
        "pod_name": name,
        "namespace_name": service.namespace,
        "pod_id": f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}-a{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}",
        "labels": labels,
        "host": node,
        "container_name": service.container,
        "container_image": service.image,
    }
    return Pod(
        name,
        service.namespace,
        service.workload,
        service.container,
        node,
        service.pods_are == "daemonset",
        orjson.dumps(metadata).decode(),
    )
