"""A simulated shop on Kubernetes that writes healthy logs and logs of planted faults, with a label for each line.

    scenario file -> load_scenario -> simulate -> SimulatedLine -> envelope
                                 \\-> truth ---------------------\\-> score (score.py)

It uses no code of the stages, because the truth must not depend on the code that is measured against it.
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
