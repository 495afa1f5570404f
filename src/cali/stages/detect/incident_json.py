"""An incident and its life as plain JSON, and back. What is in it was redacted by refine before it came here."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.core.life import StoredIncident

_STORED = TypeAdapter(StoredIncident)
_EXACT = (
    2**53
)  # larger numbers lose digits in most readers of JSON; positions such as those of Kinesis are larger


def dumps(stored: StoredIncident) -> str:
    """JSON on one line. The version is not in it: it is the store's."""
    plain = _plain(stored)
    del plain["version"]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def loads(text: str, version: int) -> StoredIncident:
    """What `dumps` wrote. Poison if it is anything else; fields that a newer release added are left out."""
    try:
        values = json.loads(text)
        return _STORED.validate_python({**values, "version": version})
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        said = " ".join(str(error).split())[:200]
        raise Poison(f"not a stored incident: {said}") from error


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
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written
    if type(value) is int and abs(value) > _EXACT:
        return str(value)
    return value
