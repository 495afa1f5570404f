"""How a kind of waste is recycled: from PostgreSQL, with a cache in Redis."""

import redis
from base import cache, log, rows, service

app = service()


@app.get("/api/v1/recycle-info/{kind}")
def info(kind: str):
    try:
        if found := cache().get(f"info:{kind}"):
            return {"kind": kind, "text": found.decode()}
    except redis.RedisError as error:
        log.warning("cache skipped: %s", error)
    text = rows("SELECT text FROM recycle_info WHERE kind = %s", kind)[0][0]
    try:
        cache().set(f"info:{kind}", text, ex=2)
    except redis.RedisError as error:
        log.warning("cache not written: %s", error)
    log.info("%s read from the database", kind)
    return {"kind": kind, "text": text}
