"""Routine work without a fault: builds, tests, package listings, archives, log rotation. Its words often frighten."""

from __future__ import annotations

from lab.rig import PYTHON, Rig
from lab.system import System

routine = System(
    "routine", packages=("gcc", "python3", "nodejs", "logrotate", "openjdk-17-jdk-headless"), service="ci"
)


@routine.healthy("ci-build", kind="build", cold=True)
def build(rig: Rig) -> None:
    rig.write("/srv/build/error_handler.c", "int fail(int e) { return e ? -1 : 0; }\n")
    rig.write(
        "/srv/build/panic.c",
        '#include <stdio.h>\nint fail(int);\nint main(void) { printf("errors: %d\\n", fail(0)); return 0; }\n',
    )
    rig.write(
        "/srv/build/Makefile",
        "app: panic.o error_handler.o\n\tcc -o $@ $^\n%.o: %.c\n\tcc -Wall -Werror -c $<\ntest: app\n\t./app\n\t@echo '0 failures, 0 errors'\n",
    )
    rig.job("ci", "make", "-C", "/srv/build", "app", "test")


@routine.healthy("python-tests", kind="test-run", cold=True)
def tests(rig: Rig) -> None:
    cases = "\n".join(
        f"    def test_{name}(self):\n        self.assertTrue(True)\n"
        for name in (
            "failure_is_reported",
            "error_on_empty_cart",
            "timeout_raises",
            "crash_recovery",
            "fatal_exit_code",
        )
    )
    rig.write("/srv/tests/test_errors.py", f"import unittest\nclass TestErrors(unittest.TestCase):\n{cases}")
    rig.job("ci", PYTHON, "-m", "unittest", "discover", "-v", "-s", "/srv/tests")


@routine.healthy("node-tests", kind="test-run", cold=True)
def node_tests(rig: Rig) -> None:
    rig.write(
        "/srv/tests/errors.test.js",
        "const t = require('node:test'); const a = require('node:assert');\nfor (const n of ['rejects bad coupons', 'throws on failure', 'survives ECONNREFUSED']) t(n, () => a.ok(true));\n",
    )
    rig.job("ci", "/usr/bin/node", "--test", "/srv/tests/errors.test.js")


@routine.healthy("compile-java", kind="build", cold=True)
def java_build(rig: Rig) -> None:
    rig.write(
        "/srv/java/FailureException.java",
        "public class FailureException extends RuntimeException { public FailureException(String m) { super(m); } }\n",
    )
    rig.job("ci", "javac", "-verbose", "-d", "/srv/java/out", "/srv/java/FailureException.java")


@routine.healthy("log-rotation", cold=True)
def rotation(rig: Rig) -> None:
    rig.folder("/var/lib/logrotate")
    for name in ("error", "access", "panic"):
        rig.write(f"/srv/logs/{name}.log", "line\n" * 400)
    rig.write(
        "/srv/logrotate.conf",
        "/srv/logs/*.log {\n  rotate 3\n  size 100\n  compress\n  missingok\n  su root root\n}\n",
    )
    for _ in range(2):
        rig.job("cron", "logrotate", "-v", "-f", "-s", "/srv/state", "/srv/logrotate.conf")


@routine.healthy("package-listing", kind="package-upgrade", cold=True)
def packages(rig: Rig) -> None:
    rig.job("apt", "dpkg", "-l", "libgpg-error0", "libc6", "tzdata", "passwd", "libssl3")
    rig.job("apt", "apt-get", "--simulate", "install", "--reinstall", "libgpg-error0", "tzdata")


@routine.healthy("archive", kind="backup", cold=True)
def archive(rig: Rig) -> None:
    for name in ("errors.csv", "failed-payments.csv", "crash-report.txt"):
        rig.write(f"/srv/data/{name}", "x\n" * 50)
    rig.job("backup", "tar", "-cvzf", "/srv/backup.tar.gz", "/srv/data")
    rig.job("backup", "tar", "-tvzf", "/srv/backup.tar.gz")


@routine.healthy("certificate-renewal", kind="cron", cold=True)
def renewal(rig: Rig) -> None:
    from lab.certificates import pair

    certs = pair(rig, "payments")
    rig.job(
        "cron",
        "openssl",
        "x509",
        "-in",
        certs.cert,
        "-noout",
        "-subject",
        "-issuer",
        "-dates",
        "-checkend",
        "86400",
    )
    rig.job("cron", "openssl", "verify", "-CAfile", "/srv/tls/ca.pem", certs.cert)
