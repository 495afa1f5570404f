"""Redis with a cart service that stores in it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, HANGS, NOT_RUNNING, PORT_TAKEN
from lab.rig import Rig
from lab.system import System

redis = System("redis", packages=("redis-server", "redis-tools", "python3-redis"), service="redis")
DATA = "/var/lib/redis"
BOTH = ("redis", "cart")


def serve(rig: Rig, *options: str, size: str = "64m") -> None:
    """Start the server with options of its configuration and wait until it answers."""
    if not Path(DATA).is_mount():
        rig.folder(DATA, "redis", size)
    before = len(rig.lines)
    launch(rig, *options)
    rig.wait_line("redis", "Ready to accept connections", after=before)


def launch(rig: Rig, *options: str) -> None:
    """Start the server and do not wait."""
    rig.spawn(
        "redis",
        "redis-server",
        "--dir",
        DATA,
        "--bind",
        "10.0.1.11",
        "--protected-mode",
        "no",
        *options,
        user="redis",
    )


def cli(rig: Rig, *words: str, check: bool = True) -> str:
    """Send one command as an administrator."""
    return rig.run("redis-cli", "-h", "redis", *words, check=check)


@redis.starts
def start(rig: Rig) -> None:
    serve(rig)


@redis.loads
def load(rig: Rig) -> None:
    cart(rig, 12)


def cart(rig: Rig, rounds: int, **env: str) -> None:
    rig.work("cart", "redis_shop.py", str(rounds), env=env)


@redis.fault(
    "maxmemory", kind="memory-limit", what="maxmemory set to 2mb with noeviction while carts are written",
    cause="Redis reached maxmemory and its policy evicts nothing.", accept=("maxmemory|memory limit",),
    signal="OOM command not allowed|used memory > 'maxmemory'", affected=BOTH,
)  # fmt: skip
def maxmemory(rig: Rig) -> Iterator[None]:
    cli(rig, "config", "set", "maxmemory", "2mb")
    cart(rig, 40, VALUE_SIZE="100000")
    yield
    cli(rig, "flushall")
    cli(rig, "config", "set", "maxmemory", "0")


@redis.fault(
    "disk-full", kind="disk-full", what="the data folder is full, then a snapshot is taken",
    cause="The disk of Redis' data folder is full, so it cannot save its snapshot.", accept=DISK_FULL,
    signal="No space left|MISCONF|write error", affected=BOTH,
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    rig.fill(DATA)
    cli(rig, "config", "set", "save", "1 1")
    cart(rig, 30, VALUE_SIZE="20000", PAUSE="0.2")
    yield
    Path(DATA, ".fill").unlink()
    cli(rig, "bgsave", check=False)
    rig.pause(1)


@redis.fault(
    "read-only", kind="read-only-mount", what="the data folder becomes read-only, then a snapshot is taken",
    cause="The data folder of Redis is on a read-only file system, so it cannot save.", accept=("read[- ]only",),
    signal="Read-only file system|MISCONF", affected=BOTH,
)  # fmt: skip
def read_only(rig: Rig) -> Iterator[None]:
    rig.remount(DATA, "ro")
    cli(rig, "config", "set", "save", "1 1")
    cart(rig, 25, PAUSE="0.2")
    yield
    rig.remount(DATA, "rw")
    cli(rig, "bgsave", check=False)
    rig.pause(1)


@redis.fault(
    "wrong-password", kind="wrong-password", what="the cart service gets a wrong password",
    cause="The cart service logs in to Redis with a wrong password.", accept=("password|credential|authenticat",),
    signal="WRONGPASS|invalid username-password|AuthenticationError", affected=("cart",), target="cart", cold=True,
)  # fmt: skip
def wrong_password(rig: Rig) -> Iterator[None]:
    serve(rig, "--requirepass", "orchard-7")
    cart(rig, 8, REDIS_PASSWORD="orchard-7")
    cart(rig, 12, REDIS_PASSWORD="orchard-6")
    yield
    cli(rig, "-a", "orchard-7", "config", "set", "requirepass", "")


@redis.fault(
    "no-password", kind="missing-credentials", what="a password is set on the server and the cart service sends none",
    cause="Redis requires a password and the client sends none.", accept=("password|authentication|requirepass|auth\\b|credential",),
    signal="NOAUTH|Authentication required", affected=("cart",),
)  # fmt: skip
def no_password(rig: Rig) -> Iterator[None]:
    cli(rig, "config", "set", "requirepass", "orchard-7")
    cart(rig, 12)
    yield
    cli(rig, "-a", "orchard-7", "config", "set", "requirepass", "")


@redis.fault(
    "killed", kind="dependency-killed", what="redis-server is killed with SIGKILL and started again later",
    cause="The Redis server process is not running; it was killed.", accept=NOT_RUNNING,
    signal="Connection refused|Error 111", affected=BOTH,
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("redis")
    cart(rig, 15)
    yield
    serve(rig)


@redis.fault(
    "paused", kind="dependency-paused", what="redis-server is stopped with SIGSTOP",
    cause="The Redis server process hangs (SIGSTOP) and does not answer in time.", accept=HANGS,
    signal="Timeout reading|timed out|TimeoutError", affected=BOTH,
)  # fmt: skip
def paused(rig: Rig) -> Iterator[None]:
    rig.kill("redis", signal.SIGSTOP)
    cart(rig, 4)
    yield
    rig.kill("redis", signal.SIGCONT)


@redis.fault(
    "max-clients", kind="connections-exhausted", what="maxclients is 10 and ten idle clients hold all connections",
    cause="Redis reached maxclients: all connections are taken.", accept=("maxclients|max(imum)? (number of )?(clients|connections)|connection limit|too many (clients|connections)",),
    signal="max number of clients reached", affected=("cart",),
)  # fmt: skip
def max_clients(rig: Rig) -> Iterator[None]:
    cli(rig, "config", "set", "maxclients", "10")
    idle = [
        rig.spawn(f"idle-{number}", "redis-cli", "-h", "redis", "subscribe", "news") for number in range(10)
    ]
    rig.pause(1)
    rig.lines[:] = [line for line in rig.lines if not line.service.startswith("idle")]
    cart(rig, 10)
    yield
    for process in idle:
        process.kill()
    rig.pause(0.5)
    rig.lines[:] = [line for line in rig.lines if not line.service.startswith("idle")]


@redis.fault(
    "aof-damaged", kind="data-damaged", what="bytes in the middle of the append-only file are overwritten before a start",
    cause="The append-only file is damaged.", accept=("append[- ]only|AOF", "corrupt|damaged|bad file format|truncat"),
    signal="Bad file format reading the append only file", cold=True,
)  # fmt: skip
def aof_damaged(rig: Rig) -> Iterator[None]:
    serve(rig, "--appendonly", "yes")
    cart(rig, 10)
    rig.stop("redis")
    [path] = Path(DATA, "appendonlydir").glob("*.incr.aof")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60] = b"\x00garbage" * 8
    path.write_bytes(data)
    launch(rig, "--appendonly", "yes")
    rig.pause(1.5)
    yield
    for old in Path(DATA, "appendonlydir").iterdir():
        old.unlink()
    serve(rig, "--appendonly", "yes")


@redis.fault(
    "port-taken", kind="port-taken", what="another process listens on the port before the start",
    cause="Port 6379 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use|Failed listening", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    rig.folder(DATA, "redis")
    other = rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.11", "-p", "6379")
    rig.pause(0.5)
    for _ in range(3):
        launch(rig)
        rig.pause(1)
    yield
    other.kill()
    other.wait()
    serve(rig)


@redis.fault(
    "bad-config", kind="bad-config", what="the configuration holds an unknown directive",
    cause="The configuration file has an invalid directive.", accept=("config", "invalid|bad|wrong|unknown|syntax|fatal|not valid"),
    signal="FATAL CONFIG FILE ERROR|Bad directive", cold=True,
)  # fmt: skip
def bad_config(rig: Rig) -> Iterator[None]:
    rig.folder(DATA, "redis")
    rig.write("/srv/redis.conf", "bind 10.0.1.11\nmaxmemory 64mb\nmaxmemory-policies allkeys-lru\n")
    for _ in range(3):
        rig.job("redis", "redis-server", "/srv/redis.conf", user="redis")
        rig.pause(0.5)
    yield
    serve(rig)


@redis.fault(
    "wrong-type", kind="application-bug", what="the cart service pushes to a key that holds a string",
    cause="The service uses a list command on a key of another type, a string.", accept=("type",),
    signal="WRONGTYPE", affected=("cart",), target="cart",
)  # fmt: skip
def wrong_type(rig: Rig) -> Iterator[None]:
    cli(rig, "set", "orders", "none")
    cart(rig, 10, LIST="1")
    yield
    cli(rig, "del", "orders")


@redis.fault(
    "name-unknown", kind="dns-unknown-name", what="the cart service is configured with a host name that does not exist",
    cause="The host name of Redis does not resolve.", accept=("resol|DNS|host ?name|name lookup",),
    signal="Name or service not known|Temporary failure in name resolution", affected=("cart",), target="cart",
)  # fmt: skip
def name_unknown(rig: Rig) -> Iterator[None]:
    cart(rig, 6, REDIS_HOST="redis-primary.shop.svc")
    yield


@redis.fault(
    "read-only-replica", kind="wrong-endpoint", what="the cart service writes to a replica",
    cause="The service writes to a read-only replica instead of the primary.", accept=("replica",),
    signal="READONLY|read only replica", affected=("cart",), target="cart",
)  # fmt: skip
def read_only_replica(rig: Rig) -> Iterator[None]:
    before = len(rig.lines)
    rig.folder("/srv/replica", "redis")
    rig.spawn(
        "redis-replica",
        "redis-server",
        "--dir",
        "/srv/replica",
        "--bind",
        "10.0.1.12",
        "--protected-mode",
        "no",
        "--replica-announce-ip",
        "10.0.1.12",
        "--replicaof",
        "redis 6379",
        user="redis",
    )
    rig.wait_line("redis-replica", "sync: Finished with success", after=before)
    cart(rig, 10, REDIS_HOST="redis-replica")
    yield


@redis.fault(
    "primary-wrong-auth", kind="replication-broken", what="the primary gets a password, the replica's masterauth is not changed",
    cause="The replica cannot authenticate at its primary (masterauth).", accept=("replica|master|primary", "auth|password"),
    signal="NOAUTH|MASTER aborted replication|Unable to AUTH|unauthenticated", affected=("redis", "redis-replica"), target="redis-replica",
)  # fmt: skip
def primary_wrong_auth(rig: Rig) -> Iterator[None]:
    cli(rig, "config", "set", "requirepass", "orchard-7")
    rig.folder("/srv/replica", "redis")
    rig.spawn(
        "redis-replica",
        "redis-server",
        "--dir",
        "/srv/replica",
        "--bind",
        "10.0.1.12",
        "--protected-mode",
        "no",
        "--replica-announce-ip",
        "10.0.1.12",
        "--replicaof",
        "redis 6379",
        user="redis",
    )
    rig.pause(5)
    yield
    cli(rig, "-a", "orchard-7", "config", "set", "requirepass", "")
    rig.pause(2)


@redis.healthy("load")
def busy(rig: Rig) -> None:
    cart(rig, 150, PAUSE="0.01")


@redis.healthy("rolling-restart", kind="restart")
def rolling_restart(rig: Rig) -> None:
    for _ in range(2):
        rig.stop("redis")
        serve(rig)
        cart(rig, 10)


@redis.healthy("backup")
def backup(rig: Rig) -> None:
    cart(rig, 20)
    cli(rig, "bgsave")
    rig.wait_line("redis", "Background saving terminated with success")
    cli(rig, "bgrewriteaof")
    cart(rig, 20)
    rig.pause(1)


@redis.healthy("failover")
def failover(rig: Rig) -> None:
    rig.folder("/srv/replica", "redis")
    rig.spawn(
        "redis-replica",
        "redis-server",
        "--dir",
        "/srv/replica",
        "--bind",
        "10.0.1.12",
        "--protected-mode",
        "no",
        "--replica-announce-ip",
        "10.0.1.12",
        "--replicaof",
        "redis 6379",
        user="redis",
    )
    rig.wait_line("redis-replica", "sync: Finished with success")
    cart(rig, 10)
    cli(rig, "failover")
    rig.wait_line("redis-replica", "MASTER MODE enabled")
    cart(rig, 10, REDIS_HOST="redis-replica")
