"""bind9 and dnsmasq, with dig and a service as clients."""

from __future__ import annotations

from collections.abc import Iterator

from lab.causes import NO_ANSWER, PORT_TAKEN
from lab.namespace import ADDRESSES, name_hosts
from lab.rig import Rig
from lab.system import System

bind = System("bind", packages=("bind9", "bind9-dnsutils", "python3-requests"), service="named")
dnsmasq = System(
    "dnsmasq", packages=("dnsmasq-base", "bind9-dnsutils", "python3-requests"), service="dnsmasq"
)
ADDRESS = ADDRESSES["dns"]
ZONE = """$TTL 60
@ IN SOA ns1.shop.internal. admin.shop.internal. (1 3600 600 86400 60)
@ IN NS ns1.shop.internal.
ns1 IN A 10.0.1.22
catalogue IN A 10.0.1.45
"""


def named(rig: Rig, options: str = "recursion no;", zone: str = ZONE, more: str = "", port: int = 53) -> None:
    """Start BIND with the zone shop.internal and do not wait."""
    rig.folder("/var/cache/bind", "bind")
    rig.folder("/run/named", "bind")
    rig.write("/srv/bind/db.shop", zone)
    rig.write(
        "/srv/bind/named.conf",
        f"""options {{ directory "/var/cache/bind"; listen-on port {port} {{ {ADDRESS}; }}; listen-on-v6 {{ none; }}; pid-file "/run/named/named.pid"; session-keyfile "/run/named/session.key"; dnssec-validation no; {options} }};
controls {{ }};
zone "shop.internal" {{ type primary; file "/srv/bind/db.shop"; }};
{more}
""",
    )
    rig.spawn("named", "named", "-g", "-u", "bind", "-c", "/srv/bind/named.conf", "-n", "1")


def dig(rig: Rig, name: str = "catalogue.shop.internal", times: int = 3, *words: str) -> None:
    for _ in range(times):
        rig.job("lookup", "dig", "+time=1", "+tries=1", *words, f"@{ADDRESS}", name)


@bind.starts
def start(rig: Rig) -> None:
    named(rig)
    rig.wait_line("named", "running")


@bind.loads
def load(rig: Rig) -> None:
    dig(rig)


def shop(rig: Rig, rounds: int, host: str = "catalogue.shop.internal") -> None:
    """Call the catalogue by a name that only the DNS server knows."""
    name_hosts({})
    rig.work("checkout", "http_client.py", f"http://{host}:8080/items", str(rounds))
    name_hosts(ADDRESSES)


@bind.fault(
    "zone-broken", kind="bad-config", what="a record of the zone file has a syntax error",
    cause="The zone file has a syntax error, so the zone is not loaded.", accept=("zone", "syntax|error|invalid|not loaded|broken|bad"),
    signal="not loaded due to errors|unknown RR type|syntax error", cold=True,
)  # fmt: skip
def zone_broken(rig: Rig) -> Iterator[None]:
    named(rig, zone=ZONE + "orders IN AA 10.0.1.46\n")
    rig.wait_line("named", "running")
    dig(rig)
    yield


@bind.fault(
    "zone-file-missing", kind="file-missing", what="the zone's file does not exist",
    cause="The file of the zone does not exist.", accept=("zone|file", "not found|missing|not exist|no such"),
    signal="file not found|loading from master file", cold=True,
)  # fmt: skip
def file_missing(rig: Rig) -> Iterator[None]:
    named(rig, more='zone "pay.internal" { type primary; file "/srv/bind/db.pay"; };')
    rig.wait_line("named", "running")
    dig(rig, "ns1.pay.internal")
    yield


@bind.fault(
    "unknown-option", kind="bad-directive", what="named.conf holds an unknown option",
    cause="named.conf has an unknown option.", accept=("config|option|named\\.conf", "unknown|invalid|syntax|bad|error|wrong|not valid"),
    signal="unknown option", cold=True,
)  # fmt: skip
def unknown_option(rig: Rig) -> Iterator[None]:
    for _ in range(2):
        named(rig, "recursoin no;")
        rig.processes["named"].wait(20)
    yield


@bind.fault(
    "forwarder-down", kind="dependency-unreachable", what="the forwarder does not answer",
    cause="The forwarder does not answer, so other names cannot be resolved.", accept=NO_ANSWER,
    signal="connection refused resolving|SERVFAIL|timed out resolving|unexpected RCODE", affected=("named", "lookup"), cold=True,
)  # fmt: skip
def forwarder_down(rig: Rig) -> Iterator[None]:
    named(rig, "recursion yes; allow-query { any; }; forward only; forwarders { 10.0.1.23; };")
    rig.wait_line("named", "running")
    for name in ("api.example.com", "kakao.example.com", "s3.example.com"):
        rig.job("lookup", "dig", "+time=4", "+tries=1", f"@{ADDRESS}", name)
    yield


@bind.fault(
    "transfer-refused", kind="access-denied", what="a secondary server may not transfer the zone",
    cause="The zone transfer is denied for this client (allow-transfer).", accept=("transfer", "denied|refused|not allow|allow-transfer"),
    signal="zone transfer .* denied|Transfer failed", affected=("lookup",), cold=True,
)  # fmt: skip
def transfer(rig: Rig) -> Iterator[None]:
    named(rig, "recursion no; allow-transfer { none; };")
    rig.wait_line("named", "running")
    dig(rig, "shop.internal", 3, "axfr")
    yield


@bind.healthy("load")
def queries(rig: Rig) -> None:
    dig(rig, times=15)
    dig(rig, "does-not-exist.shop.internal", 3)


def masq(rig: Rig, *options: str) -> None:
    """Start dnsmasq and do not wait."""
    rig.spawn(
        "dnsmasq",
        "dnsmasq",
        "-k",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--log-facility=-",
        "--log-queries",
        f"--listen-address={ADDRESS}",
        "--user=root",
        "--pid-file",
        *options,
    )


@dnsmasq.starts
def start_masq(rig: Rig) -> None:
    masq(rig, "--address=/catalogue.shop.internal/10.0.1.45")
    rig.app("catalogue", "web.py", "10.0.1.45", "8080")
    rig.wait_port("catalogue", 8080)


@dnsmasq.loads
def load_masq(rig: Rig) -> None:
    shop(rig, 6)


@dnsmasq.fault(
    "killed", kind="dns-gone", what="the only DNS server is killed",
    cause="The DNS server does not answer, so no name resolves.", accept=("DNS|name server|nameserver|resolv", "not answer|down|unreachable|unavailable|not reach|not running|no answer|temporar"),
    signal="Temporary failure in name resolution", affected=("dnsmasq", "checkout"),
)  # fmt: skip
def dns_killed(rig: Rig) -> Iterator[None]:
    rig.kill("dnsmasq")
    shop(rig, 4)
    yield
    masq(rig, "--address=/catalogue.shop.internal/10.0.1.45")
    rig.pause(0.5)


@dnsmasq.fault(
    "name-unknown", kind="dns-unknown-name", what="the service calls a name that the DNS server does not know",
    cause="The host name does not exist in DNS (NXDOMAIN).", accept=("not exist|NXDOMAIN|unknown|no such|misspelt|wrong name|not known|does not resolve|not resolv",  "name|host|DNS"),
    signal="Name or service not known|NXDOMAIN|No address associated", affected=("checkout",), target="checkout", cold=True,
)  # fmt: skip
def unknown_name(rig: Rig) -> Iterator[None]:
    masq(rig, "--address=/catalogue.shop.internal/10.0.1.45", "--local=/shop.internal/")
    rig.app("catalogue", "web.py", "10.0.1.45", "8080")
    rig.wait_port("catalogue", 8080)
    shop(rig, 6)
    shop(rig, 6, "catalog.shop.internal")
    yield


@dnsmasq.fault(
    "port-taken", kind="port-taken", what="another process listens on port 53",
    cause="Port 53 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    other = rig.spawn("other", "nc", "-l", "-k", "-s", ADDRESS, "-p", "53")
    rig.pause(0.4)
    for _ in range(3):
        masq(rig)
        rig.processes["dnsmasq"].wait(10)
    yield
    other.kill()


@dnsmasq.fault(
    "upstream-refuses", kind="dependency-unreachable", what="the upstream DNS server refuses every query",
    cause="The upstream DNS server refuses recursion, so names outside do not resolve.", accept=("upstream|forward|resolver|recursion", "refus|not allow|not recurs"),
    signal="REFUSED|Temporary failure|No address", affected=("dnsmasq", "checkout"), cold=True,
)  # fmt: skip
def upstream_refuses(rig: Rig) -> Iterator[None]:
    named(rig)
    rig.wait_line("named", "running")
    rig.stop("named")
    rig.run("sed", "-i", f"s/{ADDRESS};/10.0.1.29;/", "/srv/bind/named.conf")
    rig.spawn("named", "named", "-g", "-u", "bind", "-c", "/srv/bind/named.conf", "-n", "1")
    rig.pause(1.5)
    masq(rig, "--server=10.0.1.29")
    rig.pause(0.5)
    shop(rig, 4, "catalogue.example.com")
    yield


@dnsmasq.healthy("load")
def masq_queries(rig: Rig) -> None:
    shop(rig, 30)
