"""Embedder without a network: static word vectors from the files of the wordllama package."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class WordLlamaEmbedder:
    """Embedder of normalised vectors with 256 dimensions. The model is loaded on first use, which takes about 0.15 s."""

    name = "wordllama-256"
    size = 256

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if not texts:
            return []
        import numpy as np

        model = self._model
        with np.errstate(
            invalid="ignore", divide="ignore"
        ):  # a text without known words has no direction, so its vector is all zeros
            vectors: list[list[float]] = np.nan_to_num(model.embed(list(texts), norm=True)).tolist()
        return vectors

    @cached_property
    def _model(self) -> Any:
        with _own_logging():
            import wordllama

        package = Path(wordllama.__file__).parent
        try:
            return wordllama.WordLlama.load(dim=self.size, cache_dir=package, disable_download=True)
        except (OSError, ValueError) as error:
            line = " ".join(str(error).split())
            raise Misconfigured(f"wordllama: its weights are not in {package}: {line}") from error


@contextmanager
def _own_logging() -> Iterator[None]:
    """Undo wordllama's configuration of the root logger at import: logging belongs to the application."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
