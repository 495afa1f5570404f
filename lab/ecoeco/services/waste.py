"""Takes a photo, and queues its upload and its analysis."""

import os
import uuid

from base import log, rows, service
from celery import Celery
from fastapi import HTTPException, Request

app = service()
queue = Celery("waste", broker="pyamqp://shop:orchard-7@rabbitmq//")
queue.conf.update(
    broker_transport_options={"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
    broker_connection_timeout=2,
    task_publish_retry=False,
)


@app.post("/api/v1/waste")
async def upload(request: Request):
    photo = await request.body()
    number = uuid.uuid4().hex[:12]
    if os.environ.get("VERSION") == "2":
        category = {"photo": number}["category"]
        log.info("category %s", category)
    for name, destination in (("storage.upload", "q.storage"), ("ai.analyse", "q.ai")):
        queue.send_task(name, args=[number, len(photo)], queue=destination, task_id=f"{name}-{number}")
    log.info("photo %s of %d bytes queued", number, len(photo))
    return {"id": number}


@app.get("/api/v1/waste/{number}")
def result(number: str):
    found = rows("SELECT result FROM tasks WHERE key = %s", f"ai.analyse-{number}")
    if not found:
        raise HTTPException(404, "not analysed yet")
    return {"id": number, "result": found[0][0]}
