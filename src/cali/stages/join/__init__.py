"""Joins the lines of one log call: records in, blocks out. `gist` gives the part of a block that names the failure."""

from cali.stages.join.joiner import Joiner, Limits, gist, text

__all__ = ["Joiner", "Limits", "gist", "text"]
