"""ZooKeeper, on Java."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING, PORT_TAKEN
from lab.rig import Rig
from lab.system import System

zookeeper = System("zookeeper", packages=("zookeeper", "openjdk-17-jre-headless"), service="zookeeper")
DATA = "/var/lib/zookeeper"
CLASSPATH = "/srv:/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-log4j12.jar:/usr/share/java/log4j-1.2.jar"


def launch(
    rig: Rig,
    conf: str = "",
    main: str = "org.apache.zookeeper.server.quorum.QuorumPeerMain",
    heap: str = "64m",
) -> None:
    """Start the server and do not wait."""
    if not Path(DATA).is_mount():
        rig.folder(DATA, "zookeeper")
    path = rig.write(
        "/srv/zoo.cfg",
        f"tickTime=1000\ninitLimit=5\nsyncLimit=2\ndataDir={DATA}\nclientPort=2181\nclientPortAddress=10.0.1.21\nadmin.enableServer=false\n4lw.commands.whitelist=*\n{conf}",
    )
    rig.spawn(
        "zookeeper",
        "java",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-cp",
        CLASSPATH,
        "-Dlog4j.configuration=file:/srv/log4j.properties",
        "-Dzookeeper.log.dir=/srv",
        main,
        path,
        user="zookeeper",
        cwd=DATA,
    )


def serve(rig: Rig, conf: str = "") -> None:
    """Start the server and wait until it listens."""
    logging(rig)
    launch(rig, conf)
    rig.wait_port("zookeeper", 2181, 40)


def logging(rig: Rig) -> None:
    """Write the usual logging configuration."""
    rig.write("/srv/log4j.properties", "log4j.rootLogger=INFO, C\nlog4j.appender.C=org.apache.log4j.ConsoleAppender\nlog4j.appender.C.layout=org.apache.log4j.PatternLayout\n"
              "log4j.appender.C.layout.ConversionPattern=%d{ISO8601} [myid:%X{myid}] - %-5p [%t:%C{1}@%L] - %m%n\n")  # fmt: skip


def client(rig: Rig, *words: str, server: str = "zookeeper:2181") -> None:
    """Run a command of the client, whose output is collected."""
    rig.job(
        "config-sync",
        "java",
        "-cp",
        CLASSPATH,
        "-Dlog4j.configuration=file:/srv/log4j.properties",
        "org.apache.zookeeper.ZooKeeperMain",
        "-server",
        server,
        "-timeout",
        "4000",
        *words,
        user="zookeeper",
        cwd="/srv",
        seconds=60,
    )


@zookeeper.starts
def start(rig: Rig) -> None:
    serve(rig)


@zookeeper.loads
def load(rig: Rig) -> None:
    client(rig, "ls", "/")


@zookeeper.fault(
    "killed", kind="dependency-killed", what="the server is killed while a client connects",
    cause="ZooKeeper is not running.", accept=NOT_RUNNING,
    signal="Connection refused|ConnectionLoss", affected=("zookeeper", "config-sync"),
)  # fmt: skip
def killed(rig: Rig) -> Iterator[None]:
    rig.kill("zookeeper")
    client(rig, "ls", "/")
    yield
    serve(rig)


@zookeeper.fault(
    "port-taken", kind="port-taken", what="another process listens on port 2181",
    cause="Port 2181 is already used by another process.", accept=PORT_TAKEN,
    signal="Address already in use", cold=True,
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    logging(rig)
    other = rig.spawn("other", "nc", "-l", "-k", "-s", "10.0.1.21", "-p", "2181")
    rig.pause(0.4)
    launch(rig)
    rig.processes["zookeeper"].wait(40)
    yield
    other.kill()
    other.wait()
    serve(rig)


@zookeeper.fault(
    "myid-missing", kind="file-missing", what="the file myid is missing in a cluster of three",
    cause="The file myid is missing in the data folder.", accept=("myid",),
    signal="myid file is missing", cold=True,
)  # fmt: skip
def myid(rig: Rig) -> Iterator[None]:
    logging(rig)
    for _ in range(2):
        launch(rig, "server.1=zookeeper:2888:3888\nserver.2=zoo-2:2888:3888\nserver.3=zoo-3:2888:3888\n")
        rig.processes["zookeeper"].wait(40)
    yield


@zookeeper.fault(
    "no-quorum", kind="quorum-lost", what="two of three members cannot be reached",
    cause="The ensemble has no quorum: the other members are not reachable, so no leader is elected.", accept=("quorum|majority|leader|peer|member", "lost|no |missing|not reach|unreachable|down|cannot"),
    signal="Cannot open channel|Connection refused|UnknownHost", cold=True,
)  # fmt: skip
def no_quorum(rig: Rig) -> Iterator[None]:
    logging(rig)
    rig.folder(DATA, "zookeeper")
    rig.write(f"{DATA}/myid", "1")
    launch(rig, "server.1=zookeeper:2888:3888\nserver.2=etcd:2888:3888\nserver.3=dns:2888:3888\n")
    rig.pause(9)
    client(rig, "ls", "/")
    yield


@zookeeper.fault(
    "read-only", kind="read-only-mount", what="the data folder is on a read-only file system",
    cause="The data folder is on a read-only file system.", accept=("read[- ]only|not writable|cannot write|unable to (write|create)|permission",),
    signal="Unable to create|Read-only|is not writable|not writable|DatadirException", cold=True,
)  # fmt: skip
def read_only(rig: Rig) -> Iterator[None]:
    logging(rig)
    rig.folder(DATA, "zookeeper")
    rig.remount(DATA, "ro")
    launch(rig)
    rig.processes["zookeeper"].wait(40)
    yield
    rig.remount(DATA, "rw")
    serve(rig)


@zookeeper.fault(
    "class-missing", kind="class-missing", what="a deployment names a main class that is not on the class path",
    cause="The main class is not on the class path.", accept=("class", "not found|missing|classpath|class path"),
    signal="ClassNotFoundException|Could not find or load main class", cold=True,
)  # fmt: skip
def class_missing(rig: Rig) -> Iterator[None]:
    logging(rig)
    for _ in range(3):
        launch(rig, main="org.apache.zookeeper.server.quorum.QuorumPeerMainV2")
        rig.processes["zookeeper"].wait(40)
    yield
    serve(rig)


@zookeeper.healthy("start-stop", kind="restart")
def restart(rig: Rig) -> None:
    client(rig, "create", "/shop", "1")
    client(rig, "get", "/shop")
    rig.stop("zookeeper")
    serve(rig)
