"""The name of the installation that Chalice deploys, which names the streams that invoke the functions."""

from __future__ import annotations

import json
from pathlib import Path

from cali.core.event_sources import APP

CONFIG = Path(__file__).parents[1] / ".chalice" / "config.json"


def name(config: Path = CONFIG) -> str:
    """Return `app_name` of Chalice's configuration. The package on Lambda has no such file and does not use the name."""
    try:
        return str(json.loads(config.read_text("utf-8"))["app_name"])
    except FileNotFoundError:
        return APP
