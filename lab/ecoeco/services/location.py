"""Recycling points near a place, from the Kakao map API."""

import os

import requests
from base import log, service
from fastapi import HTTPException

app = service()
URL = os.environ.get("KAKAO_URL", "http://kakao:8080/v2/local/search")


@app.get("/api/v1/locations")
def locations(query: str = "bin"):
    try:
        answer = requests.get(
            URL,
            params={"query": query},
            timeout=1.5,
            headers={"Authorization": "KakaoAK test"},
            verify=os.environ.get("CA") or True,
        )
        answer.raise_for_status()
        places = answer.json()["items"]
    except requests.RequestException as error:
        log.exception("Kakao map API failed")
        raise HTTPException(502, "map service failed") from error
    log.info("%d places for %s", len(places), query)
    return {"places": places}
