"""CALI turns a log stream into a few explained incidents. `from cali import Refiner` gives templates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cali.stages.refine.refiner import Refiner

__all__ = ["Refiner"]
__version__ = "0.1.0"


def __getattr__(name: str) -> type[Refiner]:
    """Import the refiner on first use. Every command imports this package, but few commands refine."""
    if name != "Refiner":
        raise AttributeError(f"module 'cali' has no attribute {name!r}")
    from cali.stages.refine.refiner import Refiner

    return Refiner
