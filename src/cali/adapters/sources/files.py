"""Reads the lines of files and of standard input, as bytes, with their numbers."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from cali.core.errors import Misconfigured

STDIN = "-"
LONGEST_LINE = 8 * 1024 * 1024  # bytes; a longer line is split
_PEEK = 4096
_MEMBER = b"\x1f\x8b\x08"
_CONTROL = bytes(set(range(32)) - {1, 7, 8, 9, 10, 12, 13, 27})  # 1 separates the fields of FIX


def lines(*sources: str) -> Iterator[tuple[int, bytes]]:
    """Return the lines of files, or of standard input for `-`, numbered on from one file to the next.

    Gzip is unpacked, also twice: some collectors gzip each record, and Firehose gzips the object. Raises
    Misconfigured for a source that cannot be read.
    """
    return enumerate(chain.from_iterable(map(_lines, sources)), 1)


def _lines(source: str) -> Iterator[bytes]:
    if not source:
        raise Misconfigured("FILE is an empty name; name a log, or give - for standard input")
    name = "standard input" if source == STDIN else source
    try:
        with _opened(source) as file:
            head = file.peek(_PEEK)[:_PEEK]  # type: ignore[attr-defined]  # every reader here is buffered
            if not head:
                raise Misconfigured(f"{name}: empty, there is nothing to read")
            if head[:3] == _MEMBER:
                from cali.adapters.sources.raw_records import CHUNK, records

                yield from records(iter(lambda: file.read(CHUNK), b""))
                return
            if _is_wide(head):
                raise Misconfigured(
                    f"{name}: UTF-16 or UTF-32; make it UTF-8 first: iconv -f UTF-16 -t UTF-8"
                )
            if _is_binary(head):
                raise Misconfigured(f"{name}: a binary file, not a log")
            while line := file.readline(LONGEST_LINE):
                yield line.rstrip(b"\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Misconfigured(f"{name}: damaged gzip file: {error}") from error
    except OSError as error:
        raise Misconfigured(f"{name}: {error.strerror or error}") from error


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == STDIN:
        if sys.stdin is None:
            raise Misconfigured("standard input: closed, there is nothing to read")
        with _unpacked(sys.stdin.buffer) as stdin:
            yield stdin
        return
    path = Path(source)
    if path.is_dir():
        raise Misconfigured(f"{source}: a directory; name the files in it")
    with path.open("rb") as file, _unpacked(file) as unpacked:
        yield unpacked


@contextmanager
def _unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    if file.peek(2)[:2] == b"\x1f\x8b":  # type: ignore[attr-defined]  # every reader here is buffered
        with gzip.open(file) as unpacked:
            yield cast(BinaryIO, unpacked)
    else:
        yield file


def _is_wide(head: bytes) -> bool:
    """Return whether the text has two or four bytes per character: by its mark, or because every other byte is NUL."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    even, odd = head[::2], head[1::2]
    most, least = sorted((even.count(0), odd.count(0)), reverse=True)
    return most > 0.8 * len(odd) and least < 0.05 * len(even)


def _is_binary(head: bytes) -> bool:
    """Return whether too many bytes are control characters for a text.

    Text in EUC-KR, Shift-JIS, GBK or Latin-1 has hardly any. A tenth of compressed or compiled bytes are. Valid UTF-8 is
    text for certain and may quote binary data, so its limit is higher.
    """
    share = 1 - len(head.translate(None, _CONTROL)) / len(head)
    return share > (0.3 if _is_utf8(head) else 0.04)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # the last character is cut
    return True
