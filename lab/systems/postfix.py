"""Postfix as the mail server of a shop."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.causes import DISK_FULL, NO_ANSWER
from lab.rig import Rig
from lab.system import System

postfix = System("postfix", packages=("postfix",), service="postfix")
QUEUE = "/var/spool/postfix"


def serve(rig: Rig, more: str = "", size: str = "64m") -> None:
    """Start the mail server and wait until it listens."""
    launch(rig, more, size)
    rig.wait_port("mail", 25)


def launch(rig: Rig, more: str = "", size: str = "64m") -> None:
    """Start the mail server and do not wait."""
    if not Path(QUEUE).is_mount():
        rig.folder(QUEUE, size=size)
        rig.folder("/var/lib/postfix", "postfix")
        rig.folder("/var/mail")
    Path("/srv/postfix").mkdir(exist_ok=True)
    shutil.copy("/usr/share/postfix/master.cf.dist", "/srv/postfix/master.cf")
    rig.run(
        "sed",
        "-i",
        "s/^smtp      inet  n       -       y/smtp inet n - n/; s/\\([a-z]* *unix .* .*\\)  y  /\\1  n  /",
        "/srv/postfix/master.cf",
    )
    rig.write("/srv/postfix/dynamicmaps.cf", "")
    rig.write(
        "/srv/postfix/main.cf",
        f"""compatibility_level = 3.6
queue_directory = {QUEUE}
data_directory = /var/lib/postfix
maillog_file = /dev/stdout
inet_interfaces = 10.0.1.24
inet_protocols = ipv4
myhostname = mail.shop.internal
mydestination = shop.internal, localhost
alias_maps =
alias_database =
local_recipient_maps =
mailbox_transport =
smtp_host_lookup = native
disable_dns_lookups = yes
relay_domains =
mynetworks = 127.0.0.0/8 10.0.0.0/8
minimal_backoff_time = 300s
{more}
""",
    )
    rig.run("postfix", "-c", "/srv/postfix", "set-permissions", check=False)
    rig.spawn("postfix", "postfix", "-c", "/srv/postfix", "start-fg")


def send(rig: Rig, times: int, to: str = "root@shop.internal", size: int = 200) -> None:
    """Send mail as the shop, over SMTP."""
    for number in range(times):
        body = "x" * 70 + "\\r\\n"
        script = f"EHLO orders\\r\\nMAIL FROM:<orders@shop.internal>\\r\\nRCPT TO:<{to}>\\r\\nDATA\\r\\n"
        rig.run(
            "sh",
            "-c",
            f"(printf '{script}'; sleep 0.3; printf 'Subject: order {number}\\r\\n\\r\\n'; yes '{body}' | head -c {size}; printf '\\r\\n.\\r\\nQUIT\\r\\n'; sleep 0.3) | nc -w 5 mail 25",
            check=False,
        )
    rig.pause(0.6)


@postfix.starts
def start(rig: Rig) -> None:
    serve(rig)


@postfix.loads
def load(rig: Rig) -> None:
    send(rig, 3)


@postfix.fault(
    "relay-denied", kind="access-denied", what="a client outside mynetworks sends to a foreign domain",
    cause="The client may not relay to that domain (relay access denied).", accept=("relay",),
    signal="Relay access denied", cold=True,
)  # fmt: skip
def relay_denied(rig: Rig) -> Iterator[None]:
    serve(rig, "mynetworks = 127.0.0.0/8")
    send(rig, 5, "team@example.com")
    yield


@postfix.fault(
    "next-hop-down", kind="smarthost-unreachable", what="the relay host does not listen",
    cause="The relay host does not answer: nothing listens there. Mail is deferred.", accept=NO_ANSWER,
    signal="Connection refused|status=deferred", cold=True,
)  # fmt: skip
def next_hop(rig: Rig) -> Iterator[None]:
    serve(rig, "relayhost = [10.0.1.45]:25")
    send(rig, 5, "team@example.com")
    rig.pause(1)
    yield


@postfix.fault(
    "message-too-large", kind="request-too-large", what="a message is larger than message_size_limit",
    cause="The message is larger than message_size_limit.", accept=("message|mail|size", "large|size limit|message_size_limit|exceed|big"),
    signal="exceeds size limit|file too big|queue file size limit exceeded|too large", cold=True,
)  # fmt: skip
def too_large(rig: Rig) -> Iterator[None]:
    serve(rig, "message_size_limit = 3000\nmailbox_size_limit = 0")
    send(rig, 4, size=20000)
    yield


@postfix.fault(
    "queue-full", kind="disk-full", what="the volume of the mail queue is full",
    cause="The disk of the mail queue is full.", accept=DISK_FULL,
    signal="No space left|Insufficient system storage|not enough free space", cold=True,
)  # fmt: skip
def queue_full(rig: Rig) -> Iterator[None]:
    serve(rig, size="6m")
    rig.fill(QUEUE)
    send(rig, 4)
    yield
    Path(QUEUE, ".fill").unlink()
    send(rig, 2)


@postfix.fault(
    "unknown-user", kind="user-missing", what="mail is sent to a local user that does not exist",
    cause="The recipient does not exist on this server.", accept=("recipient|user|mailbox|address", "not exist|unknown|no such"),
    signal="unknown user", affected=("postfix",),
)  # fmt: skip
def unknown_user(rig: Rig) -> Iterator[None]:
    send(rig, 5, "nobody-there@shop.internal")
    yield


@postfix.healthy("load")
def busy(rig: Rig) -> None:
    send(rig, 8)


@postfix.healthy("reload", kind="restart")
def reload(rig: Rig) -> None:
    rig.run("postfix", "-c", "/srv/postfix", "reload", check=False)
    rig.pause(1)
    send(rig, 4)
