"""The profile of the user."""

from base import log, rows, service, user_of
from fastapi import Request

app = service()


@app.get("/api/v1/users/me")
def me(request: Request):
    user = user_of(request)
    points = rows("SELECT points FROM users WHERE name = %s", user)[0][0]
    log.info("profile of %s read", user)
    return {"name": user, "points": points}
