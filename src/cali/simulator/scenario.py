"""Scenarios as data: services with their healthy messages, and faults with the messages that they cause.

A scenario file names services and faults. Each name is a file under `services/` or `faults/`.
Every text is a phrase (`phrase.py`): literal text with values in braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cali.core.errors import Misconfigured
from cali.simulator.datafile import DataModel, data_file, read


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class LineEntry(DataModel):
    """A message in a file. `in` is the service that writes it, `form` its form in the file of that service."""

    in_: str = Field("", alias="in")
    w: float = Field(1.0, ge=0)
    form: str = ""
    text: str
    fields: str = ""
    stream: Literal["stdout", "stderr"] = "stdout"


class ServiceFile(DataModel):
    """A file under `services/`. `forms` are the frames of its lines, which place time, level and text."""

    namespace: str
    container: str = ""
    pods: Literal["deployment", "statefulset", "daemonset"]
    replicas: int = Field(ge=1)
    share: float = Field(ge=0)
    image: str
    forms: dict[str, str] = Field(default_factory=dict)
    lines: list[LineEntry] = Field(min_length=1)


class FaultFile(DataModel):
    """A file under `faults/`."""

    service: str
    known: bool
    cause_any: list[Pattern]
    markers: list[Pattern]
    one_pod: bool = False
    first: list[LineEntry] = Field(default_factory=list)
    says: list[LineEntry] = Field(min_length=1)
    last: list[LineEntry] = Field(default_factory=list)


class ServiceUse(DataModel):
    """A service in a scenario file. Its values override those of the service's file."""

    use: str
    replicas: int | None = Field(None, ge=1)
    share: float | None = Field(None, ge=0)
    namespace: str = ""


class FaultEntry(DataModel):
    """A fault in a scenario file; see PlantedFault."""

    id: str
    kind: str
    at: float = Field(ge=0)
    lasts: float = Field(ge=0)
    rate: float = Field(ge=0.001)
    root: str = ""


class ScenarioFile(DataModel):
    """A file under `scenarios/`."""

    name: str
    lines: int = Field(ge=1, lt=10**15)
    seconds: float = Field(ge=0.001, lt=1e15)
    services: list[ServiceUse] = Field(min_length=1)
    faults: list[FaultEntry] = Field(default_factory=list)


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
    file = read(path, ScenarioFile)
    services = {}
    for place, use in enumerate(file.services):
        if use.use in services:
            raise Misconfigured(f"{path}: service {use.use!r} is listed twice")
        services[use.use] = _service(use, f"{path}: services[{place}]")
    faults = tuple(
        _fault(entry, services, f"{path}: faults[{place}]") for place, entry in enumerate(file.faults)
    )
    _roots_hold(faults, path)
    return Scenario(file.name, file.lines, file.seconds, tuple(services.values()), faults)


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


def _service(use: ServiceUse, where: str) -> Service:
    file = _service_file(use.use, where)
    return Service(
        name=use.use,
        namespace=use.namespace or file.namespace,
        workload=use.use,
        container=file.container or use.use,
        pods_are=file.pods,
        replicas=use.replicas or file.replicas,
        share=file.share if use.share is None else use.share,
        image=file.image,
        lines=tuple(_phrase(line, use.use, where) for line in file.lines),
    )


def _fault(entry: FaultEntry, services: Collection[str], where: str) -> PlantedFault:
    if entry.at + entry.lasts > 1:
        raise Misconfigured(
            f"{where}: at + lasts is {entry.at + entry.lasts:g}; it must be at most 1, the end of the run"
        )
    file = read(data_file("faults", entry.kind, where), FaultFile)
    place = f"{where}: kind {entry.kind!r}"
    lines = (*file.first, *file.says, *file.last)
    for name in (file.service, *(line.in_ for line in lines if line.in_)):
        if name not in services:
            raise Misconfigured(f"{place} needs the service {name!r}, which the scenario does not list")

    def phrases(lines: Iterable[LineEntry]) -> tuple[WeightedPhrase, ...]:
        return tuple(_phrase(line, line.in_ or file.service, place) for line in lines)

    kind = FaultKind(
        name=entry.kind,
        service=file.service,
        known=file.known,
        cause_any=tuple(file.cause_any),
        markers=tuple(file.markers),
        one_pod=file.one_pod,
        first=phrases(file.first),
        says=phrases(file.says),
        last=phrases(file.last),
    )
    return PlantedFault(entry.id, kind, entry.at, entry.lasts, entry.rate, entry.root or None)


def _service_file(name: str, where: str) -> ServiceFile:
    return read(data_file("services", name, where), ServiceFile)


def _phrase(line: LineEntry, service: str, where: str) -> WeightedPhrase:
    """Return a line within its form. Within a JSON form, the text is escaped as a JSON string."""
    text, forms = line.text, _service_file(service, where).forms
    if line.form:
        if line.form not in forms:
            raise Misconfigured(f"{where}: unknown form {line.form!r}; use one of {', '.join(forms)}")
        form = forms[line.form]
        if form.startswith('{"'):
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        text = form.replace("$fields", line.fields).replace("$text", text)
    return WeightedPhrase(service, line.w, text, line.stream)


def _roots_hold(faults: tuple[PlantedFault, ...], path: Path) -> None:
    starts: dict[str, float] = {}
    for fault in faults:
        if fault.id in starts:
            raise Misconfigured(f"{path}: fault {fault.id!r} is listed twice")
        starts[fault.id] = fault.at
    for fault in faults:
        if fault.root is None:
            continue
        if fault.root not in starts or fault.root == fault.id:
            raise Misconfigured(
                f"{path}: fault {fault.id!r} names the root {fault.root!r}, which is not another fault"
            )
        if starts[fault.root] >= fault.at:
            raise Misconfigured(f"{path}: fault {fault.id!r} must start after its root {fault.root!r}")
