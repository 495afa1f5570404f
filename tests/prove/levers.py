"""Control of the clock and the disk of deployed functions, through files.

The deployed app.py gets this module at its end. It sets parts with another clock, through a hook of
`cali.bootstrap.aws`. A full disk is a limit of 0 bytes for every written file, because permissions do not stop root.
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
    _clock = _bootstrap.AwsClock(_moved)
    _bootstrap.begin(_bootstrap.AwsParts(_settings.from_environment(), _clock, warn=_bootstrap.log_warning))
"""


class Levers:
    """The files that the hooked functions read."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "kept").mkdir(parents=True, exist_ok=True)

    def hooked(self, app: str) -> str:
        """Return an app.py with the hook at its end."""
        return app + HOOK.format(levers=str(self._home))

    def clock(self, function: str, seconds: float) -> None:
        """Move the clock of a function; 0 resets it."""
        lever = self._home / f"clock-{function}"
        building = lever.with_suffix(".new")
        building.write_text(str(seconds))
        building.rename(lever)

    def disk(self, full: bool) -> None:
        """Fill the disks of all functions, or free them."""
        if full:
            shutil.rmtree(self._home / "kept", ignore_errors=True)
            (self._home / "disk-full").touch()
        else:
            (self._home / "disk-full").unlink(missing_ok=True)
