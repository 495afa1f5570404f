"""A warehouse service on Java 17."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

from lab.certificates import authority, pair
from lab.rig import APPS, Rig
from lab.system import System

java = System("java", packages=("openjdk-17-jdk-headless",), service="warehouse")


def compiled(rig: Rig) -> None:
    """Compile the service."""
    rig.folder("/opt/warehouse")
    shutil.copy(APPS / "Shop.java", "/opt/warehouse/Shop.java")
    rig.run("javac", "-d", "/opt/warehouse", "/opt/warehouse/Shop.java", seconds=60)


def shop(rig: Rig, *words: str, options: tuple[str, ...] = (), main: str = "Shop") -> None:
    """Run the service to its end."""
    rig.job(
        "warehouse",
        "java",
        "-XX:+UseSerialGC",
        "-Xmx48m",
        *options,
        "-cp",
        "/opt/warehouse",
        main,
        *words,
        seconds=60,
    )


@java.starts
def start(rig: Rig) -> None:
    compiled(rig)


@java.loads
def load(rig: Rig) -> None:
    shop(rig, "work", "6")


@java.fault(
    "heap", kind="heap-exhausted", what="the service loads pictures into a cache without a limit",
    cause="The Java heap is exhausted.", accept=("heap", "exhaust|full|out of|too small|memory"),
    signal="OutOfMemoryError: Java heap space",
)  # fmt: skip
def heap(rig: Rig) -> Iterator[None]:
    shop(rig, "heap")
    yield


@java.fault(
    "metaspace", kind="metaspace-exhausted", what="class loaders leak, MaxMetaspaceSize is 20 MB",
    cause="Metaspace is exhausted: class loaders leak or the limit is too low.", accept=("metaspace",),
    signal="OutOfMemoryError: Metaspace|Metaspace",
)  # fmt: skip
def metaspace(rig: Rig) -> Iterator[None]:
    shop(rig, "metaspace", options=("-XX:MaxMetaspaceSize=20m",))
    yield


@java.fault(
    "threads", kind="threads-exhausted", what="each upload starts a thread, the limit of processes is reached",
    cause="No more threads can be created: the limit of processes is reached.", accept=("thread", "limit|cannot|unable|no more|too many|exhaust"),
    signal="unable to create native thread",
)  # fmt: skip
def threads(rig: Rig) -> Iterator[None]:
    rig.folder("/opt/w2", "daemon")
    rig.run("cp", "-r", "/opt/warehouse/.", "/opt/w2")
    rig.job(
        "warehouse",
        "java",
        "-XX:+UseSerialGC",
        "-Xmx48m",
        "-Xss256k",
        "-cp",
        "/opt/w2",
        "Shop",
        "threads",
        user="daemon",
        processes=260,
        seconds=60,
    )
    yield


@java.fault(
    "deadlock", kind="thread-deadlock", what="two threads lock two objects in opposite order; a thread dump is taken",
    cause="Two threads hold locks and wait for each other.", accept=("deadlock|each other|others hold", "thread|lock"),
    signal="Found one Java-level deadlock",
)  # fmt: skip
def deadlock(rig: Rig) -> Iterator[None]:
    process = rig.spawn(
        "warehouse", "java", "-XX:+UseSerialGC", "-Xmx48m", "-cp", "/opt/warehouse", "Shop", "deadlock"
    )
    rig.wait_line("warehouse", "waiting orders")
    rig.pause(0.5)
    process.send_signal(signal.SIGQUIT)
    process.wait(30)
    yield


@java.fault(
    "null", kind="application-bug", what="an order without an address reaches code that does not check it",
    cause="The code uses a value that is null: the order has no address.", accept=("null",),
    signal="NullPointerException",
)  # fmt: skip
def null(rig: Rig) -> Iterator[None]:
    shop(rig, "null")
    yield


@java.fault(
    "recursion", kind="stack-overflow", what="the tree of categories has a cycle",
    cause="Recursion does not end and overflows the stack.", accept=("recurs|stack",),
    signal="StackOverflowError",
)  # fmt: skip
def recursion(rig: Rig) -> Iterator[None]:
    shop(rig, "recursion", "3", options=("-Xss256k", "-XX:MaxJavaStackTraceDepth=60"))
    yield


@java.fault(
    "class-missing", kind="class-missing", what="a deployment forgets a class file",
    cause="A class that the program needs is missing on the class path.", accept=("class", "not found|missing|classpath|class path|not on"),
    signal="NoClassDefFoundError|ClassNotFoundException",
)  # fmt: skip
def class_missing(rig: Rig) -> Iterator[None]:
    rig.run("sh", "-c", "mv '/opt/warehouse/Shop$StockException.class' /opt/warehouse/gone")
    shop(rig, "null", "3")
    yield
    rig.run("sh", "-c", "mv /opt/warehouse/gone '/opt/warehouse/Shop$StockException.class'")


@java.fault(
    "cast", kind="application-bug", what="a price that became a string is cast to a number",
    cause="The code casts a String to Integer.", accept=("cast|type",),
    signal="ClassCastException",
)  # fmt: skip
def cast(rig: Rig) -> Iterator[None]:
    shop(rig, "cast")
    yield


@java.fault(
    "class-version", kind="version-mismatch", what="the class files were compiled for a newer Java",
    cause="The classes were compiled by a newer Java than the one that runs them.", accept=("Java|class file|version", "newer|version|older"),
    signal="UnsupportedClassVersionError",
)  # fmt: skip
def class_version(rig: Rig) -> Iterator[None]:
    rig.run(
        "sh",
        "-c",
        "cd /opt/warehouse && cp Shop.class keep && printf '\\000\\101' | dd of=Shop.class bs=1 seek=6 conv=notrunc 2>/dev/null",
    )
    shop(rig, "work", "2")
    yield
    rig.run("sh", "-c", "cd /opt/warehouse && mv keep Shop.class")


@java.fault(
    "untrusted", kind="certificate-untrusted", what="the rates service's certificate is signed by an authority that Java does not know",
    cause="The server's certificate is issued by a CA that is not in the trust store.", accept=("trust|self-signed|CA\\b|issuer|certificate authority|chain",),
    signal="PKIX path building failed|SSLHandshakeException", affected=("warehouse",),
)  # fmt: skip
def untrusted(rig: Rig) -> Iterator[None]:
    certs = pair(rig, "payments")
    authority(rig)
    rig.app(
        "payments",
        "web.py",
        "10.0.1.44",
        "8443",
        env={"NAME": "payments", "CERT": certs.cert, "KEY": certs.key},
    )
    rig.wait_port("payments", 8443)
    shop(rig, "call", "5", "https://payments:8443/rates")
    yield


@java.fault(
    "no-such-jar", kind="file-missing", what="the start script names a jar that was not copied",
    cause="The jar file does not exist or cannot be read.", accept=("jar|file", "not exist|missing|unable|cannot|not found"),
    signal="Unable to access jarfile",
)  # fmt: skip
def no_jar(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        rig.job("warehouse", "java", "-jar", "/opt/warehouse/warehouse-2.4.jar")
    yield


@java.fault(
    "no-memory", kind="memory-limit", what="the heap option is larger than the memory that the process may use",
    cause="The JVM cannot reserve the heap: -Xmx is larger than the memory available.", accept=("heap|memory|Xmx", "reserve|larger|not enough|too large|limit|available|refused|not fit"),
    signal="Could not reserve enough space|insufficient memory|Error occurred during initialization",
)  # fmt: skip
def no_memory(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        rig.job(
            "warehouse",
            "java",
            "-XX:+UseSerialGC",
            "-Xms2g",
            "-Xmx2g",
            "-cp",
            "/opt/warehouse",
            "Shop",
            "work",
            memory_mb=1500,
        )
    yield


@java.fault(
    "rejected", kind="pool-exhausted", what="orders come faster than two threads and a queue of two can pack them",
    cause="The thread pool and its queue are full, so tasks are rejected.", accept=("pool|executor|queue", "full|reject|exhaust|saturat"),
    signal="RejectedExecutionException",
)  # fmt: skip
def rejected(rig: Rig) -> Iterator[None]:
    shop(rig, "pool", "14")
    yield


@java.healthy("load")
def busy(rig: Rig) -> None:
    shop(rig, "work", "60")


@java.healthy("gc-log", kind="load")
def gc(rig: Rig) -> None:
    shop(rig, "work", "40", options=("-Xlog:gc*", "-Xmx16m"))
