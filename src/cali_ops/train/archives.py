"""Source files in the archives of packages: wheels, zip files and tar files."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cali_ops.train import logging_calls, python_source
from cali_ops.train.statements import tidy

LARGEST = 1_500_000  # bytes of a source file; larger ones are generated
_OTHER = re.compile(
    r"(^|/)(tests?|testing|testdata|examples?|docs?|spec|t|mock\w*|fuzz\w*|locale|third_party|e2e|benchmarks?)/"
    r"|_test\.go$|\.min\.js$|test_\w+\.py$|Test\w*\.java$|\w+Test\.java$|\.spec\."
)
_LANGUAGES = {"pypi": (".py",), "npm": (".js", ".ts", ".mjs", ".cjs")}


def mine(archive: Path, registry: str) -> list[tuple[str, str]]:
    """Return level and text of the distinct statements of an archive, in order."""
    wanted = _LANGUAGES.get(registry, (".py", *logging_calls.LANGUAGES))
    found: dict[tuple[str, str], None] = {}
    for name, source in _files(archive, wanted):
        extension = PurePosixPath(name).suffix
        told = (
            python_source.statements(source)
            if extension == ".py"
            else logging_calls.statements(source, logging_calls.LANGUAGES[extension])
        )
        for level, raw in told:
            text = tidy(raw)
            if text is not None:
                found[level, text] = None
    return sorted(found)


def _files(archive: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, body in _members(archive, wanted):
        source = body.decode("utf-8", "replace")
        minified = len(source) > 200_000 and source.count("\n") < len(source) / 400
        if not minified:
            yield name, source


def _members(archive: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    def usable(name: str, size: int) -> bool:
        return name.endswith(wanted) and size < LARGEST and not _OTHER.search(name)

    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if not entry.is_dir() and usable(entry.filename, entry.file_size):
                    yield entry.filename, packed.read(entry)
        return
    with tarfile.open(archive, "r|*") as stream:
        for member in stream:
            body = (
                stream.extractfile(member) if member.isfile() and usable(member.name, member.size) else None
            )
            if body is not None:
                yield member.name, body.read()
