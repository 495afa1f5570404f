"""OAuth 2.0 with password and refresh: users in PostgreSQL, sessions in Redis, JWT as tokens."""

import hashlib
import time
import uuid

import jwt
from base import SECRET, cache, log, rows, service
from fastapi import HTTPException, Request

app = service()


def tokens(user):
    refresh = uuid.uuid4().hex
    cache().set(f"session:{refresh}", user, ex=3600)
    access = jwt.encode({"sub": user, "exp": time.time() + 300}, SECRET, algorithm="HS256")
    return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}


@app.post("/api/v1/auth/token")
async def token(request: Request):
    form = await request.json()
    if form.get("grant_type") == "refresh_token":
        user = cache().get(f"session:{form['refresh_token']}")
        if user is None:
            raise HTTPException(401, "session expired")
        return tokens(user.decode())
    found = rows("SELECT password FROM users WHERE name = %s", form["username"])
    if not found or found[0][0] != hashlib.sha256(form["password"].encode()).hexdigest():
        log.warning("login of %s refused", form["username"])
        raise HTTPException(401, "wrong user or password")
    log.info("user %s logged in", form["username"])
    return tokens(form["username"])
