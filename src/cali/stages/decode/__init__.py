"""The decode stage: parses one physical line into a record and detects its format. README.md lists the formats."""

from cali.stages.decode.decoder import MESSAGE_LIMIT, Decoder
from cali.stages.decode.scope import workload_of
from cali.stages.decode.values import parse_level

__all__ = ["MESSAGE_LIMIT", "Decoder", "parse_level", "workload_of"]
