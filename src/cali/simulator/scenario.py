"""Scenarios as data: services with their healthy messages, and faults with the messages that they cause.

A scenario file names services and faults. Each name is a file under `services/` or `faults/`.
Every text is a phrase (`phrase.py`): literal text with values in braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cali.core.errors import Misconfigured
from cali.simulator.datafile import Node, data_file, read

POD_KINDS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class WeightedPhrase:
    """A message of a service: its phrase, its weight among the other messages, and its stream."""

    service: str
    weight: float
    text: str
    stream: str = "stdout"


@dataclass(frozen=True, slots=True)
class Service:
    """A workload of the fleet. `share` is its relative share of the healthy lines."""

    name: str
    namespace: str
    workload: str
    container: str
    pods_are: str
    replicas: int
    share: float
    image: str
    lines: tuple[WeightedPhrase, ...]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault: the messages at its start, during it and at its end, and its explanation.

    With `one_pod`, only a single pod of the service writes the messages.
    """

    name: str
    service: str
    known: bool
    cause_any: tuple[str, ...]
    markers: tuple[str, ...]
    one_pod: bool
    first: tuple[WeightedPhrase, ...]
    says: tuple[WeightedPhrase, ...]
    last: tuple[WeightedPhrase, ...]


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A fault at a place in the run.

    `at` and `lasts` are fractions of the run. `rate` is the number of messages per 1,000 lines while it lasts. `root` is
    the fault that caused it.
    """

    id: str
    kind: FaultKind
    at: float
    lasts: float
    rate: float
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fleet and its faults. `lines` and `seconds` are the default size of a run."""

    name: str
    lines: int
    seconds: float
    services: tuple[Service, ...]
    faults: tuple[PlantedFault, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about a planted fault. `start` is a fraction of the run."""

    id: str
    kind: str
    namespace: str
    workload: str
    start: float
    known: bool
    cause_any: tuple[str, ...]
    markers: tuple[str, ...]
    root: str | None


def load_scenario(path_or_name: str | Path) -> Scenario:
    """Load a scenario from a file, or a shipped scenario by its name. Raise Misconfigured, with the place, if it is invalid."""
    path = Path(path_or_name)
    if not path.suffix:
        path = data_file("scenarios", str(path_or_name), str(path_or_name))
    node = read(path)
    node.only("name", "lines", "seconds", "services", "faults")
    services = tuple(_service(entry) for entry in node.nodes("services"))
    _no_doubles((service.name for service in services), "service", node)
    by_name = {service.name: service for service in services}
    faults = tuple(_fault(entry, by_name) for entry in node.nodes("faults", needed=False))
    _no_doubles((fault.id for fault in faults), "fault", node)
    _roots_hold(faults, node)
    return Scenario(
        name=node.text("name"),
        lines=node.whole("lines", least=1),
        seconds=node.number("seconds", least=0.001),
        services=services,
        faults=faults,
    )


def truth(scenario: Scenario) -> tuple[Truth, ...]:
    """Return the correct result of an analysis, fault by fault."""
    places = {service.name: service for service in scenario.services}
    return tuple(
        Truth(
            id=fault.id,
            kind=fault.kind.name,
            namespace=places[fault.kind.service].namespace,
            workload=places[fault.kind.service].workload,
            start=fault.at,
            known=fault.kind.known,
            cause_any=fault.kind.cause_any,
            markers=fault.kind.markers,
            root=fault.root,
        )
        for fault in scenario.faults
    )


def _service(entry: Node) -> Service:
    entry.only("use", "replicas", "share", "namespace")
    name = entry.text("use")
    node = read(data_file("services", name, entry.where))
    node.only("namespace", "container", "pods", "replicas", "share", "image", "forms", "lines")
    forms = node.forms()
    return Service(
        name=name,
        namespace=entry.text("namespace", node.text("namespace")),
        workload=name,
        container=node.text("container", name),
        pods_are=node.one_of("pods", POD_KINDS),
        replicas=entry.whole("replicas", least=1, default=node.whole("replicas", least=1)),
        share=entry.number("share", least=0.0, default=node.number("share", least=0.0)),
        image=node.text("image"),
        lines=tuple(_say(line, name, forms) for line in node.nodes("lines")),
    )


def _fault(entry: Node, services: Mapping[str, Service]) -> PlantedFault:
    entry.only("id", "kind", "at", "lasts", "rate", "root")
    at = entry.number("at", least=0.0)
    lasts = entry.number("lasts", least=0.0)
    if at + lasts > 1:
        raise Misconfigured(
            f"{entry.where}: at + lasts is {at + lasts:g}; it must be at most 1, the end of the run"
        )
    return PlantedFault(
        id=entry.text("id"),
        kind=_kind(entry.text("kind"), entry, services),
        at=at,
        lasts=lasts,
        rate=entry.number("rate", least=0.001),
        root=entry.text("root", "") or None,
    )


def _kind(name: str, entry: Node, services: Mapping[str, Service]) -> FaultKind:
    node = read(data_file("faults", name, entry.where))
    node.only("service", "known", "cause_any", "markers", "one_pod", "first", "says", "last")
    service = node.text("service")
    asked = f"{entry.where}: kind {name!r}"
    if service not in services:
        raise Misconfigured(f"{asked} needs the service {service!r}, which the scenario does not list")

    def spoken(key: str, *, needed: bool) -> tuple[WeightedPhrase, ...]:
        return tuple(_fault_say(line, service, services, asked) for line in node.nodes(key, needed=needed))

    kind = FaultKind(
        name=name,
        service=service,
        known=node.flag("known"),
        cause_any=node.texts("cause_any"),
        markers=node.texts("markers"),
        one_pod=node.flag("one_pod", default=False),
        first=spoken("first", needed=False),
        says=spoken("says", needed=True),
        last=spoken("last", needed=False),
    )
    for pattern in (*kind.cause_any, *kind.markers):
        try:
            re.compile(pattern)
        except re.error as error:
            raise Misconfigured(f"{node.where}: {pattern!r} is not a regular expression: {error}") from None
    return kind


def _fault_say(line: Node, default: str, services: Mapping[str, Service], asked: str) -> WeightedPhrase:
    name = line.text("in", default)
    if name not in services:
        raise Misconfigured(f"{asked} needs the service {name!r}, which the scenario does not list")
    return _say(line, name, read(data_file("services", name, line.where)).forms())


def _say(line: Node, service: str, forms: Mapping[str, str]) -> WeightedPhrase:
    line.only("in", "w", "form", "text", "fields", "stream")
    return WeightedPhrase(
        service=service,
        weight=line.number("w", least=0.0, default=1.0),
        text=line.phrase(forms),
        stream=line.one_of("stream", ("stdout", "stderr"), "stdout"),
    )


def _no_doubles(names: Iterable[str], what: str, node: Node) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Misconfigured(f"{node.where}: {what} {name!r} is listed twice")
        seen.add(name)


def _roots_hold(faults: tuple[PlantedFault, ...], node: Node) -> None:
    starts = {fault.id: fault.at for fault in faults}
    for fault in faults:
        if fault.root is None:
            continue
        if fault.root not in starts or fault.root == fault.id:
            raise Misconfigured(
                f"{node.where}: fault {fault.id!r} names the root {fault.root!r}, which is not another fault"
            )
        if starts[fault.root] >= fault.at:
            raise Misconfigured(f"{node.where}: fault {fault.id!r} must start after its root {fault.root!r}")
