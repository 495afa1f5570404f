"""Reading of the simulator's YAML files. An error names the file, the place in it and the fault."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cali.core.errors import Misconfigured

DATA = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times faster


class DataModel(BaseModel):
    """A mapping in a data file. Unknown keys are rejected, so that misspelt options are reported."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=DataModel)


def data_file(folder: str, name: str, where: str) -> Path:
    """Return the shipped file of a name. Raise Misconfigured with a list of the names if there is none."""
    known = _stems(folder)
    if name not in known:
        raise Misconfigured(f"{where}: no {name[:80]!r} among the {folder}; use one of {', '.join(known)}")
    return DATA / folder / f"{name}.yaml"


@cache
def _stems(folder: str) -> list[str]:
    return sorted(file.stem for file in (DATA / folder).glob("*.yaml"))


def read(path: Path, model: type[M]) -> M:
    """Return the content of a file. Shipped files are cached, because a scenario names some of them many times."""
    return _shipped(path, model) if path.is_relative_to(DATA) else _validated(path, str(path), model)


@lru_cache(maxsize=256)
def _shipped(path: Path, model: type[M]) -> M:
    return _validated(path, path.stem, model)


def _validated(path: Path, where: str, model: type[M]) -> M:
    try:
        return model.model_validate(_parse(path))
    except ValidationError as invalid:
        # a misspelt key explains a missing one, so it comes first
        error = min(invalid.errors(), key=lambda one: one["type"] != "extra_forbidden")
        unknown = error["type"] == "extra_forbidden"
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
        what = "unknown key" if unknown else error["msg"]
        given = "" if unknown or error["type"] == "missing" else f", but is {error['input']!r:.80}"
        raise Misconfigured(f"{where}: {place.lstrip('.')}: {what}{given}") from None


def _parse(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, in C if available
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Misconfigured(f"{path}: not YAML: {reason}") from None
