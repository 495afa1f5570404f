"""The capacity of nodes, and the placement of pods by the rules of the Kubernetes scheduler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

UNITS = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024}

# By instance type: millicores, and the MiB of memory that the kernel leaves.
CAPACITY = {"t3.medium": (2000, 3836), "m5.large": (2000, 7700)}
# Reservation of the node image: 6% of the first core and 1% of the second, 255 MiB, and 11 MiB for each of the 17
# pods that the instance type has addresses for (nodeadm ignores our maxPods). The kubelet evicts pods below 100 MiB.
KEPT_CPU, KEPT_MEMORY = 70, 255 + 11 * 17 + 100


class Need(NamedTuple):
    """The requests of a pod, in millicores and MiB."""

    name: str
    cpu: float
    memory: float


class Node(NamedTuple):
    """The free capacity of a node."""

    cpu: float
    memory: float
    pods: int


def cpu(quantity: Any) -> float:
    """Return millicores."""
    text = str(quantity)
    return float(text[:-1]) if text.endswith("m") else float(text) * 1000


def memory(quantity: Any) -> float:
    """Return MiB."""
    match = re.fullmatch(r"([0-9.]+)([KMG]i)", str(quantity))
    assert match, f"{quantity!r}: give memory in Ki, Mi or Gi"
    return float(match[1]) * UNITS[match[2]]


def need(name: str, *resources: dict[str, Any]) -> Need:
    """Return the requests of a pod with these containers."""
    return Need(
        name,
        sum(cpu(one["requests"]["cpu"]) for one in resources),
        sum(memory(one["requests"]["memory"]) for one in resources),
    )


def node(instance: str, pods: int) -> Node:
    """Return an empty node."""
    cores, mebibytes = CAPACITY[instance]
    return Node(cores - KEPT_CPU, mebibytes - KEPT_MEMORY, pods)


def placed(needs: Iterable[Need], nodes: Sequence[Node]) -> tuple[list[Node], list[Need]]:
    """Return the nodes after placement, and the pods that did not fit. Place the largest pod first, on the node with
    most free memory."""
    left, waiting = list(nodes), []
    for pod in sorted(needs, key=lambda one: (one.memory, one.cpu), reverse=True):
        fits = [
            place
            for place, node in enumerate(left)
            if node.cpu >= pod.cpu and node.memory >= pod.memory and node.pods >= 1
        ]
        if not fits:
            waiting.append(pod)
            continue
        best = max(fits, key=lambda place: left[place].memory)
        left[best] = Node(left[best].cpu - pod.cpu, left[best].memory - pod.memory, left[best].pods - 1)
    return left, waiting
