"""Objects and Pointers in a folder of this machine, which several processes may use at once."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from cali.core.errors import Conflict, Misconfigured
from cali.core.ports import Tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = ".lock"


class FolderObjects:
    """Objects and Pointers. A key is a path below the folder. Files are replaced atomically."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Misconfigured(f"{self._path(key)}: cannot be read: {error.strerror}") from error

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:  # noqa: ARG002 - a file has no kind
        target = self._path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".putting-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(body)
                Path(name).chmod(0o644)  # mkstemp makes a file that only its owner can read
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise Misconfigured(f"{target}: cannot be written: {error.strerror}") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        top = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self._home
        found = []
        for root, _, names in os.walk(top, onerror=self._refused):
            for name in names:
                key = Path(root, name).relative_to(self._home).as_posix()
                if key.startswith(prefix) and not name.startswith("."):
                    found.append(_named(key, self._home))
        yield from sorted(found)

    def _refused(self, error: OSError) -> None:
        """Raise Misconfigured for an unreadable folder. A missing folder has no keys and raises nothing."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise Misconfigured(f"{error.filename}: cannot be read: {error.strerror}") from error

    def drop(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Misconfigured(f"{path}: cannot be deleted: {error.strerror}") from error
        with suppress(OSError):  # keep a folder that is not empty
            path.parent.rmdir()

    def read(self, key: str, unless: str = "") -> Tagged | None:
        body = self.get(key)
        if body is None:
            return Tagged(b"", "")
        tag = _tag(body)
        return None if tag == unless else Tagged(body, tag)

    def swap(self, key: str, body: bytes, tag: str) -> str:
        with self._alone():
            now = self.get(key)
            if ("" if now is None else _tag(now)) != tag:
                raise Conflict(f"{self._path(key)}: changed since it was read")
            self.put(key, body)
        return _tag(body)

    def _path(self, key: str) -> Path:
        path = self._home / key
        if "\0" in key or ".." in Path(key).parts or Path(key).is_absolute():
            raise Misconfigured(f"{key!r}: not a key below {self._home}")
        return path

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            file = (self._home / LOCK).open("ab")
        except OSError as error:
            raise Misconfigured(f"{self._home}: cannot be written: {error.strerror}") from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)  # closing the file releases the lock
            yield


def _named(key: str, home: Path) -> str:
    """Return the key. Raise Misconfigured if it is not valid UTF-8, as keys on S3 must be."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise Misconfigured(f"{home}: the name of {key!r} is not UTF-8; rename it") from error
    return key


def _tag(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()
