"""The model file: weights as JSON, the same bytes for the same weights."""

from __future__ import annotations

from base64 import b64encode
from math import log
from struct import pack

import orjson

from cali.stages.refine.severity_model import FORMAT, SeverityModel, loads
from cali_ops.train.fit import Weights

VETO = 0.2  # weak trouble words need this probability of an error
REPORT = 0.9  # from this probability, a line without a trouble word is an error


def dumps(version: str, weights: Weights) -> bytes:
    """Return the file of a model."""
    ordered = sorted(weights.by_hash.items())
    document = {
        "format": FORMAT,
        "version": version,
        "bias": weights.bias,
        "veto": _score(VETO, weights),
        "report": _score(REPORT, weights),
        "hashes": b64encode(b"".join(pack("<I", key) for key, _ in ordered)).decode(),
        "weights": b64encode(b"".join(pack("<b", value) for _, value in ordered)).decode(),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def model(version: str, weights: Weights) -> SeverityModel:
    """Return the model as its file would give it."""
    return loads(dumps(version, weights), "trained weights")


def _score(probability: float, weights: Weights) -> int:
    return round(log(probability / (1 - probability)) / weights.unit)
