"""etcd as a store of settings."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NOT_RUNNING
from lab.certificates import authority, pair
from lab.rig import Rig
from lab.system import System

etcd = System("etcd", packages=("etcd-server", "etcd-client"), service="etcd")
DATA = "/var/lib/etcd"
CLIENT = "http://10.0.1.20:2379"
ENV = {"ETCDCTL_API": "3"}
PEERS = "http://10.0.1.20:2380"


def launch(rig: Rig, *options: str) -> None:
    """Start etcd and do not wait."""
    if not Path(DATA).is_mount():
        rig.folder(DATA, "etcd", mode=0o700)
    rig.spawn("etcd", "etcd", "--name", "node-1", "--data-dir", f"{DATA}/default", "--listen-client-urls", CLIENT, "--advertise-client-urls", CLIENT,
              "--listen-peer-urls", PEERS, "--initial-advertise-peer-urls", PEERS, "--initial-cluster", f"node-1={PEERS}", *options, user="etcd", cwd=DATA)  # fmt: skip


def serve(rig: Rig, *options: str) -> None:
    """Start etcd and wait until it answers."""
    launch(rig, *options)
    rig.wait_port("etcd", 2379)
    rig.pause(1)


def settings(rig: Rig, rounds: int, *words: str, size: int = 50) -> None:
    """Write settings as a client whose output is collected."""
    for number in range(rounds):
        rig.job(
            "settings",
            "etcdctl",
            "--endpoints",
            CLIENT,
            "--command-timeout",
            "2s",
            *words,
            "put",
            f"shop/{number}",
            "x" * size,
            env=ENV,
        )


@etcd.starts
def start(rig: Rig) -> None:
    serve(rig)


@etcd.loads
def load(rig: Rig) -> None:
    settings(rig, 4)


@etcd.fault(
    "out-of-space", kind="quota-exceeded", what="the quota of the backend is 64 kB and a client writes more",
    cause="etcd's database reached its quota (NOSPACE alarm).", accept=("quota|space", "exceed|full|alarm|limit|reached|NOSPACE"),
    signal="database space exceeded|NOSPACE", affected=("etcd", "settings"), cold=True,
)  # fmt: skip
def out_of_space(rig: Rig) -> Iterator[None]:
    serve(rig, "--quota-backend-bytes", "65536")
    settings(rig, 12, size=30000)
    yield


@etcd.fault(
    "disk-full", kind="disk-full", what="the volume of the data folder is full",
    cause="The disk of etcd's data folder is full.", accept=DISK_FULL,
    signal="no space left on device", affected=("etcd", "settings"), cold=True,
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    rig.folder(DATA, "etcd", "140m", mode=0o700)
    serve(rig)
    rig.fill(DATA)
    settings(rig, 5, size=90000)
    rig.stop("etcd")
    rig.pause(0.5)
    launch(rig)
    rig.pause(3)
    yield


@etcd.fault(
    "killed", kind="dependency-killed", what="etcd is killed with SIGKILL",
    cause="etcd is not running.", accept=NOT_RUNNING,
    signal="connection refused|DeadlineExceeded|deadline exceeded", affected=("etcd", "settings"),
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("etcd")
    settings(rig, 3)
    yield
    serve(rig)


@etcd.fault(
    "no-quorum", kind="quorum-lost", what="the second of two members never starts",
    cause="The cluster has no quorum: the second member is missing, so no leader is elected.", accept=("quorum|majority|leader|peer|member",  "lost|no |missing|not reach|unreachable|down|cannot"),
    signal="starting a new election|no leader|connection refused|request timed out", affected=("etcd", "settings"), cold=True,
)  # fmt: skip
def no_quorum(rig: Rig) -> Iterator[None]:
    launch(rig, "--initial-cluster", f"node-1={PEERS},node-2=http://10.0.1.21:2380")
    rig.pause(8)
    settings(rig, 2)
    yield


@etcd.fault(
    "cluster-mismatch", kind="cluster-mismatch", what="two members with different cluster ids talk to each other",
    cause="The member belongs to another cluster (cluster id mismatch).", accept=("cluster", "id|mismatch|different|another"),
    signal="cluster ID mismatch", affected=("etcd",), cold=True,
)  # fmt: skip
def mismatch(rig: Rig) -> Iterator[None]:
    both = f"node-1={PEERS},node-2=http://10.0.1.21:2380"
    launch(rig, "--initial-cluster", both, "--initial-cluster-token", "blue")
    rig.spawn("etcd-2", "etcd", "--name", "node-2", "--data-dir", f"{DATA}/second", "--listen-client-urls", "http://10.0.1.21:2379",
              "--advertise-client-urls", "http://10.0.1.21:2379", "--listen-peer-urls", "http://10.0.1.21:2380",
              "--initial-advertise-peer-urls", "http://10.0.1.21:2380", "--initial-cluster", both, "--initial-cluster-token", "green", user="etcd", cwd=DATA)  # fmt: skip
    rig.pause(8)
    yield


@etcd.fault(
    "client-without-tls", kind="tls-expected", what="etcd is switched to TLS and a client still speaks plain HTTP",
    cause="The client speaks plain HTTP to a port that expects TLS.", accept=("TLS|HTTPS|SSL", "plain|http\\b|without|not|expects"),
    signal="first record does not look like a TLS handshake|rejected connection|tls", affected=("settings",), cold=True, target="settings",
)  # fmt: skip
def without_tls(rig: Rig) -> Iterator[None]:
    certs = pair(rig, "etcd")
    authority(rig)
    launch(
        rig,
        "--listen-client-urls",
        CLIENT.replace("http", "https"),
        "--advertise-client-urls",
        CLIENT.replace("http", "https"),
        "--cert-file",
        certs.cert,
        "--key-file",
        certs.key,
    )
    rig.wait_port("etcd", 2379)
    settings(rig, 3)
    yield


@etcd.healthy("load")
def busy(rig: Rig) -> None:
    settings(rig, 20)


@etcd.healthy("restart")
def restart(rig: Rig) -> None:
    rig.kill("etcd", signal.SIGTERM)
    rig.processes["etcd"].wait(20)
    serve(rig)
    settings(rig, 5)


@etcd.healthy("backup")
def backup(rig: Rig) -> None:
    rig.job("settings", "etcdctl", "--endpoints", CLIENT, "snapshot", "save", "/srv/etcd.db", env=ENV)
    rig.job("settings", "etcdctl", "--endpoints", CLIENT, "defrag", env=ENV)
