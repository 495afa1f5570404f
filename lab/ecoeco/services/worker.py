"""The workers storage and ai. A task is in the local journal before it is acknowledged, and in PostgreSQL minutes later."""

import logging
import os
import threading
import time
from pathlib import Path

import psycopg2
import requests
from celery import Celery
from celery.signals import celeryd_init, worker_ready
from psycopg2.extras import execute_values

from cali.adapters.sqlite.journal import JournalFull, SqliteJournal

NAME = os.environ.get("SERVICE", "worker")
EVERY = float(os.environ.get("SYNC_SECONDS", "300"))
PLACE = Path(os.environ.get("JOURNAL", "/srv/journal/tasks.db"))
log = logging.getLogger(NAME)
app = Celery(NAME, broker="pyamqp://shop:orchard-7@rabbitmq//")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_heartbeat=10,
    worker_log_format="%(asctime)s %(levelname)s [" + NAME + "] %(name)s: %(message)s",
    worker_task_log_format="%(asctime)s %(levelname)s [" + NAME + "] [%(task_id)s] %(message)s",
)
UPSERT = "INSERT INTO tasks (key, result) VALUES %s ON CONFLICT (key) DO UPDATE SET result = coalesce(excluded.result, tasks.result)"


def journal():
    return SqliteJournal(PLACE, bytes_limit=int(os.environ.get("JOURNAL_BYTES", 50 << 30)))


def store(tasks):
    connection = psycopg2.connect(
        os.environ.get("DATABASE", "host=postgres dbname=shop user=shop password=orchard-7 connect_timeout=2")
    )
    try:
        with connection, connection.cursor() as cursor:
            execute_values(
                cursor,
                UPSERT,
                [(task.key, task.result.decode() if task.result is not None else None) for task in tasks],
            )
    finally:
        connection.close()


def synchronise():
    while True:
        time.sleep(EVERY)
        opened = None
        try:
            opened = journal()
            if sent := opened.synchronise(store):
                log.info("%d tasks synchronised to PostgreSQL", sent)
        except Exception:
            log.exception("synchronisation failed; the tasks stay in the journal")
        finally:
            if opened:
                opened.close()


def work(name, number, size):
    if name == "storage.upload":
        answer = requests.put(
            f"http://s3:8080/eco-images/{number}.jpg", data=b"x" * min(size, 1000), timeout=2
        )
        answer.raise_for_status()
        return f"s3://eco-images/{number}.jpg"
    time.sleep(float(os.environ.get("ANALYSE_SECONDS", "0.05")))
    return "plastic"


def handle(task, name, number, size):
    opened = journal()
    try:
        if not opened.accept(task.request.id, f"{name} {number} {size}".encode()):
            log.info("task %s came again", task.request.id)
        opened.finish(task.request.id, work(name, number, size).encode())
        log.info("%s of photo %s done", name, number)
    except (JournalFull, requests.RequestException) as error:
        log.error("%s of photo %s failed, will be tried again: %s", name, number, error)
        raise task.retry(exc=error, countdown=2, max_retries=5) from error
    finally:
        opened.close()


@app.task(name="storage.upload", bind=True)
def upload(self, number, size):
    handle(self, "storage.upload", number, size)


@app.task(name="ai.analyse", bind=True)
def analyse(self, number, size):
    handle(self, "ai.analyse", number, size)


@celeryd_init.connect
def recover(**_):
    opened = journal()
    for task in opened.unfinished():
        name, number, size = task.body.decode().split()
        try:
            opened.finish(task.key, work(name, number, int(size)).encode())
            log.warning("task %s was left by a crash and is done now", task.key)
        except requests.RequestException as error:
            log.error("task %s was left by a crash and failed again: %s", task.key, error)
    opened.close()


@worker_ready.connect
def start(**_):
    threading.Thread(target=synchronise, daemon=True).start()
