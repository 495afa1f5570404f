"""The join stage: groups the records of one log call into a block. `gist` returns the text that names the failure."""

from cali.stages.join.block_text import gist, text
from cali.stages.join.joiner import Joiner, Limits

__all__ = ["Joiner", "Limits", "gist", "text"]
