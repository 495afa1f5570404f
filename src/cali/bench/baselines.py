"""What a person has without CALI: grep, Drain3, and the nearest knowledge entry. Each answers with cards.

grep and Drain3 know no causes. The line they show is scored as the cause, so a line that states its cause counts.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cali.bench.beside_drain3 import drain3_parser
from cali.bench.judge import Card
from cali.bench.throughput import decoded
from cali.bootstrap.local import LocalParts, read_lines

Tool = Callable[[Path], list[Card]]
_ERRORS = re.compile(r"error|fatal|panic|exception|fail|critical|emerg|crit\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


class _Cluster(NamedTuple):
    """A cluster of Drain3: its newest template, its size, and its first line."""

    template: str
    size: int
    sample: str


def grep(path: Path) -> list[Card]:
    """Return one card for each line that holds a word of failure, in the order of the log."""
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return [Card(line, line, line) for raw in file if _ERRORS.search(line := raw.rstrip("\n"))]


def drain3(path: Path) -> list[Card]:
    """Return one card for each cluster of Drain3 with ten masks, the newest first."""
    parse = drain3_parser()()
    clusters: dict[int, _Cluster] = {}
    for message in messages(path):
        found = parse(message)
        known = clusters.get(found["cluster_id"])
        sample = known.sample if known else message
        clusters[found["cluster_id"]] = _Cluster(found["template_mined"], found["cluster_size"], sample)
    return [
        Card(f"{cluster.size} x {cluster.template}", cluster.sample, f"{cluster.template}\n{cluster.sample}")
        for cluster in reversed(clusters.values())
    ]


def nearest(parts: LocalParts) -> Tool:
    """Return a tool that looks up the nearest knowledge entry of each kind of line that grep shows."""

    def answer(path: Path) -> list[Card]:
        kinds: dict[str, str] = {}
        for message in messages(path):
            if _ERRORS.search(message):
                kinds.setdefault(_DIGITS.sub("0", message), message)
        cards: dict[str, list[str]] = {}
        for message in kinds.values():
            for hit in parts.index.search(message[:500], 1):
                cards.setdefault(hit.id, []).append(message)
        entries = parts.knowledge.entries
        return [
            Card(entries[name].title, entries[name].cause, "\n".join(lines), lines=2 + len(lines))
            for name, lines in cards.items()
        ]

    return answer


def messages(path: Path) -> list[str]:
    """Return the messages of a log without the envelopes of collectors."""
    return [record.message for record in decoded(list(read_lines(str(path))))]
