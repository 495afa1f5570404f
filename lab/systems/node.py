"""A coupon service on Node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NOT_RUNNING, PORT_TAKEN
from lab.rig import Rig
from lab.system import System

node = System("node", packages=("nodejs",), service="coupons")


def coupons(rig: Rig, rounds: int = 6, **env: str) -> None:
    rig.work("coupons", "api.js", str(rounds), env={"MODE": env.pop("MODE", "work"), **env})


@node.loads
def load(rig: Rig) -> None:
    coupons(rig, 8)


@node.fault(
    "undefined", kind="application-bug", what="an order without a customer reaches code that does not check it",
    cause="The code reads a property of undefined.", accept=("undefined|null",),
    signal="Cannot read properties of undefined",
)  # fmt: skip
def undefined(rig: Rig) -> Iterator[None]:
    coupons(rig, MODE="undefined")
    yield


@node.fault(
    "module-missing", kind="dependency-not-installed", what="a module was not installed in the image",
    cause="The module coupon-rules is not installed.", accept=("module|package|dependency", "not installed|missing|not found|cannot find"),
    signal="Cannot find module",
)  # fmt: skip
def module(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        coupons(rig, MODE="module")
    yield


@node.fault(
    "env-missing", kind="missing-environment", what="the variable COUPON_SECRET is missing in a deployment",
    cause="The environment variable COUPON_SECRET is not set.", accept=("variable|environment|env|setting|COUPON_SECRET|config", "not set|missing|unset|undefined|required"),
    signal="COUPON_SECRET is not set",
)  # fmt: skip
def env_missing(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        coupons(rig, MODE="env")
    yield


@node.fault(
    "port-taken", kind="port-taken", what="another process listens on the port",
    cause="Port 8080 is already used by another process.", accept=PORT_TAKEN,
    signal="EADDRINUSE",
)  # fmt: skip
def port(rig: Rig) -> Iterator[None]:
    other = rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.43", "-p", "8080")
    rig.pause(0.4)
    for _ in range(3):
        coupons(rig, MODE="port")
    yield
    other.kill()


@node.fault(
    "heap", kind="heap-exhausted", what="a cache without a limit, the old space is 40 MB",
    cause="The V8 heap is exhausted.", accept=("heap|memory", "exhaust|full|out of|limit|max-old-space"),
    signal="JavaScript heap out of memory|heap limit",
)  # fmt: skip
def heap(rig: Rig) -> Iterator[None]:
    coupons(rig, MODE="heap", NODE_OPTIONS="--max-old-space-size=40")
    yield


@node.fault(
    "rejection", kind="unhandled-error", what="a promise is rejected and nothing catches it",
    cause="A promise rejection is not handled, so Node ends the process.", accept=("promise|rejection|exception|error", "unhandled|not handled|uncaught|not caught"),
    signal="coupon 12 was used twice|unhandled",
)  # fmt: skip
def rejection(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        coupons(rig, MODE="rejection")
    yield


@node.fault(
    "upstream-refused", kind="dependency-killed", what="the payments service is not running",
    cause="The payments service is not running: nothing listens on its port.", accept=NOT_RUNNING,
    signal="ECONNREFUSED", affected=("coupons", "payments"), target="payments",
)  # fmt: skip
def refused(rig: Rig) -> Iterator[None]:
    coupons(rig, 8, MODE="call", URL="http://payments:8080/rates")
    yield


@node.fault(
    "bad-json", kind="bad-upstream-data", what="a new version of the payments service answers with HTML",
    cause="The upstream answers with HTML instead of JSON.", accept=("JSON", "HTML|not JSON|no JSON|not valid|invalid|instead"),
    signal="Unexpected token", affected=("coupons", "payments"), target="payments",
)  # fmt: skip
def bad_json(rig: Rig) -> Iterator[None]:
    rig.app(
        "payments",
        "web.py",
        "10.0.1.44",
        "8080",
        env={"NAME": "payments", "BODY": "<html><body>maintenance</body></html>"},
    )
    rig.wait_port("payments", 8080)
    coupons(rig, 8, MODE="call", URL="http://payments:8080/rates")
    yield


@node.fault(
    "upstream-slow", kind="slow-dependency", what="the payments service answers after three seconds",
    cause="The payments service answers more slowly than the client's timeout.", accept=("slow|timeout|timed out|not answer|too long",),
    signal="timeout of 1500ms exceeded", affected=("coupons", "payments"), target="payments",
)  # fmt: skip
def slow(rig: Rig) -> Iterator[None]:
    rig.app("payments", "web.py", "10.0.1.44", "8080", env={"NAME": "payments", "SLOW": "3"})
    rig.wait_port("payments", 8080)
    coupons(rig, 5, MODE="call", URL="http://payments:8080/rates")
    yield


@node.fault(
    "disk-full", kind="disk-full", what="the service writes to a volume of 1 MB",
    cause="The disk that the service writes to is full.", accept=DISK_FULL,
    signal="ENOSPC",
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    rig.folder("/srv/full", size="1m")
    coupons(rig, 14, MODE="write")
    yield


@node.fault(
    "too-many-files", kind="too-many-files", what="the process may open 20 files only",
    cause="The limit of open files is too low.", accept=("open files|file descriptor|nofile|ulimit|too many (open )?files",),
    signal="EMFILE|Too many open files|too many open files",
)  # fmt: skip
def too_many(rig: Rig) -> Iterator[None]:
    rig.write("/opt/leak.js", "const fs=require('fs');const kept=[];for(let n=0;n<60;n+=1){try{kept.push(fs.openSync('/etc/hostname','r'));console.log(JSON.stringify({level:'info',time:new Date().toISOString(),message:`upload ${n} opened`}));}"
              "catch(e){console.error(`${new Date().toISOString()} error: upload ${n} failed\\n${e.stack}`);}}")  # fmt: skip
    rig.job("coupons", "/usr/bin/node", "/opt/leak.js", files=40)
    yield


@node.fault(
    "syntax", kind="bad-deployment", what="a deployment brings a file with a syntax error",
    cause="The deployed file has a syntax error.", accept=("syntax",),
    signal="SyntaxError",
)  # fmt: skip
def syntax(rig: Rig) -> Iterator[None]:
    source = Path(__file__).parents[1] / "apps" / "api.js"
    rig.write(
        "/opt/coupons-2/api.js",
        source.read_text().replace("async function once(number) {", "async function once(number {"),
    )
    for _ in range(3):
        rig.job("coupons", "/usr/bin/node", "/opt/coupons-2/api.js")
    yield


@node.healthy("load")
def busy(rig: Rig) -> None:
    coupons(rig, 80)
