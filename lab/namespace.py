"""A private copy of the machine for one run: own network, mounts, processes and host name.

A server then has its usual port, path and name, and leaves nothing behind: the kernel ends all processes and mounts of
the namespace when its first process ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cali.core.errors import Misconfigured

HOST = "node-1"
INSIDE = "LAB_INSIDE"
# every service has an address of its own on the loopback device
ADDRESSES = {
    name: f"10.0.1.{number}"
    for number, name in enumerate(
        [
            "redis", "redis-replica", "postgres", "postgres-replica", "rabbitmq", "mysql", "nginx", "haproxy",
            "memcached", "etcd", "zookeeper", "dns", "ssh", "mail", "squid", "prometheus", "alertmanager", "mqtt",
            "apache", "ldap", "pgbouncer", "nats", "caddy", "unbound", "varnish", "ftp", "lighttpd", "tinyproxy",
            "stunnel", "beanstalkd", "php", "imap", "app", "payments", "catalogue", "orders", "kakao", "llm", "s3",
            "auth", "userinfo", "location", "waste", "recycle-info", "chat-llm",
        ],
        start=11,
    )
}  # fmt: skip
_COVERED = ("/opt", "/srv", "/run", "/var/log", "/tmp")


def inside() -> bool:
    """Whether this process runs in a namespace of the lab."""
    return os.environ.get(INSIDE) == "1"


def enter(arguments: Sequence[str], seconds: float) -> int:
    """Run `python -m lab ARGUMENTS` in a namespace of its own, and return its exit code. Needs root and Linux."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Misconfigured("the lab needs Linux, root and the command unshare (package util-linux)")
    # if this process dies, the kernel kills unshare, then the first process of the namespace, then all others
    command = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--uts",
        "--ipc",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ]
    process = subprocess.Popen(
        [*command, sys.executable, "-m", "lab", *arguments],
        env={**os.environ, INSIDE: "1"},
        start_new_session=True,
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return 124
    finally:
        process.kill()
        process.wait()


def furnish() -> None:
    """Give the namespace empty folders, a loopback device with the services' addresses, and their names."""
    for folder in _COVERED:
        _run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder)
    _run("hostname", HOST)
    _run("ip", "link", "set", "lo", "up")
    for address in ADDRESSES.values():
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    Path("/run/hosts").write_text("")
    _run("mount", "--bind", "/run/hosts", "/etc/hosts")
    Path("/run/resolv.conf").write_text(f"nameserver {ADDRESSES['dns']}\noptions timeout:1 attempts:1\n")
    _run("mount", "--bind", "/run/resolv.conf", "/etc/resolv.conf")
    name_hosts(ADDRESSES)


def name_hosts(addresses: dict[str, str]) -> None:
    """Make these names, and no other, known to the namespace."""
    lines = [f"127.0.0.1 localhost {HOST}", *(f"{address} {name}" for name, address in addresses.items())]
    Path("/etc/hosts").write_text("\n".join(lines) + "\n")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
