"""Follower of live sources: files that grow, rotate or appear later, and pipes."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cali.adapters.sources.files import LONGEST_LINE, STDIN, lines
from cali.core.errors import Misconfigured

POLL = 0.1  # seconds between two polls of files; inotify does not work on every file system
_CHUNK = 1 << 20  # bytes read at once, so that one busy source does not starve the others
_MARK = 64  # bytes before the read position; a change there means that the file was rewritten

Line = tuple[str, bytes]


class Tail:
    """Follower of files and pipes.

    A file that appears later is read from its start, others from their end unless `from_start`. A renamed file is read to
    its end before its successor. A truncated file is read from its start.
    """

    def __init__(self, sources: Sequence[str], from_start: bool = False) -> None:
        """Open the sources. Raise Misconfigured for a source that cannot be followed."""
        self._pipes: dict[int, _Pipe] = {}
        self._files: list[_File] = []
        for source in dict.fromkeys(sources):
            if source == STDIN or _is_pipe(source):
                pipe = _Pipe(source)
                self._pipes[pipe.fd] = pipe
            else:
                _can_be_followed(source)
                self._files.append(_File(source, from_start))

    @property
    def ended(self) -> bool:
        """Return whether all sources are closed pipes, so no line can follow."""
        return not self._pipes and not self._files

    @property
    def missing(self) -> list[str]:
        """Return the files that do not exist yet."""
        return [file.source for file in self._files if file.fd < 0]

    def read(self, timeout: float) -> list[Line]:
        """Return the new lines with their sources. Return an empty list if none arrives within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            found = [line for file in self._files for line in file.read()]
            left = 0.0 if found else max(0.0, deadline - time.monotonic())
            found += self._from_pipes(min(left, POLL) if self._files else left)
            if found or time.monotonic() >= deadline or self.ended:
                return found

    def rest(self) -> list[Line]:
        """Return the incomplete last lines. `read` holds them back, because a writer may complete them later."""
        sources: list[_File | _Pipe] = [*self._files, *self._pipes.values()]
        return [(source.source, raw) for source in sources for raw in source.lines.rest()]

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _from_pipes(self, timeout: float) -> list[Line]:
        if not self._pipes:
            time.sleep(timeout)
            return []
        found: list[Line] = []
        for fd in select.select(list(self._pipes), [], [], timeout)[0]:
            pipe = self._pipes[fd]
            data = os.read(fd, _CHUNK)
            ready = pipe.lines.added(data) if data else pipe.lines.rest()
            found += [(pipe.source, raw) for raw in ready]
            if not data:
                del self._pipes[fd]
        return found


class _Lines:
    """Line buffer: bytes in, complete lines out. A line without an end is split to bound the memory."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._size = 0

    def added(self, data: bytes) -> list[bytes]:
        *whole, last = data.split(b"\n")
        if whole:
            whole[0] = b"".join((*self._open, whole[0]))
            self._open, self._size = [], 0
        if last:
            self._open.append(last)
            self._size += len(last)
        if self._size > LONGEST_LINE:
            whole += self.rest()
        return [line.rstrip(b"\r") for line in whole]

    def rest(self) -> list[bytes]:
        left, self._open, self._size = b"".join(self._open), [], 0
        return [left] if left else []


class _Pipe:
    def __init__(self, source: str) -> None:
        self.source = source
        self.lines = _Lines()
        try:
            self.fd = sys.stdin.fileno() if source == STDIN else os.open(source, os.O_RDONLY)
        except (OSError, ValueError) as error:
            name = "standard input" if source == STDIN else source
            raise Misconfigured(f"{name}: {getattr(error, 'strerror', None) or error}") from error


class _File:
    """One followed path. `fd` is -1 while the file does not exist."""

    def __init__(self, source: str, from_start: bool) -> None:
        self.source = source
        self.lines = _Lines()
        self.fd = -1
        self._at = 0
        self._mark = b""
        if self._open() and not from_start:
            self._at = os.fstat(self.fd).st_size
            self._mark = os.pread(self.fd, _MARK, max(0, self._at - _MARK))

    def read(self) -> list[Line]:
        if self.fd < 0 and not self._open():
            return []
        found = []
        if self._rewritten():
            found += self.lines.rest()
            self._at, self._mark = 0, b""
        data = self._next()
        found += self.lines.added(data)
        if len(data) < _CHUNK and self._replaced():
            found += self.lines.added(self._next())  # lines written between the last poll and the rename
            found += self.lines.rest()
            self.close()
        return [(self.source, raw) for raw in found]

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def _open(self) -> bool:
        try:
            self.fd = os.open(self.source, os.O_RDONLY)
        except OSError:
            return False  # not created yet, or in the middle of a rotation
        self._at, self._mark = 0, b""
        return True

    def _next(self) -> bytes:
        data = os.pread(self.fd, _CHUNK, self._at)
        if data:
            self._at += len(data)
            self._mark = (self._mark + data)[-_MARK:] if len(data) < _MARK else data[-_MARK:]
        return data

    def _rewritten(self) -> bool:
        """Return whether the file was truncated, even if it has grown past the read position since."""
        mark = self._mark
        return os.pread(self.fd, len(mark), self._at - len(mark)) != mark

    def _replaced(self) -> bool:
        """Return whether the path names another file. If it names none, the old file may still grow."""
        try:
            there = Path(self.source).stat()
        except OSError:
            return False
        return not os.path.samestat(there, os.fstat(self.fd))


def _is_pipe(source: str) -> bool:
    try:
        mode = Path(source).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _can_be_followed(source: str) -> None:
    path = Path(source)
    if not path.exists() and not path.is_symlink():
        if not path.parent.is_dir():
            raise Misconfigured(f"{source}: no directory {path.parent}; create it first")
        return
    if path.is_dir():
        raise Misconfigured(f"{source}: a directory; name the files in it")
    try:
        if path.stat().st_size:
            with path.open("rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
            if packed:
                raise Misconfigured(f"{source}: compressed, so it cannot grow; use cali analyze")
            next(iter(lines(source)), None)  # raises an error that names the fault
    except OSError as error:
        raise Misconfigured(f"{source}: {error.strerror}") from error
