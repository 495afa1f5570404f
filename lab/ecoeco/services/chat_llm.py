"""Answers questions about recycling with a model behind an OpenAI-compatible endpoint."""

import os
import time

import requests
from base import log, service
from fastapi import HTTPException, Request

app = service()
URL = os.environ.get("LLM_URL", "http://llm:8080/v1/chat/completions")


@app.post("/api/v1/chat")
async def chat(request: Request):
    question = (await request.json())["question"]
    for attempt in range(1, 4):
        answer = requests.post(
            URL,
            json={"model": "eco-1", "messages": [{"role": "user", "content": question}]},
            timeout=2,
            headers={"Authorization": "Bearer " + os.environ.get("LLM_KEY", "sk-lab")},
        )
        if answer.status_code == 429:
            log.warning("model is busy (429), attempt %d of 3", attempt)
            time.sleep(0.1)
            continue
        if not answer.ok:
            log.error("model answered %d: %s", answer.status_code, answer.text[:200])
            raise HTTPException(502, "model failed")
        log.info("question of %d characters answered", len(question))
        return {"answer": answer.json()["items"]}
    log.error(
        "model still busy after 3 attempts: 429 Too Many Requests: rate limit reached for requests per minute"
    )
    raise HTTPException(503, "model is busy")
