"""The table of event sources: how Lambda reads the streams. `cali_ops.event_sources` applies it after `chalice deploy`."""

from __future__ import annotations

from dataclasses import dataclass

APP = "cali"  # the default name of an installation
LOGS, INCIDENTS = f"{APP}-logs-stream", f"{APP}-incidents-stream"


@dataclass(frozen=True, slots=True)
class EventSource:
    """The event source of one function. `lanes` is the number of parallel batches of a shard."""

    function: str
    stream: str
    batch_size: int
    window: int  # seconds
    retries: int
    max_age: int = 21_600  # seconds; then the whole batch goes to S3
    lanes: int = 1
    position: str = "TRIM_HORIZON"

    def stream_of(self, name: str) -> str:
        """Return the name of the stream in the installation of this name."""
        return f"{name}{self.stream.removeprefix(APP)}"


SOURCES = {
    source.function: source
    for source in (
        # One lane: `analyze` is a hundred times faster than the 1,000 records a second of a shard. More lanes would
        # mix the positions of a shard, and could separate the lines of one log call.
        EventSource("analyze", LOGS, batch_size=1000, window=1, retries=100),
        # Diagnosis is slow, and incidents are independent: ten lanes per shard, small batches, and a concurrency of
        # its own.
        EventSource("diagnose", INCIDENTS, batch_size=5, window=0, retries=100, lanes=10),
        # A chat service may be down for hours. Meanwhile the changes wait in the stream.
        EventSource("alert", INCIDENTS, batch_size=10, window=0, retries=1000, lanes=2),
    )
}
