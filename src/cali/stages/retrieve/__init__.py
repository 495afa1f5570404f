"""retrieve: which known error an event is, if any.

    text -> signatures that hold --decide--> Retrieved(hits, known, margin)
              none? -> index search -^

1. A signature holds: the event contains what the entry says it must contain. The one ranked first (`ranking.py`) is the
   answer, and may be asserted. No search is needed, so a log of known errors costs neither the embedder nor Milvus.
2. No signature holds: the event is unknown. The index gives the nearest entries, which are shown and go to the model as
   context. However near they are, they are never asserted: no threshold was found at which nearness alone was right
   often enough (docs/adr/0005-retrieval.md).
"""

from cali.stages.retrieve.signatures import (
    CALIBRATED,
    UNKNOWN,
    Calibration,
    Match,
    Retrieved,
    decide,
    retrieve,
)

__all__ = ["CALIBRATED", "UNKNOWN", "Calibration", "Match", "Retrieved", "decide", "retrieve"]
