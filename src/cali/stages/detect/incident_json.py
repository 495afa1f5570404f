"""Serialisation of a stored incident as JSON. Its text was redacted by refine."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.core.life import StoredIncident

_STORED = TypeAdapter(StoredIncident)
_EXACT = 2**53  # most JSON parsers lose digits of larger integers; Kinesis positions are larger


def dumps(stored: StoredIncident) -> str:
    """Return JSON on one line. The version is left out because the store holds it."""
    plain = _plain(stored)
    del plain["version"]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def loads(text: str, version: int) -> StoredIncident:
    """Parse the output of `dumps`. Fields of a newer release are ignored. Raise Poison for any other text."""
    try:
        values = json.loads(text)
        return _STORED.validate_python({**values, "version": version})
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Poison(f"not a stored incident: {reason}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # UTF-8 cannot encode a lone surrogate
    if type(value) is int and abs(value) > _EXACT:
        return str(value)
    return value
