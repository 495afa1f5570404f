"""Re-derives incidents from logs that were kept, at any version of the knowledge, the masks and the book.

    lines + ReplayVersions --replay--> ReplayResult        two Outcomes of the same lines --compare--> Changes

The same lines, versions and terms give the same outcome, to the byte: no clock, no chance, no model, no index. The
times are those of the lines. Nothing is written and nobody is told.
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
