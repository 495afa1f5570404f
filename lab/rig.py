"""What a system needs to run: processes with captured output, folders, limits, and waiting for conditions."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

APPS = Path(__file__).parent / "apps"
PYTHON = "/usr/bin/python3"  # with Debian's python3-* packages
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"


class TooSlow(Exception):
    """A condition did not become true in time, or a command failed. The run is thrown away."""


class LogLine(NamedTuple):
    """A line as a collector would read it: its arrival in seconds since the epoch, its service and stream."""

    time: float
    service: str
    stream: str
    text: bytes


class Did(NamedTuple):
    """A step of the run, in seconds since its start."""

    at: float
    what: str


class Rig:
    """One run in the namespace: everything that was started, and every line that it wrote."""

    def __init__(self) -> None:
        self.began = time.time()
        self.lines: list[LogLine] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._followed: list[Path] = []
        self._closed = threading.Event()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.time() - self.began

    # folders

    def folder(self, path: str, user: str | None = None, size: str = "256m", mode: int = 0o755) -> Path:
        """Mount an empty file system of this size at a path, which may exist on the machine."""
        place = Path(path)
        place.mkdir(parents=True, exist_ok=True)
        options = f"size={size},mode={mode:o}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        if user:
            shutil.chown(place, user, None)
        return place

    def remount(self, path: str, options: str) -> None:
        """Change a mounted folder: `ro`, `rw`, or `size=...`."""
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)

    def write(self, path: str, text: str, user: str | None = None, mode: int = 0o644) -> Path:
        """Write a file and return its path. `/etc` is replaced file by file by a bind mount."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        if user:
            shutil.chown(place, user)
        return place

    def fill(self, folder: str) -> None:
        """Fill the file system of a folder to the last byte."""
        with Path(folder, ".fill").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
            try:
                while True:
                    file.write(b"x")
            except OSError:
                pass

    # processes

    def spawn(
        self,
        service: str,
        *command: str | Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        files: int | None = None,
        memory_mb: int | None = None,
        processes: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process whose output is collected under the service's name. Limits are those of setrlimit."""
        limits = {
            resource.RLIMIT_NOFILE: files,
            resource.RLIMIT_AS: memory_mb and memory_mb << 20,
            resource.RLIMIT_NPROC: processes,
        }

        def limit() -> None:
            for name, value in limits.items():
                if value is not None:
                    resource.setrlimit(name, (value, value))

        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/srv", "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd or "/srv",
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
            preexec_fn=limit if any(value is not None for value in limits.values()) else None,
        )
        self.processes[service] = process
        for stream, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            threading.Thread(target=self._read, args=(service, stream, pipe), daemon=True).start()
        return process

    def app(self, service: str, program: str, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a program of lab/apps under /opt, where its stack traces name no folder of this machine."""
        place = Path("/opt", service)
        place.mkdir(exist_ok=True)
        source = APPS / program
        shutil.copy(source, place / program)
        runner = {".py": PYTHON, ".js": "/usr/bin/node", ".rb": "/usr/bin/ruby"}[source.suffix]
        return self.spawn(service, runner, place / program, *arguments, **options)  # type: ignore[arg-type]

    def run(
        self,
        *command: str | Path,
        user: str | None = None,
        check: bool = True,
        seconds: float = 30,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command whose output is not part of the logs, and return the output."""
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            timeout=seconds,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            input=stdin.encode(),
            env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/srv", **(env or {})},
            cwd="/srv",
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        if check and done.returncode:
            raise TooSlow(f"{' '.join(map(str, command))}: exit code {done.returncode}: {output[-400:]}")
        return output

    def job(self, service: str, *command: str | Path, seconds: float = 40, **options: object) -> int:
        """Run a command to its end and collect its output as logs. Return its exit code."""
        process = self.spawn(service, *command, **options)  # type: ignore[arg-type]
        return process.wait(timeout=seconds)

    def work(
        self, service: str, program: str, *arguments: str, seconds: float = 40, **options: object
    ) -> int:
        """Run a program of lab/apps to its end and return its exit code."""
        return self.app(service, program, *arguments, **options).wait(timeout=seconds)

    def kill(self, service: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a service and its children."""
        process = self.processes[service]
        if process.poll() is None:
            os.killpg(process.pid, number)

    def stop(self, service: str, seconds: float = 20) -> None:
        """Stop a service as an administrator would, and wait until it has ended."""
        process = self.processes[service]
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=seconds)
        time.sleep(0.1)

    def follow(self, service: str, path: str | Path) -> None:
        """Collect the lines that a service appends to a file."""
        place = Path(path)
        if place not in self._followed:
            self._followed.append(place)
            threading.Thread(target=self._tail, args=(service, place), daemon=True).start()

    # waiting

    def wait(self, what: str, ready: Callable[[], object], seconds: float = 30) -> None:
        """Wait until a condition is true. Raise TooSlow if it does not become true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if ready():
                return
            time.sleep(0.05)
        raise TooSlow(
            f"{what}: not within {seconds} s; last lines: {[line.text[-200:] for line in self.lines[-5:]]}"
        )

    def wait_line(self, service: str, text: str, seconds: float = 30, after: int = 0) -> None:
        """Wait for a line of a service that contains a text. `after` skips the first lines of the run."""
        wanted = text.encode()
        self.wait(
            f"{service}: {text!r}",
            lambda: any(line.service == service and wanted in line.text for line in self.lines[after:]),
            seconds,
        )

    def wait_port(self, host: str, port: int, seconds: float = 30) -> None:
        """Wait until something listens. The port is not touched: a probe would leave a line in the server's log."""
        import socket

        packed = socket.inet_aton(socket.gethostbyname(host))[::-1].hex().upper()
        mapped = f"0000000000000000FFFF0000{packed}"  # an IPv4 address as IPv6 shows it
        wanted = {f"{address}:{port:04X}" for address in (packed, mapped, "0" * 8, "0" * 32)}

        def listens() -> bool:
            tables = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
            rows = (line.split() for table in tables for line in table.splitlines()[1:])
            return any(row[1] in wanted and row[3] == "0A" for row in rows)

        self.wait(f"{host}:{port}", listens, seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass: the fault lasts this long."""
        time.sleep(seconds)

    def close(self) -> None:
        """End collecting. The namespace ends the processes."""
        time.sleep(0.3)
        self._closed.set()

    def _add(self, service: str, stream: str, text: bytes) -> None:
        with self._lock:
            if not self._closed.is_set():
                self.lines.append(LogLine(time.time(), service, stream, text.rstrip(b"\r\n")))

    def _read(self, service: str, stream: str, pipe: object) -> None:
        for line in pipe:  # type: ignore[attr-defined]
            self._add(service, stream, line)

    def _tail(self, service: str, path: Path) -> None:
        rest, file, number = b"", None, -1
        while not self._closed.is_set():
            if file is None or (path.exists() and path.stat().st_ino != number):
                if not path.exists():
                    time.sleep(0.05)
                    continue
                file = path.open("rb")
                number = path.stat().st_ino
            chunk = file.read()
            if not chunk:
                time.sleep(0.03)
                continue
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._add(service, "stdout", line)


def commands_missing(names: Sequence[str]) -> list[str]:
    """Return the Debian packages of these that are not installed."""
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]
