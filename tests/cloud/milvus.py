"""A Milvus server on this machine: Milvus Lite behind its gRPC port, in a process that tests can kill.

`python -m tests.cloud.milvus PORT FOLDER` ends when its standard input is closed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cloud.processes import Server, free_port


class Milvus:
    """A server with a folder. The folder survives the server, as a volume survives a pod."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._server = self._start()

    def _start(self) -> Server:
        folder = str(self._home / "milvus")
        command = [sys.executable, "-m", "tests.cloud.milvus", str(self._port), folder]
        return Server(command, self._port, self._home / "milvus.log")

    def kill(self) -> None:
        self._server.kill()

    def start_again(self) -> None:
        """Start again on the same port, with the same folder."""
        if not self._server.alive():
            self._server = self._start()

    def close(self) -> None:
        self._server.close()


def main(port: int, folder: str) -> None:
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, store, _ = start_server_in_thread(folder, host="127.0.0.1", port=port)
    sys.stdin.buffer.read()
    server.stop(grace=0)
    store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
