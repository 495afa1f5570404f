"""A system of the lab: how it starts, what it does when all is well, and the faults that can be injected into it.

redis = System("redis", packages=("redis-server",), service="redis")

@redis.starts
def start(rig): ...

@redis.loads
def load(rig): ...                     # ordinary work, before the fault and after it was undone

@redis.fault("maxmemory", kind="memory-limit", what=..., cause=..., accept=(...,), signal=...)
def maxmemory(rig):
    ...                                # inject, and let the work show it
    yield
    ...                                # undo

@redis.healthy("restart", kind="restart")
def restart(rig): ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.rig import Rig

Act = Callable[[Rig], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a system. A cold fault starts the system itself, because it prevents the start or changes it."""

    name: str
    kind: str
    what: str
    cause: str
    accept: tuple[str, ...]
    signal: str
    target: str
    affected: tuple[str, ...]
    act: Act
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Healthy:
    """A run without a fault. A cold one starts the system itself."""

    name: str
    kind: str
    act: Act
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two independent faults at once. The second is injected while the first lasts."""

    name: str
    kind: str
    faults: tuple[Fault, Fault]
    cold: bool = False

    def act(self, rig: Rig) -> Iterator[None]:
        """Inject both, then undo both."""
        first, second = (fault.act(rig) for fault in self.faults)
        next(first)
        next(second)
        yield
        for acting in (second, first):
            next(acting, None)


Scene = Fault | Healthy | Pair


def nothing(rig: Rig) -> None:
    """Do nothing."""


@dataclass(slots=True)
class System:
    """A server with its faults and healthy runs. `packages` are Debian's."""

    name: str
    packages: tuple[str, ...]
    service: str
    start: Act = nothing
    load: Act = nothing
    faults: list[Fault] = field(default_factory=list)
    runs: list[Healthy] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def starts(self, act: Act) -> Act:
        """Set how the system starts."""
        self.start = act
        return act

    def loads(self, act: Act) -> Act:
        """Set what the system does when all is well."""
        self.load = act
        return act

    def fault(
        self,
        name: str,
        *,
        kind: str,
        what: str,
        cause: str,
        accept: tuple[str, ...] | str,
        signal: str,
        target: str = "",
        affected: tuple[str, ...] = (),
        cold: bool = False,
    ) -> Callable[[Act], Act]:
        """Add a fault. The decorated function injects it; what follows its `yield` undoes it."""

        def add(act: Act) -> Act:
            patterns = (accept,) if isinstance(accept, str) else accept
            place = target or self.service
            self.faults.append(
                Fault(name, kind, what, cause, patterns, signal, place, affected or (place,), act, cold)
            )
            return act

        return add

    def scenes(self) -> list[Scene]:
        """Return everything that can be recorded."""
        return [*self.faults, *self.pairs, *self.runs]

    def pair(self, first: str, second: str) -> None:
        """Add two independent faults at once, both defined before."""
        by_name = {fault.name: fault for fault in self.faults}
        self.pairs.append(Pair(f"{first}-and-{second}", "two-faults", (by_name[first], by_name[second])))

    def healthy(self, name: str, *, kind: str = "", cold: bool = False) -> Callable[[Act], Act]:
        """Add a healthy run."""

        def add(act: Act) -> Act:
            self.runs.append(Healthy(name, kind or name, act, cold))
            return act

        return add


def systems() -> Iterator[System]:
    """Yield all systems of `lab/systems`, by name."""
    import lab.systems

    for module in sorted(pkgutil.iter_modules(lab.systems.__path__), key=lambda module: module.name):
        loaded = importlib.import_module(f"lab.systems.{module.name}")
        yield from (value for value in vars(loaded).values() if isinstance(value, System))
