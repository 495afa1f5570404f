"""Command that posts one line about a delivery to Slack: python -m cali_ops.tell TEXT.

SLACK_WEBHOOK_URL holds the webhook's URL. Without it, the line is only printed. An error from Slack is printed and never
fails a delivery.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from cali.adapters.http.client import post
from cali.core.errors import CaliError

if TYPE_CHECKING:
    from collections.abc import Sequence


def tell(text: str, url: str) -> str:
    """Send the line, and return the result as text."""
    if not url:
        return f"not told, SLACK_WEBHOOK_URL is not set: {text}"
    try:
        answer = post("Slack", url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
    except CaliError as error:
        return f"not told: {error}"
    return f"told: {text}" if answer.status == 200 else f"not told: Slack answered {answer.status}"


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        print("cali: python -m cali_ops.tell TEXT: the text is missing", file=sys.stderr)
        return 2
    print(tell(" ".join(words), os.environ.get("SLACK_WEBHOOK_URL", "")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
