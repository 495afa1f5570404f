"""RabbitMQ with a shipping service that publishes and reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NOT_RUNNING
from lab.rig import Rig
from lab.system import System

rabbitmq = System("rabbitmq", packages=("rabbitmq-server", "python3-pika"), service="rabbitmq")
HOME = "/var/lib/rabbitmq"
BOTH = ("rabbitmq", "shipping")
ENV = {
    "HOME": HOME,
    "RABBITMQ_NODENAME": "rabbit@node-1",
    "RABBITMQ_LOGS": "-",
    "RABBITMQ_CONFIG_FILE": "/srv/rabbitmq",
    "RABBITMQ_ENABLED_PLUGINS_FILE": "/srv/enabled_plugins",
}


def launch(rig: Rig, conf: str = "") -> None:
    """Start the broker and do not wait."""
    if not Path(HOME).is_mount():
        rig.folder(HOME, "rabbitmq")
        rig.folder("/var/log/rabbitmq", "rabbitmq")
    rig.write("/srv/enabled_plugins", "[].\n")
    rig.write(
        "/srv/rabbitmq.conf",
        f"listeners.tcp.1 = 10.0.1.15:5672\nloopback_users = none\ndisk_free_limit.absolute = 1MB\n{conf}\n",
    )
    rig.spawn("rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=ENV, cwd=HOME)


def serve(rig: Rig, conf: str = "") -> None:
    """Start the broker with the shop's user and wait until it is ready."""
    before = len(rig.lines)
    launch(rig, conf)
    rig.wait_line("rabbitmq", "Server startup complete", 60, after=before)
    if "shop" not in ctl(rig, "list_users"):
        ctl(rig, "add_user", "shop", "orchard-7")
        ctl(rig, "set_permissions", "shop", ".*", ".*", ".*")


def ctl(rig: Rig, *words: str) -> str:
    """Run rabbitmqctl as the broker's user."""
    return rig.run("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *words, user="rabbitmq", env=ENV, seconds=60)


def ship(rig: Rig, rounds: int, **env: str) -> None:
    rig.work("shipping", "amqp_shop.py", str(rounds), env=env)


@rabbitmq.starts
def start(rig: Rig) -> None:
    serve(rig)


@rabbitmq.loads
def load(rig: Rig) -> None:
    ship(rig, 8)


@rabbitmq.fault(
    "memory-alarm", kind="memory-limit", what="the memory watermark is set below the memory in use",
    cause="RabbitMQ's memory is above the high watermark, so publishers are blocked.", accept=("memory", "watermark|alarm|limit|vm_memory"),
    signal="memory resource limit alarm|memory watermark|Connection.blocked|blocked", affected=BOTH,
)  # fmt: skip
def memory_alarm(rig: Rig) -> Iterator[None]:
    ctl(rig, "set_vm_memory_high_watermark", "absolute", "20MB")
    rig.pause(3)
    ship(rig, 3)
    yield
    ctl(rig, "set_vm_memory_high_watermark", "0.4")
    rig.pause(3)


@rabbitmq.fault(
    "disk-alarm", kind="disk-full", what="the volume of the broker is filled below the free disk limit",
    cause="The free space of the broker's volume is below disk_free_limit, so publishers are blocked.", accept=DISK_FULL,
    signal="disk resource limit alarm|disk space insufficient|free disk space", affected=BOTH,
)  # fmt: skip
def disk_alarm(rig: Rig) -> Iterator[None]:
    ctl(rig, "set_disk_free_limit", "900MB")
    rig.pause(4)
    ship(rig, 3)
    yield
    ctl(rig, "set_disk_free_limit", "1MB")
    rig.pause(3)


@rabbitmq.fault(
    "queue-missing", kind="queue-missing", what="the service uses a queue that nobody declared",
    cause="The queue does not exist in the virtual host.", accept=("queue", "not exist|missing|not declared|not found|no queue"),
    signal="NOT_FOUND - no queue|no queue|unroutable|UnroutableError", affected=("shipping",), target="shipping",
)  # fmt: skip
def queue_missing(rig: Rig) -> Iterator[None]:
    ship(rig, 6, QUEUE="parcels.express", PASSIVE="1")
    yield


@rabbitmq.fault(
    "precondition", kind="incompatible-declaration", what="a new version declares the durable queue as not durable",
    cause="The queue is declared with other arguments (durable) than it exists with.", accept=("durable|arguments|attributes|properties|declar", "differ|inequivalent|other|not match|mismatch|another|incompatible"),
    signal="PRECONDITION_FAILED", affected=("shipping",), target="shipping",
)  # fmt: skip
def precondition(rig: Rig) -> Iterator[None]:
    ship(rig, 6, DURABLE="0")
    yield


@rabbitmq.fault(
    "wrong-password", kind="wrong-password", what="the shipping service gets a wrong password",
    cause="The service logs in with a wrong password.", accept=("password|credential|user name|username",),
    signal="ACCESS_REFUSED|invalid credentials", affected=("shipping",), target="shipping",
)  # fmt: skip
def wrong_password(rig: Rig) -> Iterator[None]:
    ship(rig, 6, AMQP_PASSWORD="orchard-6")
    yield


@rabbitmq.fault(
    "vhost-missing", kind="wrong-endpoint", what="the service names a virtual host that does not exist",
    cause="The virtual host does not exist, or the user has no access to it.", accept=("virtual host|vhost",),
    signal="vhost", affected=("shipping",), target="shipping",
)  # fmt: skip
def vhost_missing(rig: Rig) -> Iterator[None]:
    ship(rig, 6, VHOST="express")
    yield


@rabbitmq.fault(
    "no-permission", kind="missing-privilege", what="the user's write permission is taken away",
    cause="The user has no permission to configure or write this queue.", accept=("permission|privilege|not allowed",),
    signal="ACCESS_REFUSED|refused for user", affected=("shipping",),
)  # fmt: skip
def no_permission(rig: Rig) -> Iterator[None]:
    ctl(rig, "set_permissions", "shop", "^none$", "^none$", ".*")
    ship(rig, 6)
    yield
    ctl(rig, "set_permissions", "shop", ".*", ".*", ".*")


@rabbitmq.fault(
    "cookie", kind="cluster-auth", what="a second node with another Erlang cookie tries to talk to the broker",
    cause="The Erlang cookies of two nodes differ.", accept=("cookie",),
    signal="cookie|unauthenticated|disallowed node", affected=("rabbitmq",),
)  # fmt: skip
def cookie(rig: Rig) -> Iterator[None]:
    rig.write("/srv/other/.erlang.cookie", "ANOTHERCOOKIE", "rabbitmq", 0o400)
    for _ in range(3):
        rig.job(
            "joiner",
            "/usr/lib/rabbitmq/bin/rabbitmqctl",
            "status",
            user="rabbitmq",
            env={**ENV, "HOME": "/srv/other"},
        )
    yield


@rabbitmq.fault(
    "killed", kind="dependency-killed", what="the broker is killed with SIGKILL",
    cause="RabbitMQ is not running.", accept=NOT_RUNNING,
    signal="Connection refused|ConnectionRefused", affected=BOTH,
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("rabbitmq")
    rig.run("pkill", "-9", "beam.smp", check=False)
    rig.pause(1)
    ship(rig, 6)
    yield
    serve(rig)


@rabbitmq.fault(
    "bad-config", kind="bad-config", what="rabbitmq.conf holds an unknown key",
    cause="rabbitmq.conf has an invalid key.", accept=("config|\\.conf", "invalid|unknown|bad|error|wrong|not valid|syntax"),
    signal="rabbitmq.conf|config.*(error|fail)|error_preparing|Conf file", cold=True,
)  # fmt: skip
def bad_config(rig: Rig) -> Iterator[None]:
    launch(rig, "vm_memory_high_watermark.relativ = 0.5")
    rig.processes["rabbitmq"].wait(60)
    yield
    serve(rig)


@rabbitmq.healthy("load")
def busy(rig: Rig) -> None:
    ship(rig, 60, PAUSE="0.02", RECONNECT="1")


@rabbitmq.healthy("restart")
def restart(rig: Rig) -> None:
    ctl(rig, "stop")
    rig.processes["rabbitmq"].wait(60)
    serve(rig)
    ship(rig, 10)
