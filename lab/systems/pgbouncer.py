"""PgBouncer between the order service and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from lab.causes import NOT_RUNNING
from lab.rig import Rig
from lab.system import System
from lab.systems import postgres as pg

pgbouncer = System(
    "pgbouncer", packages=("pgbouncer", "postgresql-15", "python3-psycopg2"), service="pgbouncer"
)
ALL = ("pgbouncer", "orders")
DSN = "host=pgbouncer port=6432 dbname=shop user=shop password=orchard-7 connect_timeout=4"


def bounce(
    rig: Rig,
    more: str = "",
    database: str = "shop = host=postgres port=5432 dbname=shop",
    users: str = '"shop" "orchard-7"\n',
) -> None:
    """Start PgBouncer."""
    rig.write("/srv/users.txt", users)
    rig.write("/srv/pgbouncer.ini", f"[databases]\n{database}\n[pgbouncer]\nlisten_addr = 10.0.1.31\nlisten_port = 6432\nunix_socket_dir =\nauth_type = plain\nauth_file = /srv/users.txt\n"
              f"server_connect_timeout = 2\nserver_login_retry = 1\nquery_wait_timeout = 2\npool_mode = session\n{more}\n")  # fmt: skip
    rig.spawn("pgbouncer", "pgbouncer", "/srv/pgbouncer.ini", user="postgres")
    rig.pause(0.8)


def orders(rig: Rig, rounds: int, *mode: str, **env: str) -> None:
    pg.orders(rig, rounds, *mode, **{"DSN": DSN, **env})


@pgbouncer.starts
def start(rig: Rig) -> None:
    pg.prepare(rig)
    pg.serve(rig)
    bounce(rig)


@pgbouncer.loads
def load(rig: Rig) -> None:
    orders(rig, 8)


@pgbouncer.fault(
    "database-killed", kind="dependency-killed", what="PostgreSQL behind the pooler is killed",
    cause="PostgreSQL behind PgBouncer is not running.", accept=NOT_RUNNING,
    signal="server login has been failing|connect failed|server conn crashed", affected=("postgres", *ALL), target="postgres",
)  # fmt: skip
def database_killed(rig: Rig) -> Iterator[None]:
    rig.kill("postgres")
    rig.run("pkill", "-9", "-x", "postgres", check=False)
    orders(rig, 5)
    yield


@pgbouncer.fault(
    "pool-exhausted", kind="pool-exhausted", what="the pool has two connections and clients hold them in sessions",
    cause="All connections of the pool are in use, so clients wait longer than query_wait_timeout.", accept=("pool|connections", "exhaust|in use|full|too small|all |used|wait"),
    signal="query_wait_timeout", affected=ALL, cold=True,
)  # fmt: skip
def pool_exhausted(rig: Rig) -> Iterator[None]:
    pg.prepare(rig)
    pg.serve(rig)
    bounce(rig, "default_pool_size = 2")
    rig.app("reports", "pg_shop.py", "2", "hold", env={"DSN": DSN, "HOLD": "20"})
    rig.pause(1.5)
    orders(rig, 4)
    yield


@pgbouncer.fault(
    "unknown-database", kind="wrong-endpoint", what="the service names a database that the pooler does not know",
    cause="PgBouncer has no such database in its configuration.", accept=("database", "no such|unknown|not (configured|known|exist|defined)|missing|not found"),
    signal="no such database", affected=("orders",), target="orders",
)  # fmt: skip
def unknown_database(rig: Rig) -> Iterator[None]:
    orders(rig, 6, DSN=DSN.replace("dbname=shop", "dbname=shop_v2"))
    yield


@pgbouncer.fault(
    "too-many-clients", kind="connections-exhausted", what="max_client_conn is 3 and clients hold connections",
    cause="max_client_conn is reached: PgBouncer accepts no more clients.", accept=("max_client_conn|too many (client|connection)|connection limit|client connections",),
    signal="no more connections allowed", affected=ALL, cold=True,
)  # fmt: skip
def too_many(rig: Rig) -> Iterator[None]:
    pg.prepare(rig)
    pg.serve(rig)
    bounce(rig, "max_client_conn = 3")
    orders(rig, 8, "hold")
    yield


@pgbouncer.fault(
    "unknown-user", kind="user-missing", what="the user is not in the pooler's user list",
    cause="The user is not in PgBouncer's auth_file, or its password differs there.", accept=("user|password|auth_file|credential|userlist",),
    signal="no such user|password authentication failed|SASL authentication failed", affected=("orders",), cold=True,
)  # fmt: skip
def unknown_user(rig: Rig) -> Iterator[None]:
    pg.prepare(rig)
    pg.serve(rig)
    bounce(rig, users='"report" "orchard-7"\n')
    orders(rig, 6)
    yield


@pgbouncer.healthy("load")
def busy(rig: Rig) -> None:
    orders(rig, 60, PAUSE="0.02", RECONNECT="1")
