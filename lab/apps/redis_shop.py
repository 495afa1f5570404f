"""A shop's cart service on Redis. Each ROUND stores and reads carts; a failure is logged with its trace."""

import logging
import os
import sys
import time

import redis

logging.basicConfig(format="%(asctime)s %(levelname)s [cart] %(name)s: %(message)s", level=logging.INFO)
log = logging.getLogger("cart.store")


def main():
    rounds = int(sys.argv[1])
    size = int(os.environ.get("VALUE_SIZE", "200"))
    store = redis.Redis(
        host=os.environ.get("REDIS_HOST", "redis"),
        port=int(os.environ.get("REDIS_PORT", "6379")),
        password=os.environ.get("REDIS_PASSWORD"),
        username=os.environ.get("REDIS_USER"),
        socket_timeout=2,
        socket_connect_timeout=2,
        ssl=os.environ.get("REDIS_TLS") == "1",
    )
    log.info("cart service starts, store redis://%s", os.environ.get("REDIS_HOST", "redis"))
    for number in range(rounds):
        try:
            store.set(f"cart:{number}", "x" * size)
            store.lpush("orders", number) if os.environ.get("LIST") else store.get(f"cart:{number}")
            log.info("cart %d stored for customer %d", number, 1000 + number)
        except redis.RedisError:
            log.exception("cannot store cart %d", number)
        time.sleep(float(os.environ.get("PAUSE", "0.05")))


main()
