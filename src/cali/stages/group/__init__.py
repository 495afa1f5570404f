"""The group stage: groups the findings of one failure into one incident. See README.md."""

from cali.stages.group.grouper import MOMENTS, SILENCE, grouped

__all__ = ["MOMENTS", "SILENCE", "grouped"]
