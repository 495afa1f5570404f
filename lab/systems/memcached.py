"""memcached with a session service."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from lab.causes import HANGS, NOT_RUNNING, PORT_TAKEN
from lab.rig import Rig
from lab.system import System

memcached = System("memcached", packages=("memcached",), service="memcached")
BOTH = ("memcached", "sessions")


def serve(rig: Rig, *options: str) -> None:
    """Start the cache and wait until it listens."""
    rig.spawn("memcached", "memcached", "-u", "memcache", "-l", "10.0.1.19", "-v", *options)
    rig.wait_port("memcached", 11211)


def sessions(rig: Rig, rounds: int, **env: str) -> None:
    rig.work("sessions", "cache_client.py", str(rounds), env=env)


@memcached.starts
def start(rig: Rig) -> None:
    serve(rig)


@memcached.loads
def load(rig: Rig) -> None:
    sessions(rig, 10)


@memcached.fault(
    "too-large", kind="request-too-large", what="sessions of 2 MB are stored, the item limit is 1 MB",
    cause="The value is larger than the item size limit.", accept=("large|size", "item|value|object|limit"),
    signal="object too large", affected=("sessions",), target="sessions",
)  # fmt: skip
def too_large(rig: Rig) -> Iterator[None]:
    sessions(rig, 6, SIZE="2000000")
    yield


@memcached.fault(
    "out-of-memory", kind="memory-limit", what="the cache may use 1 MB and may evict nothing",
    cause="The cache's memory is full and eviction is switched off.", accept=("memory", "full|limit|out of|exhaust"),
    signal="out of memory storing object", affected=BOTH, cold=True,
)  # fmt: skip
def out_of_memory(rig: Rig) -> Iterator[None]:
    serve(rig, "-m", "2", "-M")
    sessions(rig, 20, SIZE="300000")
    yield


@memcached.fault(
    "killed", kind="dependency-killed", what="memcached is killed with SIGKILL",
    cause="memcached is not running.", accept=NOT_RUNNING,
    signal="Connection refused", affected=BOTH,
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("memcached")
    sessions(rig, 8)
    yield
    serve(rig)


@memcached.fault(
    "paused", kind="dependency-paused", what="memcached is stopped with SIGSTOP",
    cause="memcached hangs and does not answer in time.", accept=HANGS,
    signal="timed out|TimeoutError", affected=BOTH,
)  # fmt: skip
def paused(rig: Rig) -> Iterator[None]:
    rig.kill("memcached", signal.SIGSTOP)
    sessions(rig, 3)
    yield
    rig.kill("memcached", signal.SIGCONT)


@memcached.fault(
    "port-taken", kind="port-taken", what="another process listens on port 11211",
    cause="Port 11211 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use|failed to listen", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    other = rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.19", "-p", "11211")
    rig.pause(0.4)
    for _ in range(3):
        rig.job("memcached", "memcached", "-u", "memcache", "-l", "10.0.1.19", "-v")
    yield
    other.kill()
    other.wait()
    serve(rig)


@memcached.fault(
    "user-missing", kind="user-missing", what="memcached is started for a user that does not exist",
    cause="The user that memcached shall run as does not exist.", accept=("user", "not exist|unknown|missing|can't find|no such"),
    signal="can't find the user", cold=True,
)  # fmt: skip
def user_missing(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        rig.job("memcached", "memcached", "-u", "cache", "-l", "10.0.1.19")
        rig.pause(0.2)
    yield
    serve(rig)


@memcached.healthy("load")
def busy(rig: Rig) -> None:
    sessions(rig, 120, PAUSE="0.01")
