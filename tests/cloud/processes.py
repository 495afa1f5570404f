"""Processes and ports of the local cloud, which end with it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, alive: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when the port accepts connections. Raise RuntimeError if the process has died or after a timeout."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


class Server:
    """A server of ours in a process. It ends when its standard input is closed, so also when this process dies."""

    def __init__(self, command: list[str], port: int, log: Path, env: dict[str, str] | None = None) -> None:
        self.port = port
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is handled by the parent, which closes all servers in order
            )  # fmt: skip
        try:
            wait_for_port(port, self.alive)
        except RuntimeError as error:
            self.kill()
            raise RuntimeError(f"{' '.join(command)}: {error}; {log.read_text()[-2000:]}") from None

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill at once, as if a machine was lost."""
        self._process.kill()
        self._gone()

    def close(self) -> None:
        """Terminate, and kill after a timeout."""
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._gone()

    def _gone(self) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
