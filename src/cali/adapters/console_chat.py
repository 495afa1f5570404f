"""A chat that is the function's own log: for those who have no Slack, or not yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConsoleChat:
    """Writes messages to standard output, one JSON object on a line."""

    def post(self, message: Mapping[str, Any]) -> None:
        print(json.dumps({"alert": message}), flush=True)
