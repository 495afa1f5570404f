"""replay: find the incidents in stored logs again, with any version of the knowledge, the masks and the book.

    lines + ReplayVersions --replay--> ReplayResult        two ReplayResults of the same lines --compare--> Changes

The result is deterministic, to the byte: it depends on no clock, random number, model or index. Times are those of the
lines. A replay stores nothing and sends nothing.
"""

from cali.usecases.replay.compare import Changes, DifferenceKind, IncidentDifference, compare
from cali.usecases.replay.rerun import ReplayResult, replay
from cali.usecases.replay.versions import ReplayVersions, Terms

__all__ = [
    "Changes",
    "DifferenceKind",
    "IncidentDifference",
    "ReplayResult",
    "ReplayVersions",
    "Terms",
    "compare",
    "replay",
]
