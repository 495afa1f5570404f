"""Squid as the proxy of the checkout service on its way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING
from lab.rig import Rig
from lab.system import System

squid = System("squid", packages=("squid", "python3-requests"), service="squid")
ALL = ("squid", "checkout")
ALLOW = "acl shop src 10.0.0.0/8\nhttp_access allow shop\n"


def launch(rig: Rig, rules: str = ALLOW, more: str = "") -> None:
    """Start the proxy and do not wait."""
    rig.folder("/var/spool/squid", "proxy")
    rig.folder("/srv/squid", "proxy")
    rig.write("/srv/squid.conf", f"http_port 10.0.1.25:3128\n{rules}http_access deny all\naccess_log stdio:/srv/squid/access.log\ncache_log /srv/squid/cache.log\npid_filename /srv/squid/pid\nvisible_hostname squid\n"
              f"shutdown_lifetime 1 seconds\nconnect_timeout 2 seconds\nforward_timeout 2 seconds\nmax_filedescriptors 1024\ncache_effective_user proxy\nnetdb_filename none\n{more}\n")  # fmt: skip
    for name in ("cache.log", "access.log"):
        rig.follow("squid", f"/srv/squid/{name}")
    rig.spawn("squid", "squid", "-N", "-f", "/srv/squid.conf")


def serve(rig: Rig, rules: str = ALLOW, more: str = "") -> None:
    """Start the proxy and a service behind it."""
    rig.app("payments", "web.py", "10.0.1.44", "8080", env={"NAME": "payments"})
    rig.wait_port("payments", 8080)
    launch(rig, rules, more)
    rig.wait_port("squid", 3128, 40)


def checkout(rig: Rig, rounds: int, url: str = "http://payments:8080/rates", **env: str) -> None:
    rig.work("checkout", "http_client.py", url, str(rounds), env={"PROXY": "http://squid:3128", **env})


@squid.starts
def start(rig: Rig) -> None:
    serve(rig)


@squid.loads
def load(rig: Rig) -> None:
    checkout(rig, 8)


@squid.fault(
    "denied", kind="access-denied", what="the network of the service is removed from the access list",
    cause="The proxy's access rules deny this client or destination.", accept=("proxy|squid", "deny|denies|denied|not allow|refus|access rule|ACL|http_access"),
    signal="TCP_DENIED|403", affected=("checkout",), cold=True,
)  # fmt: skip
def denied(rig: Rig) -> Iterator[None]:
    serve(rig, rules="")
    checkout(rig, 8)
    yield


@squid.fault(
    "origin-down", kind="dependency-killed", what="the payments service behind the proxy is killed",
    cause="The origin server behind the proxy is not running.", accept=NOT_RUNNING,
    signal="503|HIER_DIRECT", affected=("payments", *ALL), target="payments",
)  # fmt: skip
def origin_down(rig: Rig) -> Iterator[None]:
    rig.kill("payments")
    checkout(rig, 6)
    yield


@squid.fault(
    "proxy-killed", kind="proxy-gone", what="the proxy is killed",
    cause="The proxy is not running, so the service cannot reach the outside.", accept=("proxy", "not running|down|unreachable|not reach|cannot connect|refus|stopped"),
    signal="Unable to connect to proxy|ProxyError|Cannot connect to proxy", affected=ALL,
)  # fmt: skip
def proxy_killed(rig: Rig) -> Iterator[None]:
    rig.kill("squid")
    checkout(rig, 6)
    yield
    launch(rig)
    rig.wait_port("squid", 3128, 40)


@squid.fault(
    "auth-required", kind="missing-credentials", what="the proxy begins to ask for a password",
    cause="The proxy requires credentials and the client sends none (407).", accept=("proxy", "credential|password|authenticat|407"),
    signal="407", affected=("checkout",), cold=True,
)  # fmt: skip
def auth(rig: Rig) -> Iterator[None]:
    rig.write("/srv/passwd", "shop:x\n")
    serve(
        rig,
        "auth_param basic program /usr/lib/squid/basic_ncsa_auth /srv/passwd\nauth_param basic realm proxy\nacl known proxy_auth REQUIRED\nhttp_access allow known\n",
    )
    checkout(rig, 8)
    yield


@squid.fault(
    "bad-acl", kind="bad-config", what="the configuration uses an access list that is not defined",
    cause="The configuration refers to an ACL that is not defined.", accept=("acl|config", "not defined|not found|undefined|unknown|invalid|missing|not valid|error"),
    signal="ACL not found|Bungled", cold=True,
)  # fmt: skip
def bad_acl(rig: Rig) -> Iterator[None]:
    for _ in range(2):
        launch(rig, "http_access allow shops\n")
        rig.processes["squid"].wait(20)
    yield


@squid.fault(
    "name-unknown", kind="dns-gone", what="the proxy's DNS server does not answer",
    cause="The proxy cannot resolve names: its DNS server does not answer.", accept=("DNS|resolv|name server|nameserver",),
    signal="503|NameResolution|DNS", affected=ALL,
)  # fmt: skip
def name_unknown(rig: Rig) -> Iterator[None]:
    checkout(rig, 5, "http://rates.example.com/today", TIMEOUT="8")
    yield


@squid.healthy("load")
def busy(rig: Rig) -> None:
    checkout(rig, 60, PAUSE="0.01")


@squid.healthy("log-rotation")
def rotate(rig: Rig) -> None:
    import signal

    checkout(rig, 10)
    rig.kill("squid", signal.SIGUSR1)
    rig.pause(1)
    checkout(rig, 10)
    assert Path("/srv/squid/cache.log").exists()
