"""Mosquitto and NATS, two small brokers."""

from __future__ import annotations

from collections.abc import Iterator

from lab.causes import NOT_RUNNING, PORT_TAKEN
from lab.certificates import authority, pair
from lab.rig import Rig
from lab.system import System

mosquitto = System("mosquitto", packages=("mosquitto", "mosquitto-clients"), service="mosquitto")
nats = System("nats", packages=("nats-server",), service="nats")


def launch(rig: Rig, conf: str = "allow_anonymous true\nlistener 1883 10.0.1.28\n") -> None:
    """Start Mosquitto and do not wait."""
    rig.write(
        "/srv/mosquitto.conf",
        f"log_dest stdout\nlog_timestamp_format %Y-%m-%dT%H:%M:%S\npersistence false\nuser mosquitto\n{conf}",
    )
    rig.spawn("mosquitto", "mosquitto", "-c", "/srv/mosquitto.conf")


def publish(rig: Rig, times: int, *words: str, port: str = "1883", host: str = "mqtt") -> None:
    """Publish as a sensor gateway, whose output is collected."""
    for number in range(times):
        rig.job(
            "gateway",
            "mosquitto_pub",
            "-d",
            "-h",
            host,
            "-p",
            port,
            "-i",
            f"sensor-{number}",
            "-t",
            "bins/level",
            "-m",
            str(number),
            "-q",
            "1",
            *words,
        )


@mosquitto.starts
def start(rig: Rig) -> None:
    launch(rig)
    rig.wait_port("mqtt", 1883)


@mosquitto.loads
def load(rig: Rig) -> None:
    publish(rig, 4)


@mosquitto.fault(
    "not-authorised", kind="wrong-password", what="the broker asks for a password and the gateway sends a wrong one",
    cause="The gateway's user name or password is wrong.", accept=("password|credential|authori[sz]|authenticat",),
    signal="not authori[sz]ed", affected=("gateway",), target="gateway", cold=True,
)  # fmt: skip
def not_authorised(rig: Rig) -> Iterator[None]:
    rig.run("mosquitto_passwd", "-b", "-c", "/srv/mqtt-passwd", "shop", "orchard-7")
    rig.run("chown", "mosquitto", "/srv/mqtt-passwd")
    launch(rig, "allow_anonymous false\npassword_file /srv/mqtt-passwd\nlistener 1883 10.0.1.28\n")
    rig.wait_port("mqtt", 1883)
    publish(rig, 3, "-u", "shop", "-P", "orchard-7")
    publish(rig, 6, "-u", "shop", "-P", "orchard-6")
    yield


@mosquitto.fault(
    "killed", kind="dependency-killed", what="the broker is killed",
    cause="The MQTT broker is not running.", accept=NOT_RUNNING,
    signal="Connection refused", affected=("mosquitto", "gateway"),
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("mosquitto")
    publish(rig, 5)
    yield
    launch(rig)
    rig.wait_port("mqtt", 1883)


@mosquitto.fault(
    "untrusted-certificate", kind="certificate-untrusted", what="the broker's certificate is self-signed",
    cause="The broker's certificate is self-signed: its issuer is not trusted by the client.", accept=("certificate", "trust|self[- ]signed|issuer|authority|CA\\b"),
    signal="certificate verify failed|unknown ca|A TLS error occurred", affected=("gateway",), cold=True,
)  # fmt: skip
def untrusted(rig: Rig) -> Iterator[None]:
    certs, ca = pair(rig, "mqtt", self_signed=True), authority(rig)
    launch(
        rig, f"allow_anonymous true\nlistener 8883 10.0.1.28\ncertfile {certs.cert}\nkeyfile {certs.key}\n"
    )
    rig.wait_port("mqtt", 8883)
    publish(rig, 5, "--cafile", ca, port="8883")
    yield


@mosquitto.fault(
    "bad-config", kind="bad-config", what="the configuration holds an unknown variable",
    cause="The configuration has an unknown variable.", accept=("config|variable|option", "unknown|invalid|error|bad|wrong|not valid"),
    signal="Unknown configuration variable", cold=True,
)  # fmt: skip
def bad_config(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        launch(rig, "allow_anonymus true\nlistener 1883 10.0.1.28\n")
        rig.processes["mosquitto"].wait(10)
    yield


@mosquitto.fault(
    "port-taken", kind="port-taken", what="another process listens on port 1883",
    cause="Port 1883 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.28", "-p", "1883")
    rig.pause(0.4)
    for _ in range(3):
        launch(rig)
        rig.processes["mosquitto"].wait(10)
    yield


@mosquitto.healthy("load")
def busy(rig: Rig) -> None:
    publish(rig, 40)


@nats.starts
def start_nats(rig: Rig) -> None:
    nats_server(rig)
    rig.wait_port("nats", 4222)


def nats_server(rig: Rig, conf: str = "", address: str = "10.0.1.32") -> None:
    """Start NATS and do not wait."""
    rig.write("/srv/nats.conf", f'listen: "{address}:4222"\ndebug: false\n{conf}\n')
    rig.spawn("nats", "nats-server", "-c", "/srv/nats.conf")


def talk(rig: Rig, times: int, text: str, *lines: str) -> None:
    """Publish with the text protocol, as a service whose output is collected."""
    for _ in range(times):
        script = "\\r\\n".join(["CONNECT " + text, *lines, "PUB bins 2", "42", "PING"]) + "\\r\\n"
        rig.job(
            "gateway",
            "sh",
            "-c",
            f"(printf '{script}'; sleep 0.4) | nc -w 2 nats 4222 | sed 's/^/gateway: nats says /'",
        )


OPEN = '{"verbose":false,"pedantic":false,"name":"gateway"}'


@nats.loads
def load_nats(rig: Rig) -> None:
    talk(rig, 3, OPEN)


@nats.fault(
    "authorization", kind="wrong-password", what="the server asks for a password and the gateway sends a wrong one",
    cause="The gateway's user name or password is wrong.", accept=("password|credential|authori[sz]ation|authenticat",),
    signal="authentication error|Authorization Violation", affected=("gateway",), target="gateway", cold=True,
)  # fmt: skip
def authorization(rig: Rig) -> Iterator[None]:
    nats_server(rig, "authorization { user: shop, password: orchard-7 }")
    rig.wait_port("nats", 4222)
    talk(rig, 5, '{"verbose":false,"user":"shop","pass":"orchard-6"}')
    yield


@nats.fault(
    "payload-too-large", kind="request-too-large", what="messages are larger than max_payload",
    cause="The message is larger than max_payload.", accept=("payload|message", "large|maximum|max_payload|exceed|size"),
    signal="maximum payload", affected=("gateway",), target="gateway", cold=True,
)  # fmt: skip
def payload(rig: Rig) -> Iterator[None]:
    nats_server(rig, "max_payload: 100")
    rig.wait_port("nats", 4222)
    talk(rig, 4, OPEN, "PUB bins 5000", "x" * 5000)
    yield


@nats.fault(
    "max-connections", kind="connections-exhausted", what="two idle clients hold all connections",
    cause="The maximum number of connections is reached.", accept=("maximum|max_connections|limit|too many", "connection"),
    signal="maximum connections exceeded", affected=("gateway",), cold=True,
)  # fmt: skip
def max_connections(rig: Rig) -> Iterator[None]:
    nats_server(rig, "max_connections: 2")
    rig.wait_port("nats", 4222)
    for number in range(2):
        rig.spawn(
            f"idle-{number}", "sh", "-c", "(printf 'CONNECT {}\\r\\n'; sleep 60) | nc nats 4222 > /dev/null"
        )
    rig.pause(1)
    talk(rig, 5, OPEN)
    yield


@nats.fault(
    "bad-config", kind="bad-config", what="the configuration holds an unknown field",
    cause="The configuration has an unknown field.", accept=("config|field", "unknown|invalid|error|bad|wrong|not valid"),
    signal="unknown field", cold=True,
)  # fmt: skip
def nats_config(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        nats_server(rig, "max_conections: 20")
        rig.processes["nats"].wait(10)
    yield


@nats.fault(
    "jetstream-read-only", kind="read-only-mount", what="the store of JetStream is on a read-only file system",
    cause="JetStream's store is on a read-only file system.", accept=("read[- ]only|not writable|cannot write|permission",),
    signal="read-only file system|Can't start JetStream", cold=True,
)  # fmt: skip
def jetstream(rig: Rig) -> Iterator[None]:
    rig.folder("/srv/js")
    rig.remount("/srv/js", "ro")
    for _ in range(2):
        nats_server(rig, 'jetstream { store_dir: "/srv/js" }')
        rig.processes["nats"].wait(15)
    yield


@nats.healthy("load")
def busy_nats(rig: Rig) -> None:
    talk(rig, 8, OPEN)
