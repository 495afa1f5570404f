"""A small shop on Kubernetes that writes logs, healthy ones and those of planted faults, and knows which is which.

    scenario file -> load_scenario -> simulate -> Line -> envelope
                                 \\-> truth ---------------------\\-> score (score.py)

It uses nothing of the stages: the truth must not come from what is measured against it.
"""

from cali.simulator.envelopes import ENVELOPES, envelope, enveloper
from cali.simulator.fleet import Line, Pod
from cali.simulator.run import paced, simulate
from cali.simulator.scenario import Fault, Kind, Say, Scenario, Service, Truth, load_scenario, truth

__all__ = [
    "ENVELOPES",
    "Fault",
    "Kind",
    "Line",
    "Pod",
    "Say",
    "Scenario",
    "Service",
    "Truth",
    "envelope",
    "enveloper",
    "load_scenario",
    "paced",
    "simulate",
    "truth",
]
