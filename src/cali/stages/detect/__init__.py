"""The detect stage: groups events into findings and tracks their life cycle. See README.md."""

from cali.stages.detect.detector import Detector, Folded
from cali.stages.detect.lifecycle import (
    LifePolicy,
    Outcome,
    Sighting,
    advance,
    diagnose,
    mute,
    resolve,
    sent,
    sweep,
)
from cali.stages.detect.tracker import DetectPolicy, incident_id

__all__ = [
    "DetectPolicy",
    "Detector",
    "Folded",
    "LifePolicy",
    "Outcome",
    "Sighting",
    "advance",
    "diagnose",
    "incident_id",
    "mute",
    "resolve",
    "sent",
    "sweep",
]
