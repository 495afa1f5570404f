"""A recipe service on Flask. Environment variables bring the bugs of a bad deployment."""

import logging
import os
import sqlite3
import time

import requests
from flask import Flask, jsonify

if os.environ.get("IMPORT"):
    import recipe_rules  # noqa: F401

logging.basicConfig(
    format="%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s", level=logging.INFO
)
app = Flask("recipes")
log = logging.getLogger("recipes")
SECRET = os.environ["SESSION_SECRET"]
log.info("recipe service starts")


@app.get("/recipes/<int:number>")
def recipe(number):
    mode = os.environ.get("MODE", "")
    if mode == "key":
        return jsonify({"id": number}["title"])
    if mode == "slow":
        time.sleep(6)
    if mode == "upstream":
        return jsonify(requests.get("http://catalogue:8080/items", timeout=2).json()["items"])
    if mode == "locked":
        with sqlite3.connect("/srv/recipes.db", timeout=0.3) as db:
            db.execute("INSERT INTO recipes VALUES (?)", (number,))
    if mode == "memory":
        kept = app.config.setdefault("kept", [])
        kept.append(bytearray(60_000_000))
    if mode == "encoding":
        return jsonify(b"caf\xe9".decode("utf-8"))
    if mode == "config":
        return jsonify(app.config["PRICE_TABLE"])
    log.info("recipe %d served", number)
    return jsonify({"id": number, "items": [1, 2]})
