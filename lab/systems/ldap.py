"""OpenLDAP with a login service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING
from lab.rig import Rig
from lab.system import System

ldap = System("openldap", packages=("slapd", "ldap-utils"), service="slapd")
DATA = "/var/lib/ldap"
CONF = """include /etc/ldap/schema/core.schema
pidfile /srv/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb.la
database mdb
maxsize 10485760
suffix "dc=shop,dc=internal"
rootdn "cn=admin,dc=shop,dc=internal"
rootpw orchard-7
directory /var/lib/ldap
"""


def launch(rig: Rig, conf: str = CONF) -> None:
    """Start slapd and do not wait."""
    if not Path(DATA).is_mount():
        rig.folder(DATA, "openldap", mode=0o700)
    rig.write("/srv/slapd.conf", conf)
    rig.spawn(
        "slapd",
        "/usr/sbin/slapd",
        "-d",
        "256",
        "-u",
        "openldap",
        "-g",
        "openldap",
        "-f",
        "/srv/slapd.conf",
        "-h",
        "ldap://10.0.1.30:389",
    )


def serve(rig: Rig, conf: str = CONF) -> None:
    """Start slapd with an entry for the shop."""
    launch(rig, conf)
    rig.wait_port("ldap", 389)
    text = "dn: dc=shop,dc=internal\nobjectClass: dcObject\nobjectClass: organization\ndc: shop\no: shop\n"
    rig.run(
        "ldapadd",
        "-x",
        "-H",
        "ldap://ldap",
        "-D",
        "cn=admin,dc=shop,dc=internal",
        "-w",
        "orchard-7",
        stdin=text,
        check=False,
    )


def login(
    rig: Rig,
    times: int = 3,
    password: str = "orchard-7",
    base: str = "dc=shop,dc=internal",
    who: str = "cn=admin,dc=shop,dc=internal",
) -> None:
    """Search as the login service, whose output is collected."""
    for _ in range(times):
        rig.job(
            "login",
            "ldapsearch",
            "-x",
            "-H",
            "ldap://ldap",
            "-o",
            "nettimeout=2",
            "-D",
            who,
            "-w",
            password,
            "-b",
            base,
            "-LLL",
        )


@ldap.starts
def start(rig: Rig) -> None:
    serve(rig)


@ldap.loads
def load(rig: Rig) -> None:
    login(rig)


@ldap.fault(
    "wrong-password", kind="wrong-password", what="the login service binds with a wrong password",
    cause="The service binds with a wrong password.", accept=("password|credential",),
    signal="Invalid credentials|err=49", affected=("login",), target="login",
)  # fmt: skip
def wrong_password(rig: Rig) -> Iterator[None]:
    login(rig, 5, "orchard-6")
    yield


@ldap.fault(
    "no-such-base", kind="wrong-endpoint", what="the login service searches below a base that does not exist",
    cause="The search base does not exist in the directory.", accept=("base|object|entry|DN", "not exist|no such|missing|wrong|unknown|not found"),
    signal="No such object|err=32", affected=("login",), target="login",
)  # fmt: skip
def no_base(rig: Rig) -> Iterator[None]:
    login(rig, 5, base="ou=staff,dc=shop,dc=internal")
    yield


@ldap.fault(
    "killed", kind="dependency-killed", what="slapd is killed",
    cause="The LDAP server is not running.", accept=NOT_RUNNING,
    signal="Can't contact LDAP server", affected=("slapd", "login"),
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("slapd")
    login(rig, 5)
    yield
    launch(rig)
    rig.wait_port("ldap", 389)


@ldap.fault(
    "database-full", kind="quota-exceeded", what="maxsize of the database is 200 kB and entries are added",
    cause="The database reached maxsize (MDB_MAP_FULL).", accept=("maxsize|MDB_MAP_FULL|map ?size|database size|database is full|map is full",),
    signal="MDB_MAP_FULL|mapsize limit reached", affected=("slapd", "login"), cold=True,
)  # fmt: skip
def full(rig: Rig) -> Iterator[None]:
    serve(rig, CONF.replace("10485760", "204800"))
    entry = "dn: o=o{n},dc=shop,dc=internal\nobjectClass: organization\no: o{n}\ndescription: {text}\n\n"
    text = "".join(entry.replace("{n}", str(n)).replace("{text}", "x" * 3000) for n in range(60))
    rig.write("/srv/all.ldif", text)
    rig.job(
        "login",
        "ldapadd",
        "-x",
        "-c",
        "-H",
        "ldap://ldap",
        "-D",
        "cn=admin,dc=shop,dc=internal",
        "-w",
        "orchard-7",
        "-f",
        "/srv/all.ldif",
    )
    yield


@ldap.fault(
    "folder-missing", kind="file-missing", what="the configuration names a data folder that does not exist",
    cause="The database folder does not exist.", accept=("director|folder|path", "not exist|missing|no such|not found"),
    signal="No such file or directory|invalid path", cold=True,
)  # fmt: skip
def folder_missing(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        launch(rig, CONF.replace("/var/lib/ldap", "/var/lib/ldap-2"))
        rig.processes["slapd"].wait(10)
    yield


@ldap.fault(
    "bad-directive", kind="bad-directive", what="slapd.conf holds an unknown directive",
    cause="slapd.conf has an unknown directive.", accept=("config|directive|slapd\\.conf", "unknown|invalid|error|bad|wrong|not valid"),
    signal="unknown directive", cold=True,
)  # fmt: skip
def directive(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        launch(rig, CONF + "indexes uid eq\n")
        rig.processes["slapd"].wait(10)
    yield


@ldap.healthy("load")
def busy(rig: Rig) -> None:
    login(rig, 15)
