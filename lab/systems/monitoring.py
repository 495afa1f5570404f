"""Prometheus, Alertmanager and the node exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NO_ANSWER, NOT_RUNNING
from lab.rig import Rig
from lab.system import System

prometheus = System("prometheus", packages=("prometheus", "prometheus-node-exporter"), service="prometheus")
alertmanager = System("alertmanager", packages=("prometheus-alertmanager",), service="alertmanager")
DATA = "/srv/prometheus"
RULES = "groups:\n- name: shop\n  interval: 1s\n  rules:\n  - record: shop:up\n    expr: sum(up)\n"
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/srv/rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["alertmanager:9093"]}]}]}
scrape_configs:
- job_name: node
  static_configs: [{targets: ["app:9100"]}]
"""
ALERT = RULES + "  - alert: Always\n    expr: vector(1)\n"


def launch(rig: Rig, config: str = CONFIG, rules: str = RULES, *options: str) -> None:
    """Start Prometheus and do not wait."""
    if not Path(DATA).is_mount():
        rig.folder(DATA, size="64m")
    rig.write("/srv/prometheus.yml", config)
    rig.write("/srv/rules.yml", rules)
    rig.spawn(
        "prometheus",
        "prometheus",
        "--config.file=/srv/prometheus.yml",
        f"--storage.tsdb.path={DATA}",
        "--web.listen-address=10.0.1.26:9090",
        *options,
    )


def serve(rig: Rig, *parts: str) -> None:
    """Start Prometheus with a node exporter and wait until it answers."""
    rig.spawn(
        "node-exporter",
        "prometheus-node-exporter",
        "--web.listen-address=10.0.1.43:9100",
        "--collector.disable-defaults",
        "--collector.cpu",
    )
    rig.wait_port("app", 9100)
    launch(rig, *parts)
    rig.wait_line("prometheus", "Server is ready to receive web requests", 60)


@prometheus.starts
def start(rig: Rig) -> None:
    serve(rig)


@prometheus.loads
def load(rig: Rig) -> None:
    rig.pause(2)


@prometheus.fault(
    "disk-full", kind="disk-full", what="the volume of the time series is full",
    cause="The disk of Prometheus' data folder is full.", accept=DISK_FULL,
    signal="no space left on device|SIGBUS|unexpected fault address",
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    rig.fill(DATA)
    rig.pause(12)
    yield
    Path(DATA, ".fill").unlink()


@prometheus.fault(
    "bad-config", kind="bad-config", what="the configuration holds an unknown field",
    cause="prometheus.yml has an unknown field.", accept=("config|field|yaml|yml", "unknown|invalid|not found|error|wrong|bad|not valid"),
    signal="Error loading config", cold=True,
)  # fmt: skip
def bad_config(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        launch(rig, CONFIG.replace("scrape_interval", "scrape_intervall"))
        rig.processes["prometheus"].wait(30)
    yield
    serve(rig)


@prometheus.fault(
    "bad-rule", kind="bad-query", what="a rule file holds an expression with a syntax error",
    cause="A rule has an expression with a syntax error.", accept=("rule|expression|query|PromQL", "syntax|parse|invalid|error|not valid"),
    signal="parse error|could not parse expression", cold=True,
)  # fmt: skip
def bad_rule(rig: Rig) -> Iterator[None]:
    for _ in range(2):
        launch(rig, CONFIG, RULES.replace("sum(up)", "sum(up"))
        rig.pause(1.5)
        rig.kill("prometheus")
    yield
    serve(rig)


@prometheus.fault(
    "alertmanager-gone", kind="dependency-killed", what="Alertmanager is not running",
    cause="Alertmanager is not running, so alerts are not delivered.", accept=NOT_RUNNING,
    signal="Error sending alert", target="alertmanager", affected=("prometheus", "alertmanager"), cold=True,
)  # fmt: skip
def no_alertmanager(rig: Rig) -> Iterator[None]:
    serve(rig, CONFIG, ALERT, "--rules.alert.resend-delay=1s")
    rig.pause(20)
    yield


@prometheus.fault(
    "duplicate-series", kind="bad-query", what="a recording rule produces two series of one name",
    cause="A recording rule produces several series with the same labels.", accept=("rule|query|expression|series", "duplicate|same label|several|many-to-many|multiple"),
    signal="same labelset", cold=True,
)  # fmt: skip
def duplicate(rig: Rig) -> Iterator[None]:
    serve(
        rig,
        CONFIG,
        RULES.replace("sum(up)", "label_replace(node_cpu_seconds_total, 'cpu', 'all', 'cpu', '.*')").replace(
            "record: shop:up", "record: shop:cpu\n    labels: {mode: any}"
        ),
    )
    rig.pause(15)
    yield


@prometheus.healthy("run", kind="load")
def run(rig: Rig) -> None:
    rig.pause(8)


@prometheus.healthy("reload", kind="restart")
def reload(rig: Rig) -> None:
    import signal

    rig.kill("prometheus", signal.SIGHUP)
    rig.pause(2)
    rig.stop("prometheus")
    launch(rig)
    rig.pause(3)


def manager(rig: Rig, receiver: str = 'webhook_configs: [{url: "http://app:8080/hook"}]') -> None:
    """Start Alertmanager with one receiver and do not wait."""
    rig.write(
        "/srv/alertmanager.yml",
        f"route: {{receiver: team, group_wait: 0s, group_interval: 1s, repeat_interval: 2s, group_by: [alertname]}}\nreceivers:\n- name: team\n  {receiver}\n",
    )
    rig.spawn(
        "alertmanager",
        "prometheus-alertmanager",
        "--config.file=/srv/alertmanager.yml",
        "--storage.path=/srv/am",
        "--web.listen-address=10.0.1.27:9093",
        "--cluster.listen-address=",
    )


def alert(rig: Rig, times: int = 4) -> None:
    """Send alerts."""
    for number in range(times):
        body = json.dumps([{"labels": {"alertname": f"HighLatency{number}", "service": "checkout"}}])
        rig.run(
            "curl",
            "-s",
            "-X",
            "POST",
            "-H",
            "Content-Type: application/json",
            "-d",
            body,
            "http://alertmanager:9093/api/v2/alerts",
        )
        rig.pause(1.2)


@alertmanager.starts
def start_manager(rig: Rig) -> None:
    rig.app("app", "web.py", "10.0.1.43", "8080", env={"NAME": "hook"})
    rig.wait_port("app", 8080)
    manager(rig)
    rig.wait_port("alertmanager", 9093)


@alertmanager.loads
def load_manager(rig: Rig) -> None:
    alert(rig, 2)


@alertmanager.fault(
    "receiver-down", kind="dependency-killed", what="the receiver of the webhook is killed",
    cause="The webhook's receiver is not running.", accept=NOT_RUNNING,
    signal="Notify for alerts failed|notify retry|Notify attempt failed", affected=("alertmanager", "app"), target="app",
)  # fmt: skip
def receiver_down(rig: Rig) -> Iterator[None]:
    rig.kill("app")
    alert(rig)
    yield


@alertmanager.fault(
    "receiver-refuses", kind="bad-deployment", what="a new version of the receiver answers 400",
    cause="The receiver refuses the notification with status 400.", accept=("receiver|webhook|notification", "400|refus|reject|status|answers"),
    signal="unexpected status code 400", affected=("alertmanager", "app"), target="app",
)  # fmt: skip
def receiver_refuses(rig: Rig) -> Iterator[None]:
    rig.stop("app")
    rig.app("app", "web.py", "10.0.1.43", "8080", env={"NAME": "hook", "STATUS": "400"})
    rig.wait_port("app", 8080)
    alert(rig)
    yield


@alertmanager.fault(
    "bad-receiver", kind="bad-config", what="the route names a receiver that does not exist",
    cause="The route refers to a receiver that is not defined.", accept=("receiver|route|config", "undefined|not defined|unknown|not exist|missing|invalid|not found|not valid"),
    signal="undefined receiver|Loading configuration file failed", cold=True,
)  # fmt: skip
def bad_receiver(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        manager(rig, "webhook_configs: []\n- name: other\n- name: team")
        rig.processes["alertmanager"].wait(20)
    yield


@alertmanager.fault(
    "mail-refused", kind="smarthost-unreachable", what="alerts go by e-mail, and no mail server listens",
    cause="The SMTP server (smarthost) is not running.", accept=NO_ANSWER,
    signal="establish connection to server|connection refused", affected=("alertmanager",), cold=True, target="mail",
)  # fmt: skip
def mail_refused(rig: Rig) -> Iterator[None]:
    manager(
        rig,
        'email_configs: [{to: "team@example.com", from: "am@example.com", smarthost: "mail:25", require_tls: false}]',
    )
    rig.wait_port("alertmanager", 9093)
    alert(rig)
    yield


@alertmanager.healthy("run", kind="load")
def run_manager(rig: Rig) -> None:
    alert(rig, 6)
