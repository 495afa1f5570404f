"""OpenSSH, with a backup job that copies over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.rig import Rig
from lab.system import System

ssh = System("ssh", packages=("openssh-server", "openssh-client"), service="sshd")
KEYS = "/srv/keys"


def prepare(rig: Rig) -> None:
    """Make keys, and allow one of them."""
    Path(KEYS).mkdir(exist_ok=True)
    rig.folder("/run/sshd")
    for name in ("host", "client", "other", "newhost"):
        rig.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "backup@node-1", "-f", f"{KEYS}/{name}")
    rig.write(f"{KEYS}/authorized", Path(f"{KEYS}/client.pub").read_text())
    host = Path(f"{KEYS}/host.pub").read_text().split()[:2]
    rig.write(f"{KEYS}/known", f"ssh {' '.join(host)}\n")


def launch(rig: Rig, more: str = "", host: str = "host") -> None:
    """Start the server and do not wait."""
    rig.write("/srv/sshd_config", f"{more}\nPort 22\nListenAddress 10.0.1.23\nHostKey {KEYS}/{host}\nAuthorizedKeysFile {KEYS}/authorized\nStrictModes no\n"
              "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile /run/sshd.pid\nUsePAM no\nPermitRootLogin prohibit-password\n")  # fmt: skip
    rig.spawn("sshd", "/usr/sbin/sshd", "-D", "-e", "-f", "/srv/sshd_config")


def serve(rig: Rig, more: str = "", host: str = "host") -> None:
    """Start the server and wait until it listens."""
    launch(rig, more, host)
    rig.wait_line("sshd", "Server listening")
    rig.pause(0.3)


def copy(rig: Rig, times: int = 3, user: str = "root", key: str = "client") -> None:
    """Run the backup job, whose output is collected."""
    for _ in range(times):
        rig.job(
            "backup-job",
            "ssh",
            "-F",
            "none",
            "-o",
            f"UserKnownHostsFile={KEYS}/known",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=3",
            "-i",
            f"{KEYS}/{key}",
            f"{user}@ssh",
            "echo backup of shop.sql: 14 files copied",
        )


@ssh.starts
def start(rig: Rig) -> None:
    prepare(rig)
    serve(rig)


@ssh.loads
def load(rig: Rig) -> None:
    copy(rig)


@ssh.fault(
    "key-refused", kind="wrong-key", what="the backup job uses a key that the server does not know",
    cause="The server does not accept the key of the job (publickey).", accept=("key",),
    signal="Permission denied \\(publickey|Connection closed by authenticating user", affected=("backup-job",), target="backup-job",
)  # fmt: skip
def key_refused(rig: Rig) -> Iterator[None]:
    copy(rig, 4, key="other")
    yield


@ssh.fault(
    "host-key-changed", kind="identity-changed", what="the server gets a new host key",
    cause="The server's host key changed and is not the one in known_hosts.", accept=("host key|known_hosts|host identification",),
    signal="HOST IDENTIFICATION HAS CHANGED|Host key verification failed", affected=("backup-job",),
)  # fmt: skip
def host_key(rig: Rig) -> Iterator[None]:
    rig.stop("sshd")
    serve(rig, host="newhost")
    copy(rig, 3)
    yield
    rig.stop("sshd")
    serve(rig)


@ssh.fault(
    "no-common-cipher", kind="protocol-mismatch", what="the server only offers an old cipher",
    cause="Client and server have no cipher in common.", accept=("cipher|algorithm", "common|match|offer|negotiat|agree"),
    signal="no matching cipher|Unable to negotiate", affected=("backup-job",),
)  # fmt: skip
def cipher(rig: Rig) -> Iterator[None]:
    rig.stop("sshd")
    serve(rig, "Ciphers aes128-cbc")
    copy(rig, 3)
    yield
    rig.stop("sshd")
    serve(rig)


@ssh.fault(
    "unknown-user", kind="user-missing", what="the backup job logs in as a user that does not exist",
    cause="The user does not exist on the server.", accept=("user|account", "not exist|invalid|unknown|no such"),
    signal="Invalid user", affected=("backup-job",), target="backup-job",
)  # fmt: skip
def unknown_user(rig: Rig) -> Iterator[None]:
    copy(rig, 4, user="backup-agent")
    yield


@ssh.fault(
    "no-host-keys", kind="file-missing", what="the host key's file does not exist",
    cause="The host key file is missing, so sshd cannot start.", accept=("host ?key", "missing|not exist|no such|unable|cannot|could not|not found"),
    signal="no hostkeys available|Unable to load host key", cold=True,
)  # fmt: skip
def no_host_keys(rig: Rig) -> Iterator[None]:
    prepare(rig)
    for _ in range(3):
        launch(rig, host="gone")
        rig.processes["sshd"].wait(10)
    yield
    serve(rig)


@ssh.fault(
    "bad-option", kind="bad-directive", what="sshd_config holds an unknown option",
    cause="sshd_config has an unknown option.", accept=("config|option|sshd_config", "unknown|bad|invalid|syntax|error|wrong|not valid"),
    signal="Bad configuration option", cold=True,
)  # fmt: skip
def bad_option(rig: Rig) -> Iterator[None]:
    prepare(rig)
    for _ in range(3):
        launch(rig, "PermitRootLogins no")
        rig.processes["sshd"].wait(10)
    yield
    serve(rig)


@ssh.fault(
    "key-too-open", kind="wrong-permissions", what="the private key of the job is readable for all",
    cause="The private key file's permissions are too open, so ssh ignores it.", accept=("permission|mode|readable", "key|too open"),
    signal="UNPROTECTED PRIVATE KEY FILE|are too open", affected=("backup-job",), target="backup-job",
)  # fmt: skip
def too_open(rig: Rig) -> Iterator[None]:
    Path(f"{KEYS}/client").chmod(0o644)
    copy(rig, 4)
    yield
    Path(f"{KEYS}/client").chmod(0o600)


@ssh.healthy("cron-copy", kind="cron")
def busy(rig: Rig) -> None:
    copy(rig, 12)
