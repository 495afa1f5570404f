"""OpenSearch as Firehose sees it: it accepts bulk requests and keeps the indexed documents."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.stand_in import Asked, Said, StandIn


@dataclass(slots=True)
class OpenSearch:
    """State and responses of the fake. `documents` holds the newest documents, `count` is the number of all."""

    count: int = 0
    documents: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=50_000))
    _lock: Any = field(default_factory=threading.Lock)

    def serve(self) -> StandIn:
        return StandIn(self.answer)

    def answer(self, asked: Asked) -> Said:
        if not asked.path.endswith("/_bulk"):
            return Said(
                body=json.dumps({"version": {"number": "2.19.0", "distribution": "opensearch"}}).encode()
            )
        lines = asked.body.split(b"\n")
        items: list[dict[str, Any]] = []
        with self._lock:
            for action, source in zip(lines[::2], lines[1::2], strict=False):
                items.append({"index": self._index(action, source)})
        errors = any("error" in item["index"] for item in items)
        return Said(body=json.dumps({"took": 1, "errors": errors, "items": items}).encode())

    def _index(self, action: bytes, source: bytes) -> dict[str, Any]:
        try:
            name = json.loads(action)["index"]["_index"]
            document = json.loads(source)
            self.documents.append({**document})  # must be an object; otherwise this raises TypeError
        except (ValueError, KeyError, TypeError) as error:
            return {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": str(error)}}
        self.count += 1
        return {"_index": name, "status": 201}
