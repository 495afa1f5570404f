"""What the six services share: logging with a request id, PostgreSQL, Redis, and tokens."""

import contextvars
import logging
import os
import sys
import time
import uuid

import jwt
import psycopg2
import redis
from fastapi import FastAPI, HTTPException, Request

NAME = os.environ.get("SERVICE", "service")
REQUEST = contextvars.ContextVar("request", default="-")


class WithRequest(logging.Filter):
    def filter(self, record):
        record.request = REQUEST.get()
        return True


def logger():
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(WithRequest())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s [" + NAME + "] [%(request)s] %(name)s: %(message)s")
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    return logging.getLogger(NAME)


log = logger()


def service():
    app = FastAPI(title=NAME)

    @app.middleware("http")
    async def trace(request: Request, call_next):
        REQUEST.set(request.headers.get("x-request-id", uuid.uuid4().hex[:12]))
        begun = time.monotonic()
        response = await call_next(request)
        log.info(
            "%s %s -> %d in %.0f ms",
            request.method,
            request.url.path,
            response.status_code,
            (time.monotonic() - begun) * 1000,
        )
        return response

    @app.get("/healthz")
    def health():
        return {"status": "ok"}

    return app


_HELD = []


def database():
    connection = psycopg2.connect(
        os.environ.get("DATABASE", "host=postgres dbname=shop user=shop password=orchard-7 connect_timeout=2")
    )
    if os.environ.get("LEAK"):
        _HELD.append(connection)
    return connection


def rows(query, *values):
    connection = database()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()
    finally:
        if not os.environ.get("LEAK"):
            connection.close()


def cache():
    return redis.Redis(host="redis", socket_timeout=1, socket_connect_timeout=1)


SECRET = os.environ.get("JWT_SECRET", "orchard-7-of-a-length-that-suffices")


def user_of(request: Request):
    header = request.headers.get("authorization", "")
    try:
        return jwt.decode(header.removeprefix("Bearer "), SECRET, algorithms=["HS256"])["sub"]
    except jwt.PyJWTError as error:
        log.warning("token refused: %s: %s", type(error).__name__, error)
        raise HTTPException(401, "invalid token") from None
