"""All functions as deployed, in a process with a function's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION
from tests.functional.aws_fakes import delivered

RUNNER = Path(__file__).parent / "aws_runner.py"


class Functions:
    """All functions in one process."""

    def __init__(self, endpoint: str, **more: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CALI_"))}
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "CALI_STAGE": "test",
            "CALI_LOGS_STREAM": LOGS,
            "CALI_INCIDENTS_STREAM": INCIDENTS,
            "CALI_INCIDENTS_TABLE": INCIDENTS_TABLE,
            "CALI_LOGS_BUCKET": BUCKET,
            **more,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(RUNNER)],
            env={**kept, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, handler: str, event: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"handler": handler, "event": event}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(self.close())
        return json.loads(line)

    def close(self) -> str:
        """Return the log."""
        _, log = self._process.communicate()
        return log


def kinesis_event(stream: str, payloads: list[bytes], first: int = 0) -> dict[str, Any]:
    items = delivered(payloads, first=first, arrived=time.time() - 1.0)
    for item in items:
        item["eventSourceARN"] = f"arn:aws:kinesis:{REGION}:1:stream/{stream}"
    return {"Records": items}


def emitted(log: str) -> list[dict[str, Any]]:
    """Return the metrics in a log, in CloudWatch's embedded format."""
    return [json.loads(line) for line in log.splitlines() if '"_aws"' in line]
