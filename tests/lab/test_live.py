"""A real server, a real fault, and nothing left behind. Needs root and Debian's packages."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab.rig import commands_missing

from cali.bench.recording import load

ROOT = Path(__file__).parents[2]
HANGS = 600  # seconds after which a process that ought to end will never end
PACKAGES = ("redis-server", "redis-tools", "python3-redis", "util-linux", "iproute2")
MISSING = commands_missing(PACKAGES) if shutil.which("dpkg-query") else list(PACKAGES)


def may_unshare() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    tried = subprocess.run(
        ["/usr/bin/unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc", "true"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs Debian's packages: {' '.join(MISSING)}"),
    pytest.mark.skipif(not may_unshare(), reason="needs root and namespaces (unshare)"),
]


def lab(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lab", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_killed_server_is_recorded_with_its_truth(tmp_path):
    ran = lab("record", "redis-killed", "--out", str(tmp_path))
    assert "redis-killed: recorded" in ran.communicate()[0]
    [recording] = load(tmp_path)
    [fault] = recording.truth.faults
    assert (fault.kind, fault.target, recording.truth.system) == ("dependency-killed", "redis", "redis")
    assert fault.undone is not None
    assert 0 < fault.injected < fault.undone < recording.truth.seconds


def running(word: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_no_process_is_left_when_the_lab_is_killed(tmp_path):
    ran = lab("record", "redis-paused", "--out", str(tmp_path))
    mine = str(tmp_path)
    while len(running(mine)) < 3:  # the lab, unshare, and the lab in the namespace
        assert ran.poll() is None, ran.communicate()[0]
        time.sleep(0.05)
    inside = [os.pidfd_open(process) for process in running(mine)]
    ran.send_signal(signal.SIGKILL)
    ran.communicate()
    for process in inside:  # a descriptor is readable once its process has ended
        assert select.select([process], [], [], HANGS)[0]
        os.close(process)
