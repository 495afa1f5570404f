"""One cache folder for all runs of the command line, so that the knowledge is parsed once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the environment of the command line: this cache, and no settings of the developer."""
    for name in [name for name in os.environ if name.startswith("CALI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CALI_CACHE_DIR", str(shared_cache))
    return shared_cache
