"""PostgreSQL with an order service that stores in it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, HANGS, NOT_RUNNING
from lab.rig import Rig
from lab.system import System

postgres = System("postgres", packages=("postgresql-15", "python3-psycopg2"), service="postgres")
BIN = "/usr/lib/postgresql/15/bin"
HOME = "/var/lib/postgresql"
DATA = f"{HOME}/15/main"
BOTH = ("postgres", "orders")
SCHEMA = """CREATE ROLE shop LOGIN PASSWORD 'orchard-7'; CREATE DATABASE shop OWNER shop;
\\c shop shop
CREATE TABLE orders (id serial PRIMARY KEY, customer int NOT NULL, total int NOT NULL);
CREATE TABLE stock (id int PRIMARY KEY, amount int NOT NULL); INSERT INTO stock VALUES (1, 100), (2, 100);
"""
HBA = "local all all trust\nhost all all 0.0.0.0/0 scram-sha-256\nlocal replication all trust\nhost replication all 0.0.0.0/0 trust\n"


def prepare(rig: Rig, size: str = "200m") -> None:
    """Make a cluster with the shop's tables, whose logs are not collected."""
    rig.folder(HOME, "postgres", size)
    rig.folder("/run/postgresql", "postgres")
    rig.run(
        f"{BIN}/initdb",
        "-D",
        DATA,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--wal-segsize=1",
        "-N",
        user="postgres",
    )
    rig.write(f"{DATA}/pg_hba.conf", HBA, "postgres")
    rig.run(
        f"{BIN}/pg_ctl",
        "-D",
        DATA,
        "-w",
        "-l",
        "/dev/null",
        "-o",
        "-c listen_addresses=''",
        "start",
        user="postgres",
    )
    sql(rig, SCHEMA, database="postgres")
    rig.run(f"{BIN}/pg_ctl", "-D", DATA, "-w", "-m", "fast", "stop", user="postgres")


def launch(rig: Rig, *settings: str) -> None:
    """Start the server and do not wait."""
    options = [
        part
        for setting in (
            "listen_addresses=10.0.1.13",
            "max_wal_size=8MB",
            "min_wal_size=2MB",
            "log_line_prefix=%m [%p] %q%u@%d ",
            *settings,
        )
        for part in ("-c", setting)
    ]
    rig.spawn("postgres", f"{BIN}/postgres", "-D", DATA, *options, user="postgres", cwd=HOME)


def serve(rig: Rig, *settings: str) -> None:
    """Start the server and wait until it answers."""
    before = len(rig.lines)
    launch(rig, *settings)
    rig.wait_line("postgres", "ready to accept connections", after=before)


def sql(rig: Rig, text: str, database: str = "shop", check: bool = True) -> str:
    """Run SQL as the administrator."""
    return rig.run(
        "psql",
        "-X",
        "-q",
        "-h",
        "/run/postgresql",
        "-d",
        database,
        "-v",
        f"ON_ERROR_STOP={int(check)}",
        stdin=text,
        user="postgres",
        check=check,
    )


def orders(rig: Rig, rounds: int, *mode: str, **env: str) -> None:
    rig.work("orders", "pg_shop.py", str(rounds), *mode, env=env)


@postgres.starts
def start(rig: Rig) -> None:
    prepare(rig)
    serve(rig)


@postgres.loads
def load(rig: Rig) -> None:
    orders(rig, 10)


@postgres.fault(
    "too-many-connections", kind="connections-exhausted", what="a service opens more sessions than max_connections",
    cause="All connection slots of PostgreSQL are used (max_connections).", accept=("max_connections|too many (clients|connections)|connection slots|connection limit|all connections",),
    signal="too many clients|remaining connection slots", affected=BOTH, cold=True,
)  # fmt: skip
def too_many(rig: Rig) -> Iterator[None]:
    prepare(rig)
    serve(rig, "max_connections=12")
    orders(rig, 8)
    orders(rig, 16, "hold")
    yield


@postgres.fault(
    "wrong-password", kind="wrong-password", what="the order service gets a wrong password",
    cause="The order service logs in with a wrong password.", accept=("password|credential",),
    signal="password authentication failed", affected=("orders",), target="orders",
)  # fmt: skip
def wrong_password(rig: Rig) -> Iterator[None]:
    orders(rig, 8, DSN="host=postgres dbname=shop user=shop password=orchard-6")
    yield


@postgres.fault(
    "no-hba-entry", kind="access-denied", what="the line for the network is removed from pg_hba.conf",
    cause="pg_hba.conf has no entry that allows the service's host, user and database.", accept=("pg_hba",),
    signal="no pg_hba.conf entry", affected=("orders",),
)  # fmt: skip
def no_hba(rig: Rig) -> Iterator[None]:
    rig.write(f"{DATA}/pg_hba.conf", "local all all trust\n", "postgres")
    sql(rig, "SELECT pg_reload_conf()")
    rig.pause(0.5)
    orders(rig, 8)
    yield
    rig.write(f"{DATA}/pg_hba.conf", HBA, "postgres")
    sql(rig, "SELECT pg_reload_conf()")
    rig.pause(0.5)


@postgres.fault(
    "missing-table", kind="missing-table", what="the table orders is renamed while the service writes to it",
    cause="The table orders does not exist: it was renamed, the migration and the code do not fit.", accept=("table|relation|schema|migration", "not exist|missing|not run|not applied|not there"),
    signal='relation "orders" does not exist', affected=BOTH,
)  # fmt: skip
def missing_table(rig: Rig) -> Iterator[None]:
    sql(rig, "ALTER TABLE orders RENAME TO orders_2")
    orders(rig, 8)
    yield
    sql(rig, "ALTER TABLE orders_2 RENAME TO orders")


@postgres.fault(
    "bad-migration", kind="bad-migration", what="a migration adds a NOT NULL column that the old code does not fill",
    cause="A migration added a NOT NULL column that the service does not fill.", accept=("not[- ]null",),
    signal="violates not-null constraint", affected=BOTH,
)  # fmt: skip
def bad_migration(rig: Rig) -> Iterator[None]:
    sql(
        rig,
        "ALTER TABLE orders ADD COLUMN currency text NOT NULL DEFAULT 'KRW'; ALTER TABLE orders ALTER currency DROP DEFAULT",
    )
    orders(rig, 8)
    yield
    sql(rig, "ALTER TABLE orders DROP COLUMN currency")


@postgres.fault(
    "missing-column", kind="missing-column", what="a new version of the service reads a column whose migration did not run",
    cause="The column currency does not exist: the migration was not run before the deployment.", accept=("column", "not exist|missing|migration|unknown"),
    signal='column "currency"', affected=("orders",), target="orders",
)  # fmt: skip
def missing_column(rig: Rig) -> Iterator[None]:
    orders(rig, 8, SQL="INSERT INTO orders (customer, total, currency) VALUES (%(number)s, 10, 'KRW')")
    yield


@postgres.fault(
    "deadlock", kind="deadlock", what="two transactions lock two rows in opposite order",
    cause="Deadlock: two transactions lock the same rows in opposite order and wait for each other.", accept=("deadlock", "order|each other|transactions"),
    signal="deadlock detected", affected=BOTH,
)  # fmt: skip
def deadlock(rig: Rig) -> Iterator[None]:
    orders(rig, 1, "deadlock")
    yield


@postgres.fault(
    "lock-wait", kind="lock-wait", what="a maintenance session holds an exclusive table lock longer than lock_timeout",
    cause="Another session holds a lock on the table longer than lock_timeout.", accept=("lock", "wait|timeout|held|holds|another"),
    signal="lock timeout", affected=BOTH,
)  # fmt: skip
def lock_wait(rig: Rig) -> Iterator[None]:
    sql(rig, "ALTER ROLE shop SET lock_timeout = '700ms'")
    holder = rig.spawn(
        "maintenance",
        "psql",
        "-X",
        "-q",
        "-h",
        "/run/postgresql",
        "shop",
        "-c",
        "BEGIN; LOCK TABLE orders; SELECT pg_sleep(6)",
        user="postgres",
    )
    rig.pause(0.7)
    orders(rig, 5)
    yield
    holder.terminate()
    rig.pause(1)
    rig.lines[:] = [line for line in rig.lines if line.service != "maintenance"]


@postgres.fault(
    "statement-timeout", kind="slow-query", what="a report without an index runs longer than statement_timeout",
    cause="The query takes longer than statement_timeout.", accept=("statement[_ ]timeout|quer(y|ies).{0,60}(slow|too long|longer)",),
    signal="statement timeout", affected=("orders",), target="orders",
)  # fmt: skip
def statement_timeout(rig: Rig) -> Iterator[None]:
    sql(rig, "ALTER ROLE shop SET statement_timeout = '500ms'")
    orders(
        rig,
        5,
        SQL="SELECT count(*), max(a.n * b.n) FROM generate_series(1, 30000) a(n), generate_series(1, 30000) b(n)",
    )
    yield
    sql(rig, "ALTER ROLE shop RESET statement_timeout")


@postgres.fault(
    "idle-transaction", kind="long-transaction", what="a service leaves a transaction open longer than idle_in_transaction_session_timeout",
    cause="A session stayed idle inside a transaction longer than idle_in_transaction_session_timeout.", accept=("idle", "transaction"),
    signal="idle-in-transaction timeout", affected=BOTH, target="orders",
)  # fmt: skip
def idle_transaction(rig: Rig) -> Iterator[None]:
    sql(rig, "ALTER ROLE shop SET idle_in_transaction_session_timeout = '300ms'")
    orders(rig, 2, "deadlock")
    yield
    sql(rig, "ALTER ROLE shop RESET idle_in_transaction_session_timeout")


@postgres.fault(
    "disk-full", kind="disk-full", what="the volume of the data folder is full while the service writes",
    cause="The disk of PostgreSQL's data folder is full.", accept=DISK_FULL,
    signal="No space left on device", affected=BOTH,
)  # fmt: skip
def disk_full(rig: Rig) -> Iterator[None]:
    rig.fill(HOME)
    orders(
        rig,
        14,
        SQL="INSERT INTO orders (customer, total) SELECT %(number)s, n FROM generate_series(1, 30000) n",
    )
    yield
    Path(HOME, ".fill").unlink()
    if rig.processes["postgres"].poll() is not None:
        serve(rig)
    rig.pause(2)


@postgres.fault(
    "backend-killed", kind="process-killed", what="a backend process is killed with SIGKILL, as the kernel does when memory is short",
    cause="A backend was killed with SIGKILL, so all sessions were ended and the server recovered.", accept=("SIGKILL|signal 9|killed|OOM",),
    signal="terminated by signal 9|crash of another server process", affected=BOTH,
)  # fmt: skip
def backend_killed(rig: Rig) -> Iterator[None]:
    rig.app("orders", "pg_shop.py", "40")
    rig.wait_line("orders", "order 1005 stored")
    rig.pause(0.5)
    rig.run("pkill", "-9", "-f", "postgres: shop shop")
    rig.processes["orders"].wait(30)
    yield


@postgres.fault(
    "killed", kind="dependency-killed", what="the server is killed with SIGKILL",
    cause="PostgreSQL is not running.", accept=NOT_RUNNING,
    signal="Connection refused", affected=BOTH,
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("postgres")
    rig.run("pkill", "-9", "postgres", check=False)
    orders(rig, 10)
    yield
    rig.pause(0.5)
    Path(DATA, "postmaster.pid").unlink(missing_ok=True)
    serve(rig)


@postgres.fault(
    "folder-permissions", kind="wrong-permissions", what="the data folder is made accessible to all before a start",
    cause="The data folder has permissions that are too open.", accept=("permission|0700|mode|owner",),
    signal="has invalid permissions", cold=True,
)  # fmt: skip
def permissions(rig: Rig) -> Iterator[None]:
    prepare(rig)
    Path(DATA).chmod(0o777)
    for _ in range(3):
        launch(rig)
        rig.pause(0.7)
    yield
    Path(DATA).chmod(0o700)
    serve(rig)


@postgres.fault(
    "wal-gone", kind="wal-gone", what="a segment that a stopped replica needs is removed on the primary",
    cause="The primary removed a WAL segment that the replica still needs.", accept=("WAL|segment", "removed|recycled|no longer"),
    signal="has already been removed", affected=("postgres", "postgres-replica"), target="postgres-replica",
)  # fmt: skip
def wal_gone(rig: Rig) -> Iterator[None]:
    rig.folder("/srv/replica", "postgres", mode=0o700)
    rig.run(
        f"{BIN}/pg_basebackup",
        "-h",
        "/run/postgresql",
        "-D",
        "/srv/replica/main",
        "-R",
        "-X",
        "none",
        user="postgres",
    )
    for _ in range(8):
        sql(
            rig,
            "INSERT INTO orders (customer, total) SELECT 1, n FROM generate_series(1, 20000) n; SELECT pg_switch_wal(); CHECKPOINT",
        )
    Path("/srv/replica/main").chmod(0o700)
    rig.spawn(
        "postgres-replica",
        f"{BIN}/postgres",
        "-D",
        "/srv/replica/main",
        "-c",
        "listen_addresses=10.0.1.14",
        "-c",
        "unix_socket_directories=",
        user="postgres",
    )
    rig.pause(8)
    yield


@postgres.fault(
    "page-damaged", kind="data-damaged", what="bytes of the table's file are overwritten while the server is stopped",
    cause="A page of the table's file is corrupt on disk.", accept=("corrupt|damaged|invalid page",),
    signal="invalid page|could not read block", affected=BOTH,
)  # fmt: skip
def page_damaged(rig: Rig) -> Iterator[None]:
    path = (
        sql(rig, "CHECKPOINT; COPY (SELECT pg_relation_filepath('orders')) TO STDOUT")
        .strip()
        .splitlines()[-1]
    )
    rig.stop("postgres")
    with Path(DATA, path).open("r+b") as file:
        file.write(b"\xde\xad" * 2000)
    serve(rig)
    orders(rig, 6, SQL="SELECT count(*) FROM orders")
    yield


@postgres.fault(
    "bad-setting", kind="bad-config", what="postgresql.conf holds an invalid value before a start",
    cause="postgresql.conf has an invalid value for shared_buffers.", accept=("config|setting|parameter|postgresql\\.conf", "invalid|error|wrong|bad|unrecogni|not valid"),
    signal="invalid value for parameter|contains errors", cold=True,
)  # fmt: skip
def bad_setting(rig: Rig) -> Iterator[None]:
    prepare(rig)
    conf = Path(DATA, "postgresql.conf")
    good = conf.read_text()
    conf.write_text(good + "\nshared_buffers = 128QB\n")
    for _ in range(3):
        launch(rig)
        rig.pause(0.6)
    yield
    conf.write_text(good)
    serve(rig)


@postgres.fault(
    "duplicate-key", kind="application-bug", what="the service writes a fixed primary key again and again",
    cause="The service inserts a primary key that already exists.", accept=("unique|duplicate|already exists|same key|primary key",),
    signal="duplicate key value", affected=("orders",), target="orders",
)  # fmt: skip
def duplicate(rig: Rig) -> Iterator[None]:
    orders(rig, 8, SQL="INSERT INTO orders (id, customer, total) VALUES (1, %(number)s, 10)")
    yield


@postgres.fault(
    "no-privilege", kind="missing-privilege", what="a table made by the administrator is used by the service, without GRANT",
    cause="The role shop has no privilege on the table (no GRANT).", accept=("GRANT|privilege|permission",),
    signal="permission denied for table", affected=("orders",),
)  # fmt: skip
def no_privilege(rig: Rig) -> Iterator[None]:
    sql(rig, "CREATE TABLE refunds (id int)")
    orders(rig, 8, SQL="INSERT INTO refunds VALUES (%(number)s)")
    yield


@postgres.fault(
    "paused", kind="dependency-paused", what="all processes of the server are stopped with SIGSTOP",
    cause="PostgreSQL hangs and does not answer connections in time.", accept=HANGS,
    signal="timeout expired", affected=BOTH,
)  # fmt: skip
def paused(rig: Rig) -> Iterator[None]:
    rig.kill("postgres", signal.SIGSTOP)
    orders(rig, 3)
    yield
    rig.kill("postgres", signal.SIGCONT)


@postgres.fault(
    "sequence-end", kind="sequence-exhausted", what="the sequence of the primary key reaches its largest value",
    cause="The sequence of the id column reached its maximum.", accept=("sequence", "maximum|exhaust|end|limit|overflow"),
    signal="reached maximum value of sequence", affected=BOTH,
)  # fmt: skip
def sequence_end(rig: Rig) -> Iterator[None]:
    sql(rig, "ALTER SEQUENCE orders_id_seq MAXVALUE 1000000; SELECT setval('orders_id_seq', 1000000)")
    orders(rig, 8)
    yield
    sql(rig, "ALTER SEQUENCE orders_id_seq NO MAXVALUE")


@postgres.healthy("load")
def busy(rig: Rig) -> None:
    orders(rig, 120, PAUSE="0.02", RECONNECT="1")


@postgres.healthy("restart")
def restart(rig: Rig) -> None:
    for _ in range(2):
        rig.processes["postgres"].send_signal(signal.SIGINT)
        rig.processes["postgres"].wait(20)
        serve(rig, "log_checkpoints=on", "log_connections=on", "log_disconnections=on")
        orders(rig, 10, RECONNECT="1")


@postgres.healthy("backup")
def backup(rig: Rig) -> None:
    orders(rig, 10)
    rig.folder("/srv/backup", "postgres")
    rig.job(
        "backup",
        f"{BIN}/pg_basebackup",
        "-v",
        "-h",
        "/run/postgresql",
        "-D",
        "/srv/backup/base",
        user="postgres",
    )
    rig.job(
        "backup",
        "pg_dump",
        "-v",
        "-h",
        "/run/postgresql",
        "-f",
        "/srv/backup/shop.sql",
        "shop",
        user="postgres",
    )
    orders(rig, 10)


@postgres.healthy("replication", kind="failover")
def replication(rig: Rig) -> None:
    rig.folder("/srv/replica", "postgres", mode=0o700)
    rig.run(f"{BIN}/pg_basebackup", "-h", "/run/postgresql", "-D", "/srv/replica/main", "-R", user="postgres")
    rig.spawn(
        "postgres-replica",
        f"{BIN}/postgres",
        "-D",
        "/srv/replica/main",
        "-c",
        "listen_addresses=10.0.1.14",
        "-c",
        "unix_socket_directories=",
        user="postgres",
    )
    rig.wait_line("postgres-replica", "started streaming WAL")
    orders(rig, 10)
    rig.run(f"{BIN}/pg_ctl", "-D", "/srv/replica/main", "-w", "promote", user="postgres")
    rig.pause(1)
