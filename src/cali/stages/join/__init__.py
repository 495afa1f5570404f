"""The join stage: groups the records of one log call into a block. `gist` returns the text that names the failure."""

from cali.stages.join.joiner import Joiner, Limits, gist, text

__all__ = ["Joiner", "Limits", "gist", "text"]
