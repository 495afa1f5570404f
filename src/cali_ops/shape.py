"""Comparison of a service's response with the wanted fields. Services add fields of their own."""

from __future__ import annotations

from typing import Any


def holds(found: Any, wanted: Any) -> bool:
    """Return whether `found` has every field of `wanted` with the same value. Lists must match item by item."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and holds(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(holds(have, want) for have, want in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)
