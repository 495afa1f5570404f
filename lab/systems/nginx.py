"""nginx as ingress before a catalogue service, and a checkout service as its client."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING, PORT_TAKEN
from lab.certificates import authority, pair
from lab.rig import Rig
from lab.system import System

nginx = System("nginx", packages=("nginx-light", "python3-requests"), service="nginx")
HOME = "/srv/nginx"
ALL = ("nginx", "checkout")
SERVER = "listen 10.0.1.17:80; location / { proxy_pass http://catalogue:8080; }"


def conf(rig: Rig, server: str = SERVER, http: str = "", top: str = "") -> str:
    """Write a configuration and return its path."""
    text = f"""user www-data; worker_processes 2; pid /run/nginx.pid; daemon off; error_log /dev/stderr notice; {top}
events {{ worker_connections 256; }}
http {{
  access_log /dev/stdout combined; client_body_temp_path {HOME}/body; proxy_temp_path {HOME}/proxy; fastcgi_temp_path {HOME}/fastcgi;
  proxy_connect_timeout 2s; proxy_read_timeout 2s;
  {http}
  server {{ {server} }}
}}
"""
    if "worker_connections" in top:
        text = text.replace("worker_connections 256;", top).replace(f"notice; {top}", "notice;")
    return str(rig.write(f"{HOME}/nginx.conf", text))


def launch(rig: Rig, *parts: str, **options: str) -> None:
    """Start nginx and do not wait."""
    rig.spawn("nginx", "nginx", "-c", conf(rig, *parts, **options))


def serve(rig: Rig, *parts: str, **options: str) -> None:
    """Start nginx and wait until it listens."""
    launch(rig, *parts, **options)
    rig.wait_port("nginx", 443 if "443" in "".join(parts) else 80)


def catalogue(rig: Rig, **env: str) -> None:
    """Start the service behind nginx."""
    rig.app("catalogue", "web.py", "10.0.1.45", "8080", env=env)
    rig.wait_port("catalogue", 8080)


def checkout(rig: Rig, rounds: int, url: str = "http://nginx/api/v1/items", **env: str) -> None:
    rig.work("checkout", "http_client.py", url, str(rounds), env=env)


def redeploy(rig: Rig, **env: str) -> None:
    """Replace the service behind nginx by a version with other settings."""
    rig.stop("catalogue")
    catalogue(rig, **env)


@nginx.starts
def start(rig: Rig) -> None:
    catalogue(rig)
    serve(rig)


@nginx.loads
def load(rig: Rig) -> None:
    checkout(rig, 10)


@nginx.fault(
    "upstream-killed", kind="dependency-killed", what="the catalogue service behind nginx is killed",
    cause="The upstream service is not running: nothing listens on its port.", accept=NOT_RUNNING,
    signal="connect\\(\\) failed|Connection refused", affected=("catalogue", *ALL), target="catalogue",
)  # fmt: skip
def upstream_killed(rig: Rig) -> Iterator[None]:
    rig.kill("catalogue")
    checkout(rig, 10)
    yield
    catalogue(rig)


@nginx.fault(
    "upstream-slow", kind="slow-dependency", what="a new version of the catalogue service answers after three seconds",
    cause="The upstream service answers more slowly than proxy_read_timeout.", accept=("upstream|backend|catalogue", "slow|not answer|timeout|time out|timed out|too long"),
    signal="upstream timed out", affected=("catalogue", *ALL), target="catalogue",
)  # fmt: skip
def upstream_slow(rig: Rig) -> Iterator[None]:
    redeploy(rig, SLOW="3")
    checkout(rig, 5, TIMEOUT="5")
    yield
    redeploy(rig)


@nginx.fault(
    "upstream-closes", kind="bad-deployment", what="a new version of the catalogue service closes connections without an answer",
    cause="The upstream closes the connection before it sends an answer.", accept=("upstream|backend|catalogue", "clos|reset|ended"),
    signal="prematurely closed", affected=("catalogue", *ALL), target="catalogue",
)  # fmt: skip
def upstream_closes(rig: Rig) -> Iterator[None]:
    redeploy(rig, CLOSE="1")
    checkout(rig, 8)
    yield
    redeploy(rig)


@nginx.fault(
    "header-too-big", kind="limit-too-low", what="the catalogue service sends 12 kB of headers",
    cause="The upstream's response header is larger than proxy_buffer_size.", accept=("header", "big|large|buffer|exceed"),
    signal="upstream sent too big header", affected=ALL,
)  # fmt: skip
def header_too_big(rig: Rig) -> Iterator[None]:
    redeploy(rig, HEADERS="12")
    checkout(rig, 8)
    yield
    redeploy(rig)


@nginx.fault(
    "body-too-large", kind="request-too-large", what="clients upload 2 MB, the limit is 1 MB",
    cause="The request body is larger than client_max_body_size.", accept=("body|upload|request", "large|big|client_max_body_size|exceed"),
    signal="too large body", affected=ALL,
)  # fmt: skip
def body_too_large(rig: Rig) -> Iterator[None]:
    checkout(rig, 8, METHOD="POST", SIZE="2000000")
    yield


@nginx.fault(
    "rate-limit", kind="rate-limited", what="a limit of one request per second is switched on",
    cause="Requests exceed the rate of limit_req.", accept=("rate|limit_req", "limit|exceed"),
    signal="limiting requests", affected=ALL, cold=True,
)  # fmt: skip
def rate_limit(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    serve(
        rig,
        f"{SERVER} limit_req zone=one burst=2 nodelay;",
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;",
    )
    checkout(rig, 20)
    yield


@nginx.fault(
    "host-not-found", kind="dns-unknown-name", what="the configuration names an upstream host that does not exist",
    cause="The upstream's host name does not resolve when nginx starts.", accept=("resol|DNS|host ?name|host",  "not found|not resolve|unknown|cannot|does not exist|fail"),
    signal="host not found in upstream", cold=True,
)  # fmt: skip
def host_not_found(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(3):
        launch(rig, SERVER.replace("catalogue", "catalog.shop.svc"))
        rig.pause(3)
    yield
    serve(rig)


@nginx.fault(
    "bad-directive", kind="bad-config", what="the configuration holds an unknown directive",
    cause="The configuration has an unknown directive.", accept=("config|directive", "unknown|invalid|syntax|bad|wrong|error|not valid"),
    signal="unknown directive", cold=True,
)  # fmt: skip
def bad_directive(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(3):
        launch(rig, f"{SERVER} proxy_tiemout 3s;")
        rig.pause(0.6)
    yield
    serve(rig)


@nginx.fault(
    "port-taken", kind="port-taken", what="another process listens on port 80 before the start",
    cause="Port 80 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    other = rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.17", "-p", "80")
    rig.pause(0.4)
    launch(rig)
    rig.processes["nginx"].wait(20)
    yield
    other.kill()
    other.wait()
    serve(rig)


@nginx.fault(
    "too-many-files", kind="too-many-files", what="nginx may open 24 files, and clients keep connections open",
    cause="The limit of open files is too low for the connections.", accept=("open files|file descriptor|nofile|ulimit|too many (open )?files",),
    signal="Too many open files", affected=ALL, cold=True,
)  # fmt: skip
def too_many_files(rig: Rig) -> Iterator[None]:
    catalogue(rig, SLOW="0.6")
    rig.spawn("nginx", "nginx", "-c", conf(rig, top="worker_rlimit_nofile 20;"))
    rig.wait_port("nginx", 80)
    for number in range(14):
        rig.app(f"c{number}", "http_client.py", "http://nginx/api/v1/items", "3")
    for number in range(14):
        rig.processes[f"c{number}"].wait(40)
    rig.lines[:] = [
        line._replace(service="checkout") if line.service[0] == "c" and line.service[1:].isdigit() else line
        for line in rig.lines
    ]
    yield


@nginx.fault(
    "no-connections", kind="connections-exhausted", what="worker_connections is 6 and clients keep connections open",
    cause="worker_connections is too low: all are in use.", accept=("worker_connections|connection limit|too few connections",),
    signal="worker_connections are not enough", affected=ALL, cold=True,
)  # fmt: skip
def no_connections(rig: Rig) -> Iterator[None]:
    catalogue(rig, SLOW="0.8")
    launch(rig, top="worker_connections 6;")
    rig.pause(1)
    for number in range(10):
        rig.app(f"c{number}", "http_client.py", "http://nginx/api/v1/items", "3")
    for number in range(10):
        rig.processes[f"c{number}"].wait(40)
    rig.lines[:] = [
        line._replace(service="checkout") if line.service[0] == "c" and line.service[1:].isdigit() else line
        for line in rig.lines
    ]
    yield


@nginx.fault(
    "expired-certificate", kind="certificate-expired", what="the certificate of nginx has expired",
    cause="The certificate of nginx has expired.", accept=("certificate", "expired"),
    signal="certificate has expired", affected=("checkout",), cold=True,
)  # fmt: skip
def expired(rig: Rig) -> Iterator[None]:
    certs = pair(rig, "nginx", expired=True)
    catalogue(rig)
    serve(
        rig,
        f"listen 10.0.1.17:443 ssl; ssl_certificate {certs.cert}; ssl_certificate_key {certs.key}; location / {{ proxy_pass http://catalogue:8080; }}",
    )
    checkout(rig, 8, "https://nginx/api/v1/items", CA=authority(rig))
    yield


@nginx.fault(
    "key-mismatch", kind="certificate-key-mismatch", what="the key belongs to another certificate",
    cause="The private key does not belong to the certificate.", accept=("key", "match|belong|pair"),
    signal="key values mismatch", cold=True,
)  # fmt: skip
def key_mismatch(rig: Rig) -> Iterator[None]:
    mine, other = pair(rig, "nginx"), pair(rig, "catalogue")
    catalogue(rig)
    for _ in range(3):
        launch(
            rig, f"listen 10.0.1.17:443 ssl; ssl_certificate {mine.cert}; ssl_certificate_key {other.key};"
        )
        rig.pause(0.6)
    yield


@nginx.fault(
    "certificate-missing", kind="file-missing", what="the file of the certificate is missing",
    cause="The certificate's file does not exist.", accept=("certificate|file", "missing|not exist|no such|not found|cannot (be )?(load|read|open)"),
    signal="cannot load certificate", cold=True,
)  # fmt: skip
def certificate_missing(rig: Rig) -> Iterator[None]:
    catalogue(rig)
    for _ in range(3):
        launch(
            rig,
            "listen 10.0.1.17:443 ssl; ssl_certificate /etc/ssl/shop/tls.crt; ssl_certificate_key /etc/ssl/shop/tls.key;",
        )
        rig.pause(0.6)
    yield


@nginx.fault(
    "forbidden-files", kind="wrong-permissions", what="the folder of static files is readable for root only",
    cause="The nginx user may not read the static files.", accept=("permission|may not read|not readable|access rights|mode",),
    signal="Permission denied", affected=ALL, cold=True,
)  # fmt: skip
def forbidden(rig: Rig) -> Iterator[None]:
    rig.write("/srv/www/api/v1/items", '{"items": [1]}', mode=0o600)
    serve(rig, "listen 10.0.1.17:80; root /srv/www;")
    checkout(rig, 10)
    yield
    Path("/srv/www/api/v1/items").chmod(0o644)


@nginx.healthy("load")
def busy(rig: Rig) -> None:
    checkout(rig, 80, PAUSE="0.01")


@nginx.healthy("reload", kind="restart")
def reload(rig: Rig) -> None:
    for _ in range(3):
        rig.kill("nginx", signal.SIGHUP)
        rig.pause(0.5)
        checkout(rig, 10)
    rig.kill("nginx", signal.SIGQUIT)
    rig.pause(1)


@nginx.healthy("client-errors", kind="client-errors")
def client_errors(rig: Rig) -> None:
    for path in ("favicon.ico", "error-codes", "docs/failed-payments"):
        rig.run("curl", "-s", f"http://nginx/{path}")
    rig.run("curl", "-s", "--max-time", "0.001", "http://nginx/slow", check=False)
    checkout(rig, 15)
