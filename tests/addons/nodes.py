"""How much a node has for pods, and whether pods fit: what Kubernetes' scheduler would be able to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

UNITS = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024}

# By instance type: millicores, and MiB that the kernel leaves of the memory.
CAPACITY = {"t3.medium": (2000, 3836), "m5.large": (2000, 7700)}
# What the node image keeps: 6% of the first core and 1% of the second; 255 MiB and 11 for each of the 17 pods that the
# instance type has addresses for (nodeadm does not look at our maxPods), and 100 below which the kubelet evicts.
KEPT_CPU, KEPT_MEMORY = 70, 255 + 11 * 17 + 100


class Need(NamedTuple):
    """What a pod asks for, in millicores and MiB."""

    name: str
    cpu: float
    memory: float


class Node(NamedTuple):
    """What a node has left for pods."""

    cpu: float
    memory: float
    pods: int


def cpu(quantity: Any) -> float:
    """Millicores."""
    text = str(quantity)
    return float(text[:-1]) if text.endswith("m") else float(text) * 1000


def memory(quantity: Any) -> float:
    """MiB."""
    match = re.fullmatch(r"([0-9.]+)([KMG]i)", str(quantity))
    assert match, f"{quantity!r}: give memory in Ki, Mi or Gi"
    return float(match[1]) * UNITS[match[2]]


def need(name: str, *resources: dict[str, Any]) -> Need:
    """What a pod of these containers asks for."""
    return Need(
        name,
        sum(cpu(one["requests"]["cpu"]) for one in resources),
        sum(memory(one["requests"]["memory"]) for one in resources),
    )


def node(instance: str, pods: int) -> Node:
    """An empty node."""
    cores, mebibytes = CAPACITY[instance]
    return Node(cores - KEPT_CPU, mebibytes - KEPT_MEMORY, pods)


def placed(needs: Iterable[Need], nodes: Sequence[Node]) -> tuple[list[Node], list[Need]]:
    """What is left of the nodes, and what found no place: the largest first, each where most memory is left."""
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
