"""detect: events to incidents, in causal order, and their lives. See README.md beside this file."""

from cali.stages.detect.aggregate import Detector, Folded
from cali.stages.detect.causality import Nearness
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
from cali.stages.detect.order import ordered
from cali.stages.detect.tracker import Policy, incident_id

__all__ = [
    "Detector",
    "Folded",
    "LifePolicy",
    "Nearness",
    "Outcome",
    "Policy",
    "Sighting",
    "advance",
    "diagnose",
    "incident_id",
    "mute",
    "ordered",
    "resolve",
    "sent",
    "sweep",
]
