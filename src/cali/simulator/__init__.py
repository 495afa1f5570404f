"""A small shop on Kubernetes that writes logs, healthy ones and those of planted faults, and knows which is which.

    scenario file -> load_scenario -> simulate -> SimulatedLine -> envelope
                                 \\-> truth ---------------------\\-> score (score.py)

It uses nothing of the stages: the truth must not come from what is measured against it.
"""

from cali.simulator.collectors import ENVELOPES, envelope, enveloper
from cali.simulator.fleet import Pod, SimulatedLine
from cali.simulator.run import paced, simulate
from cali.simulator.scenario import (
    FaultKind,
    PlantedFault,
    Scenario,
    Service,
    Truth,
    WeightedPhrase,
    load_scenario,
    truth,
)

__all__ = [
    "ENVELOPES",
    "FaultKind",
    "PlantedFault",
    "Pod",
    "Scenario",
    "Service",
    "SimulatedLine",
    "Truth",
    "WeightedPhrase",
    "envelope",
    "enveloper",
    "load_scenario",
    "paced",
    "simulate",
    "truth",
]
