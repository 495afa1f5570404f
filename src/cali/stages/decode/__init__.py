"""decode: a physical line to a record, by looking at it. See README.md beside this file."""

from cali.stages.decode.decoder import MESSAGE_LIMIT, Decoder
from cali.stages.decode.scope import workload_of
from cali.stages.decode.values import parse_level

__all__ = ["MESSAGE_LIMIT", "Decoder", "parse_level", "workload_of"]
