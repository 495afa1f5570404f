"""Re-derives incidents from logs that were kept, at any version of the knowledge, the masks and the book.

    lines + Versions --replay--> Outcome        two Outcomes of the same lines --compare--> Changes

The same lines, versions and terms give the same outcome, to the byte: no clock, no chance, no model, no index. The
times are those of the lines. Nothing is written and nobody is told.
"""

from cali.usecases.replay.compare import Changes, Row, What, compare
from cali.usecases.replay.run import Outcome, replay
from cali.usecases.replay.versions import Terms, Versions

__all__ = ["Changes", "Outcome", "Row", "Terms", "Versions", "What", "compare", "replay"]
