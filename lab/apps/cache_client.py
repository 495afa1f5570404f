"""A session service on memcached, with the text protocol of its own."""

import logging
import os
import socket
import sys
import time

logging.basicConfig(format="%(asctime)s %(levelname)s [sessions] %(message)s", level=logging.INFO)
log = logging.getLogger("sessions")
HOST = os.environ.get("CACHE_HOST", "memcached")


class CacheError(Exception):
    """The cache refused a command."""


def call(connection, text):
    connection.sendall(text)
    answer = connection.recv(4096)
    if not answer:
        raise CacheError("memcached closed the connection")
    if b"ERROR" in answer:
        raise CacheError(f"memcached answered {answer.decode().strip()!r}")
    return answer


def main():
    log.info("session service starts, cache %s:11211", HOST)
    held, size = [], int(os.environ.get("SIZE", "200"))
    for number in range(int(sys.argv[1])):
        try:
            connection = socket.create_connection((HOST, 11211), 2)
            connection.settimeout(2)
            call(connection, b"set session:%d 0 60 %d\r\n%s\r\n" % (number, size, b"x" * size))
            call(connection, b"get session:%d\r\n" % number)
            log.info("session %d stored", number)
            held.append(connection) if os.environ.get("HOLD") else connection.close()
        except (OSError, CacheError):
            log.exception("session %d could not be stored", number)
        time.sleep(float(os.environ.get("PAUSE", "0.03")))


main()
