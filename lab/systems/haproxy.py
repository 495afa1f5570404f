"""HAProxy before two catalogue services."""

from __future__ import annotations

from collections.abc import Iterator

from lab.causes import NOT_RUNNING, PORT_TAKEN
from lab.rig import Rig
from lab.system import System

haproxy = System("haproxy", packages=("haproxy", "python3-requests"), service="haproxy")
ALL = ("haproxy", "checkout")
BACKEND = "server a catalogue:8080 check inter 500 fall 2\n  server b orders:8080 check inter 500 fall 2"


def conf(rig: Rig, backend: str = BACKEND, frontend: str = "", more: str = "") -> str:
    """Write a configuration and return its path."""
    return str(
        rig.write(
            "/srv/haproxy.cfg",
            f"""global
  log stdout format raw local0 info
  maxconn 200
defaults
  mode http
  log global
  option httplog
  retries 1
  timeout connect 1s
  timeout client 5s
  timeout server 1s
  timeout queue 1s
frontend shop
  bind 10.0.1.18:80
  {frontend}
  default_backend catalogue
backend catalogue
  option httpchk GET /healthz
  {backend}
{more}
""",
        )
    )


def serve(rig: Rig, *parts: str, **options: str) -> None:
    """Start HAProxy and wait until it listens."""
    rig.spawn("haproxy", "haproxy", "-W", "-db", "-f", conf(rig, *parts, **options))
    rig.wait_port("haproxy", 80)
    rig.pause(1.5)


def catalogue(rig: Rig, **env: str) -> None:
    """Start both services behind the proxy."""
    rig.app("catalogue", "web.py", "10.0.1.45", "8080", env=env)
    rig.app("orders", "web.py", "10.0.1.46", "8080", env={"NAME": "orders", **env})
    rig.wait_port("catalogue", 8080)
    rig.wait_port("orders", 8080)


def checkout(rig: Rig, rounds: int, **env: str) -> None:
    rig.work("checkout", "http_client.py", "http://haproxy/items", str(rounds), env=env)


@haproxy.starts
def start(rig: Rig) -> None:
    catalogue(rig)
    serve(rig)


@haproxy.loads
def load(rig: Rig) -> None:
    checkout(rig, 10)


@haproxy.fault(
    "all-backends-killed", kind="dependency-killed", what="both services behind the proxy are killed",
    cause="No server of the backend is up: the services are not running.", accept=NOT_RUNNING,
    signal="has no server available|is DOWN", affected=("catalogue", "orders", *ALL), target="catalogue",
)  # fmt: skip
def all_killed(rig: Rig) -> Iterator[None]:
    rig.kill("catalogue")
    rig.kill("orders")
    rig.pause(2)
    checkout(rig, 8)
    yield
    catalogue(rig)
    rig.pause(2)


@haproxy.fault(
    "health-check-fails", kind="failing-health-check", what="a new version answers the health check with 500",
    cause="The health check of the backend answers 500, so the servers are taken out.", accept=("health|check", "fail|500|wrong status|error|bad status"),
    signal="Layer7 wrong status|is DOWN", affected=("catalogue", "orders", *ALL), target="catalogue",
)  # fmt: skip
def check_fails(rig: Rig) -> Iterator[None]:
    rig.stop("catalogue")
    rig.stop("orders")
    catalogue(rig, STATUS="500")
    rig.pause(3)
    checkout(rig, 8)
    yield
    rig.stop("catalogue")
    rig.stop("orders")
    catalogue(rig)
    rig.pause(2)


@haproxy.fault(
    "slow-backend", kind="slow-dependency", what="the services answer after 1.7 seconds, timeout server is one second",
    cause="The backend answers more slowly than timeout server.", accept=("backend|server|upstream", "slow|timeout|not answer|timed out|too long"),
    signal="sH--|504", affected=("catalogue", "orders", *ALL), target="catalogue", cold=True,
)  # fmt: skip
def slow(rig: Rig) -> Iterator[None]:
    catalogue(rig, SLOW="1.7")
    serve(rig, BACKEND.replace("check inter 500 fall 2", ""))
    checkout(rig, 6, TIMEOUT="5")
    yield


@haproxy.fault(
    "bad-config", kind="bad-config", what="the configuration holds an unknown keyword",
    cause="The configuration has an unknown keyword.", accept=("config", "unknown|invalid|error|bad|wrong|not valid"),
    signal="unknown keyword|Error\\(s\\) found in configuration", cold=True,
)  # fmt: skip
def bad_config(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(3):
        rig.job("haproxy", "haproxy", "-W", "-db", "-f", conf(rig, frontend="timeuot http-request 5s"))
    yield
    serve(rig)


@haproxy.fault(
    "port-taken", kind="port-taken", what="another process listens on port 80",
    cause="Port 80 is already used by another process.", accept=PORT_TAKEN,
    signal="cannot bind socket", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    other = rig.app("debug", "web.py", "10.0.1.18", "80", env={"NAME": "debug"})
    rig.wait_port("haproxy", 80)
    for _ in range(2):
        rig.job("haproxy", "haproxy", "-W", "-db", "-f", conf(rig))
    yield
    other.kill()
    other.wait()
    serve(rig)


@haproxy.fault(
    "certificate-missing", kind="file-missing", what="the certificate's file does not exist",
    cause="The certificate file does not exist.", accept=("certificate|file|crt", "missing|not exist|no such|not found|cannot"),
    signal="unable to stat SSL certificate|No such file|cannot open the file", cold=True,
)  # fmt: skip
def certificate(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(2):
        rig.job(
            "haproxy",
            "haproxy",
            "-W",
            "-db",
            "-f",
            conf(rig, frontend="bind 10.0.1.18:443 ssl crt /etc/haproxy/shop.pem"),
        )
    yield
    serve(rig)


@haproxy.fault(
    "name-unknown", kind="dns-unknown-name", what="a server of the backend has a host name that does not exist",
    cause="The backend server's host name does not resolve.", accept=("resol|DNS|host ?name",),
    signal="could not resolve address", cold=True,
)  # fmt: skip
def name_unknown(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(2):
        rig.job(
            "haproxy",
            "haproxy",
            "-W",
            "-db",
            "-f",
            conf(rig, BACKEND.replace("orders:", "orders-v2.shop.svc:")),
        )
    yield
    serve(rig)


@haproxy.healthy("load")
def busy(rig: Rig) -> None:
    checkout(rig, 80, PAUSE="0.01")


@haproxy.healthy("rolling-restart", kind="restart")
def rolling(rig: Rig) -> None:
    import signal

    rig.kill("haproxy", signal.SIGUSR2)
    rig.pause(2)
    checkout(rig, 15)
