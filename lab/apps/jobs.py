"""Celery tasks of a shop: broker and results in Redis."""

import os
import time

from celery import Celery
from celery.utils.log import get_task_logger

app = Celery(
    "jobs",
    broker=os.environ.get("BROKER", "redis://redis:6379/0"),
    backend=os.environ.get("BROKER", "redis://redis:6379/0"),
)
app.conf.update(
    task_default_queue="jobs",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=True,
    task_acks_late=True,
    worker_send_task_events=False,
)
log = get_task_logger("jobs")


@app.task(name="jobs.invoice")
def invoice(number):
    log.info("invoice %s written", number)
    return number


@app.task(name="jobs.average")
def average(values):
    return sum(values) / len(values)


@app.task(name="jobs.report", time_limit=2, soft_time_limit=1)
def report():
    time.sleep(10)


@app.task(name="jobs.convert")
def convert():
    kept = []
    while True:
        kept.append(bytearray(20_000_000))


@app.task(name="jobs.thumbnail")
def thumbnail():
    time.sleep(8)


if __name__ == "__main__":
    import sys

    for number in range(int(sys.argv[2])):
        app.send_task(
            sys.argv[1],
            args=[
                [],
            ]
            if sys.argv[1] == "jobs.average"
            else [number]
            if sys.argv[1] == "jobs.invoice"
            else [],
        )
