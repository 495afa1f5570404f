"""How Lambda reads the streams: one table. `cali_ops.event_sources` applies it after `chalice deploy`."""

from __future__ import annotations

from dataclasses import dataclass

APP = "cali"  # the name of an installation that was given no other
LOGS, INCIDENTS = f"{APP}-logs-stream", f"{APP}-incidents-stream"


@dataclass(frozen=True, slots=True)
class EventSource:
    """How one function reads one stream. `lanes` are the batches of one shard that run at once."""

    function: str
    stream: str
    batch_size: int
    window: int  # seconds
    retries: int
    max_age: int = 21_600  # seconds; then the batch goes to S3, whole
    lanes: int = 1
    position: str = "TRIM_HORIZON"

    def stream_of(self, name: str) -> str:
        """The stream of the installation of this name."""
        return f"{name}{self.stream.removeprefix(APP)}"


SOURCES = {
    source.function: source
    for source in (
        # One lane: a shard takes 1,000 records a second and analyze does a hundred times that. Lanes would mix the
        # positions of a shard and tear lines that belong together apart.
        EventSource("analyze", LOGS, batch_size=1000, window=1, retries=100),
        # Slow and independent by incident: ten lanes a shard, small batches, and a concurrency of its own.
        EventSource("diagnose", INCIDENTS, batch_size=5, window=0, retries=100, lanes=10),
        # A chat may be away for hours; what it missed waits in the stream.
        EventSource("alert", INCIDENTS, batch_size=10, window=0, retries=1000, lanes=2),
    )
}
