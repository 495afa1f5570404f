"""The retrieve stage: finds the known error that an event matches.

    text -> matching signatures --decide--> Retrieved(hits, known, margin)
              none? -> index search -^

1. At least one signature matches. The first in rank (`ranking.py`) is the answer and can be asserted. No search is needed,
   so known errors cost no calls of the embedder or of Milvus.
2. No signature matches. The event is unknown. The index returns the nearest entries, which are shown and sent to the model
   as context. They are never asserted, because no threshold of similarity was precise enough
   (docs/adr/0005-retrieval.md).
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
