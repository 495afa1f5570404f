"""Patterns of right causes that many systems share. They name what was done, and leave the words to the tool."""

NOT_RUNNING = (
    r"not running|\b(is|are) down\b|was killed|has stopped|crashed|not listening|nothing (listens|takes|accepts|answers)|no \w+ (listens|answers)",
)
NO_ANSWER = (NOT_RUNNING[0] + "|does not answer|did not answer",)
DISK_FULL = (
    r"disk|volume|space|file ?system",
    r"full|no space|space left|ran out|out of|insufficient|below|alarm|low on",
)
PORT_TAKEN = (r"port|address|bind", r"in use|already|taken|another process")
HANGS = (r"hang|not answer|not respond|unresponsive|timeout|timed out|blocked|overload|too slow",)
