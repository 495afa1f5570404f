"""Reading of the simulator's YAML files. Errors name the place and the fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from cali.core.errors import Misconfigured

DATA = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times faster


@dataclass(frozen=True, slots=True)
class Node:
    """A mapping in a data file, with its place."""

    where: str
    data: Mapping[str, Any]

    def only(self, *allowed: str) -> None:
        """Raise Misconfigured for an unknown key, so that misspelt options are reported."""
        for key in self.data:
            if key not in allowed:
                raise Misconfigured(f"{self.where}: unknown key {key!r}; use one of {', '.join(allowed)}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            raise Misconfigured(f"{self.where}: {key} must be text, but is {value!r}")
        return value

    def number(self, key: str, *, least: float, default: float | None = None) -> float:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e15:
            raise Misconfigured(
                f"{self.where}: {key} must be a number of at least {least:g}, but is {value!r}"
            )
        return float(value)

    def whole(self, key: str, *, least: int, default: int | None = None) -> int:
        value = self.number(key, least=least, default=default)
        if value != int(value):
            raise Misconfigured(f"{self.where}: {key} must be a whole number, but is {value!r}")
        return int(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise Misconfigured(f"{self.where}: {key} must be true or false, but is {value!r}")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise Misconfigured(f"{self.where}: {key} must be one of {', '.join(allowed)}, but is {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._get(key, None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Misconfigured(f"{self.where}: {key} must be a list of texts, but is {value!r}")
        return tuple(value)

    def nodes(self, key: str, *, needed: bool = True) -> list[Node]:
        value = self._get(key, None if needed else [])
        if not isinstance(value, list) or (needed and not value):
            raise Misconfigured(f"{self.where}: {key} must be a list with at least one entry")
        return [_node(item, f"{self.where}: {key}[{index}]") for index, item in enumerate(value)]

    def forms(self) -> dict[str, str]:
        """Return the frames of a service's lines, which place time, level and text."""
        value = self.data.get("forms", {})
        if not isinstance(value, dict) or not all(isinstance(form, str) for form in value.values()):
            raise Misconfigured(f"{self.where}: forms must map names to texts")
        return value

    def phrase(self, forms: Mapping[str, str]) -> str:
        """Return the text of this line within its form. Within a JSON form, the text is escaped as a JSON string."""
        text, name = self.text("text"), self.text("form", "")
        if not name:
            return text
        if name not in forms:
            raise Misconfigured(f"{self.where}: unknown form {name!r}; use one of {', '.join(forms)}")
        form = forms[name]
        if form.startswith('{"'):
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        return form.replace("$fields", self.text("fields", "")).replace("$text", text)

    def _get(self, key: str, default: Any) -> Any:
        value = self.data.get(key, default)
        if value is None:
            raise Misconfigured(f"{self.where}: {key} is missing")
        return value


def data_file(folder: str, name: str, where: str) -> Path:
    """Return the shipped file of a name. Raise Misconfigured with a list of the names if there is none."""
    known = _stems(folder)
    if name not in known:
        raise Misconfigured(f"{where}: no {name[:80]!r} among the {folder}; use one of {', '.join(known)}")
    return DATA / folder / f"{name}.yaml"


@cache
def _stems(folder: str) -> list[str]:
    return sorted(file.stem for file in (DATA / folder).glob("*.yaml"))


def read(path: Path) -> Node:
    """Return the mapping in a file. Shipped files are cached, because a scenario names some of them many times."""
    if path.is_relative_to(DATA):
        return _node(_shipped(path), path.stem)
    return _node(_parse(path), str(path))


@lru_cache(maxsize=256)
def _shipped(path: Path) -> Any:
    return _parse(path)


def _parse(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, in C if available
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Misconfigured(f"{path}: not YAML: {reason}") from None


def _node(value: Any, where: str) -> Node:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Misconfigured(f"{where}: must be a mapping of names to values")
    return Node(where, value)
