"""The fixed words of alerts in a language: `words("count", count="3")`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from cali.core.errors import Misconfigured

DEFAULT = "en"


class Words:
    """The fixed words of one language. Text from logs or people is not translated."""

    __slots__ = ("_texts", "language")

    def __init__(self, language: str, texts: dict[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **named: object) -> str:
        return self._texts[key].format(**named) if named else self._texts[key]

    def keys(self) -> set[str]:
        return set(self._texts)


@cache
def words(language: str = DEFAULT) -> Words:
    """Return the words of a language such as `ko` or `ko-KR`. Raise Misconfigured for an unsupported language."""
    name = language.lower().replace("_", "-").split("-")[0]
    folder = resources.files("cali") / "data" / "words"
    file = folder / f"{name}.yaml"
    if not name.isalpha() or not file.is_file():
        known = ", ".join(
            sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))
        )
        raise Misconfigured(f"CALI_LANGUAGE: {language!r} is not supported; use one of {known}")
    texts = yaml.safe_load(file.read_text("utf-8"))
    return Words(name, {key: str(text) for key, text in texts.items()})
