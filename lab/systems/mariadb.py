"""MariaDB with a billing service that stores in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NOT_RUNNING
from lab.rig import Rig
from lab.system import System

mariadb = System("mariadb", packages=("mariadb-server", "mariadb-client", "python3-pymysql"), service="mysql")
DATA = "/var/lib/mysql"
BOTH = ("mysql", "billing")
SCHEMA = """CREATE DATABASE shop; CREATE USER shop@'%' IDENTIFIED BY 'orchard-7'; GRANT ALL ON shop.* TO shop@'%';
CREATE TABLE shop.invoices (id int PRIMARY KEY AUTO_INCREMENT, customer int NOT NULL, total int NOT NULL) ENGINE=InnoDB;
INSERT INTO shop.invoices (customer, total) VALUES (1, 1), (2, 2);
"""
SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-data-file-path=ibdata1:4M:autoextend",
    "--skip-name-resolve",
)


def prepare(rig: Rig) -> None:
    """Make an empty data folder with the system tables."""
    rig.folder(DATA, "mysql", "400m")
    rig.folder("/run/mysqld", "mysql")
    rig.run(
        "mariadb-install-db",
        "--no-defaults",
        "--user=mysql",
        f"--datadir={DATA}",
        "--skip-test-db",
        "--innodb-log-file-size=4M",
        "--innodb-data-file-path=ibdata1:4M:autoextend",
        seconds=90,
    )


def launch(rig: Rig, *options: str) -> None:
    """Start the server and do not wait."""
    rig.spawn(
        "mysql",
        "mariadbd",
        "--no-defaults",
        f"--datadir={DATA}",
        "--socket=/run/mysqld/mysqld.sock",
        "--bind-address=10.0.1.16",
        *SMALL,
        *options,
        user="mysql",
        cwd=DATA,
    )


def serve(rig: Rig, *options: str) -> None:
    """Start the server with the shop's tables and wait until it answers."""
    before = len(rig.lines)
    launch(rig, *options)
    rig.wait_line("mysql", "ready for connections", 60, after=before)
    if not Path(DATA, "shop").exists():
        sql(rig, SCHEMA)


def sql(rig: Rig, text: str) -> str:
    """Run SQL as the administrator."""
    return rig.run("mariadb", "--no-defaults", "-S", "/run/mysqld/mysqld.sock", "-u", "root", stdin=text)


def bill(rig: Rig, rounds: int, *mode: str, **env: str) -> None:
    rig.work("billing", "mysql_shop.py", str(rounds), *mode, env=env)


@mariadb.starts
def start(rig: Rig) -> None:
    prepare(rig)
    serve(rig)


@mariadb.loads
def load(rig: Rig) -> None:
    bill(rig, 10)


@mariadb.fault(
    "too-many-connections", kind="connections-exhausted", what="a service opens more sessions than max_connections",
    cause="All connections of MariaDB are used (max_connections).", accept=("max_connections|too many connections|connection limit|all connections",),
    signal="Too many connections", affected=BOTH,
)  # fmt: skip
def too_many(rig: Rig) -> Iterator[None]:
    sql(rig, "SET GLOBAL max_connections = 10")
    bill(rig, 18, "hold")
    yield
    sql(rig, "SET GLOBAL max_connections = 151")


@mariadb.fault(
    "wrong-password", kind="wrong-password", what="the billing service gets a wrong password",
    cause="The service logs in with a wrong password.", accept=("password|credential",),
    signal="Access denied for user", affected=("billing",), target="billing",
)  # fmt: skip
def wrong_password(rig: Rig) -> Iterator[None]:
    bill(rig, 8, DB_PASSWORD="orchard-6")
    yield


@mariadb.fault(
    "missing-table", kind="missing-table", what="the table invoices is renamed",
    cause="The table does not exist: code and schema do not fit.", accept=("table|schema|migration", "not exist|missing|not run|not applied|not there"),
    signal="doesn't exist", affected=("billing",),
)  # fmt: skip
def missing_table(rig: Rig) -> Iterator[None]:
    sql(rig, "RENAME TABLE shop.invoices TO shop.invoices_2")
    bill(rig, 8)
    yield
    sql(rig, "RENAME TABLE shop.invoices_2 TO shop.invoices")


@mariadb.fault(
    "deadlock", kind="deadlock", what="two transactions lock two rows in opposite order",
    cause="Deadlock: two transactions lock the same rows in opposite order.", accept=("deadlock", "order|each other|transactions"),
    signal="Deadlock found", affected=("billing",), target="billing",
)  # fmt: skip
def deadlock(rig: Rig) -> Iterator[None]:
    bill(rig, 1, "deadlock")
    yield


@mariadb.fault(
    "lock-wait", kind="lock-wait", what="a session holds a row lock longer than innodb_lock_wait_timeout",
    cause="Another transaction holds the row lock longer than innodb_lock_wait_timeout.", accept=("lock", "wait|timeout|held|holds|another"),
    signal="Lock wait timeout", affected=("billing",),
)  # fmt: skip
def lock_wait(rig: Rig) -> Iterator[None]:
    sql(rig, "SET GLOBAL innodb_lock_wait_timeout = 1")
    holder = rig.spawn(
        "maintenance",
        "mariadb",
        "--no-defaults",
        "-S",
        "/run/mysqld/mysqld.sock",
        "-u",
        "root",
        "-e",
        "BEGIN; UPDATE shop.invoices SET total = 0 WHERE id = 1; SELECT SLEEP(9)",
    )
    rig.pause(0.7)
    bill(rig, 4, SQL="UPDATE invoices SET total = total + 1 WHERE id = 1")
    yield
    holder.terminate()
    rig.pause(0.5)
    rig.lines[:] = [line for line in rig.lines if line.service != "maintenance"]
    sql(rig, "SET GLOBAL innodb_lock_wait_timeout = 50")


@mariadb.fault(
    "packet-too-large", kind="limit-too-low", what="a statement is larger than max_allowed_packet",
    cause="The statement is larger than max_allowed_packet.", accept=("max_allowed_packet|packet",),
    signal="max_allowed_packet|got a packet bigger|Lost connection|gone away", affected=("billing",), target="billing",
)  # fmt: skip
def packet(rig: Rig) -> Iterator[None]:
    sql(rig, "SET GLOBAL max_allowed_packet = 1024")
    bill(rig, 5, SQL=f"SELECT '{'x' * 90000}'", RECONNECT="1")
    yield
    sql(rig, "SET GLOBAL max_allowed_packet = 16777216")


@mariadb.fault(
    "killed", kind="dependency-killed", what="the server is killed with SIGKILL and recovers later",
    cause="MariaDB is not running.", accept=NOT_RUNNING,
    signal="Can't connect to MySQL|Connection refused", affected=BOTH,
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("mysql")
    bill(rig, 8)
    yield
    serve(rig)


@mariadb.fault(
    "disk-full", kind="disk-full", what="the volume of the data folder is full while the service writes",
    cause="The disk of MariaDB's data folder is full.", accept=DISK_FULL,
    signal="No space left|Disk is full|disk full|table .* is full|Errcode: 28|error 28", affected=BOTH,
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    sql(rig, "CREATE TABLE shop.big (text longtext) ENGINE=InnoDB")
    rig.fill(DATA)
    bill(rig, 6, SQL="INSERT INTO big SELECT REPEAT(UUID(), 100000) FROM seq_1_to_3")
    yield
    Path(DATA, ".fill").unlink()
    rig.pause(1)


@mariadb.fault(
    "system-tables-missing", kind="data-missing", what="the server starts on an empty data folder",
    cause="The data folder has no system tables: it was not initialised or is the wrong folder.", accept=("data (folder|directory)|datadir|system tables|mysql\\.", "init|empty|missing|not exist|install|wrong"),
    signal="mysql.plugin|doesn't exist|Can't open and lock privilege tables", cold=True,
)  # fmt: skip
def empty(rig: Rig) -> Iterator[None]:
    rig.folder(DATA, "mysql")
    rig.folder("/run/mysqld", "mysql")
    for _ in range(2):
        launch(rig)
        rig.processes["mysql"].wait(40)
    yield


@mariadb.fault(
    "unknown-option", kind="bad-config", what="the server is started with an unknown option",
    cause="The configuration has an unknown variable.", accept=("option|variable|config|setting", "unknown|invalid|bad|wrong|not valid"),
    signal="unknown (option|variable)", cold=True,
)  # fmt: skip
def unknown_option(rig: Rig) -> Iterator[None]:
    prepare(rig)
    for _ in range(2):
        launch(rig, "--query-cache-sizes=1M")
        rig.processes["mysql"].wait(40)
    yield
    serve(rig)


@mariadb.healthy("load")
def busy(rig: Rig) -> None:
    bill(rig, 100, PAUSE="0.01", RECONNECT="1")


@mariadb.healthy("restart")
def restart(rig: Rig) -> None:
    rig.stop("mysql")
    serve(rig)
    bill(rig, 10)


@mariadb.healthy("backup")
def backup(rig: Rig) -> None:
    rig.job(
        "backup",
        "mariadb-dump",
        "--no-defaults",
        "-v",
        "-S",
        "/run/mysqld/mysqld.sock",
        "-u",
        "root",
        "--result-file=/srv/shop.sql",
        "shop",
    )
    rig.job(
        "backup",
        "mariadb-check",
        "--no-defaults",
        "-S",
        "/run/mysqld/mysqld.sock",
        "-u",
        "root",
        "--all-databases",
    )
    bill(rig, 10)
