"""The records of a run and their expected result: a replay of the same lines, and a digest for comparison with S3."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.stages.retrieve.knowledge import load
from cali.usecases.replay import ReplayVersions, Terms, replay
from tests.cloud.aws import BUCKET
from tests.cloud.observe import Seen

if TYPE_CHECKING:
    from tests.cloud.faults import Put

MOD = 1 << 64


class Digest(NamedTuple):
    """A digest of lines in any order: their number, and the sum of their hashes. A repeated line counts each time."""

    lines: int = 0
    total: int = 0

    def plus(self, data: bytes) -> Digest:
        """Add the lines of a record, as Firehose ends them."""
        count, total = self
        for line in data.rstrip(b"\n").split(b"\n"):
            count += 1
            total += int.from_bytes(blake2b(line, digest_size=8).digest(), "big")
        return Digest(count, total % MOD)


class Spool:
    """The records of a run in order, on disk. Of poison only the number is stored."""

    def __init__(self, path: Path) -> None:
        self.digest = Digest()
        self.lines = self.poison = 0
        self._path = path
        self._sink = path.open("wb")

    def keep(self, records: Iterable[Put]) -> None:
        for record in records:
            self.digest = self.digest.plus(record.data)
            if record.key.startswith("poison-"):
                self.poison += 1
                continue
            self.lines += 1
            self._sink.write(record.data.rstrip(b"\n") + b"\n")

    def expected(self, cache: Path, cluster: str = "local") -> dict[str, Seen]:
        """Return the incidents that a replay of all lines finds, without faults."""
        self._sink.close()
        terms = Terms(cluster=cluster, year=time.gmtime().tm_year)
        outcome = replay(self._numbered(), ReplayVersions(load(cache=cache)), terms)
        return {
            one.id: Seen(one.template.text, str(one.scope), one.severity.label, one.count)
            for one in outcome.incidents
        }

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield number, line.rstrip(b"\n")


def in_raw(s3: Any) -> Digest:
    """Return the digest of all objects under raw/."""
    digest = Digest()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="raw/")
    for key in (item["Key"] for page in pages for item in page.get("Contents", ())):
        body = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        part = Digest().plus(body)
        digest = Digest(digest.lines + part.lines, (digest.total + part.total) % MOD)
    return digest
