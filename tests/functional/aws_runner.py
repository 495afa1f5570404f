"""A function's process: it reads one invocation per line, `{"handler", "event"}`, and answers with a line of JSON.
Its environment is that of a Lambda function, without anything of the parent process.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CHALICE = Path(__file__).parents[2] / "chalice_app"


def main() -> None:
    sys.path[:0] = [str(CHALICE), str(CHALICE.parent / "src")]
    answers, sys.stdout = sys.stdout, sys.stderr  # the output of functions is their log
    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))  # as Lambda's runtime does
    import app  # type: ignore[import-not-found]

    context: Any = SimpleNamespace(
        aws_request_id="r-1", function_name="f", get_remaining_time_in_millis=lambda: 60_000
    )
    for line in sys.stdin:
        asked = json.loads(line)
        handler = app.app if asked["handler"] == "api" else getattr(app, asked["handler"])
        try:
            answer = {"result": handler(asked["event"], context)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
