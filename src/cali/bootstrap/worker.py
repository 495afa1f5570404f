"""Builder of the stream readers of `cali worker`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cali.adapters.aws import clients
from cali.adapters.aws.dynamodb_shared import DynamoBlobs
from cali.adapters.aws.kinesis_reader import StreamReader
from cali.usecases.poll_stream import StreamPoller

if TYPE_CHECKING:
    from cali.core.settings import Settings
    from cali.usecases.poll_stream import BatchHandler


def stream_poller(
    settings: Settings, job: str, stream: str, handle: BatchHandler, limit: int
) -> StreamPoller:
    """Build the reader of one stream for one job. It stores its checkpoints in the incidents table."""
    checkpoints = DynamoBlobs(clients.client("dynamodb"), settings.incidents_table, time.time)
    return StreamPoller(
        StreamReader(clients.client("kinesis"), stream), checkpoints, job, handle, limit, time.monotonic
    )
