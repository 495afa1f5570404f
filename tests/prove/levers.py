"""The clock and the disk of deployed functions, moved from outside through files.

What is deployed is the project with this at the end of its app.py: parts with another clock, which `cali.bootstrap.aws` has a
hook for. A full disk is a limit of 0 bytes on every file that a process writes, as root is not held by permissions.
"""

from __future__ import annotations

import shutil
from pathlib import Path

HOOK = """

import os as _os
import resource as _resource
import signal as _signal
import time as _time
from pathlib import Path as _Path

from cali.bootstrap import aws as _bootstrap
from cali.core import settings as _settings

_LEVERS = _Path({levers!r})
_NAME = _os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
_signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)


def _moved():
    _, most = _resource.getrlimit(_resource.RLIMIT_FSIZE)
    soft = 0 if (_LEVERS / "disk-full").exists() else most
    _resource.setrlimit(_resource.RLIMIT_FSIZE, (soft, most))
    try:
        return _time.time() + float((_LEVERS / ("clock-" + _NAME)).read_text())
    except (OSError, ValueError):
        return _time.time()


if _NAME:
    _bootstrap.FOLDER = _LEVERS / "kept"
    _bootstrap.begin(_bootstrap.AwsParts(_settings.from_environment(), now=_moved, warn=_bootstrap.log_warning))
"""


class Levers:
    """The files that hooked functions look at."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "kept").mkdir(parents=True, exist_ok=True)

    def hooked(self, app: str) -> str:
        """An app.py with the hook at its end."""
        return app + HOOK.format(levers=str(self._home))

    def clock(self, function: str, seconds: float) -> None:
        """Moves the clock of a function; 0 puts it right."""
        lever = self._home / f"clock-{function}"
        building = lever.with_suffix(".new")
        building.write_text(str(seconds))
        building.rename(lever)

    def disk(self, full: bool) -> None:
        """Fills the disks of all functions, or frees them."""
        if full:
            shutil.rmtree(self._home / "kept", ignore_errors=True)
            (self._home / "disk-full").touch()
        else:
            (self._home / "disk-full").unlink(missing_ok=True)
