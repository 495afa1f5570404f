"""A shop's order service on PostgreSQL. Each ROUND writes an order; a failure is logged with its trace."""

import logging
import os
import sys
import threading
import time

import psycopg2

logging.basicConfig(
    format="%(asctime)s %(levelname)s [orders] %(threadName)s %(message)s", level=logging.INFO
)
log = logging.getLogger("orders")
DSN = os.environ.get("DSN", "host=postgres dbname=shop user=shop password=orchard-7 connect_timeout=2")
SQL = os.environ.get("SQL", "INSERT INTO orders (customer, total) VALUES (%(number)s, 10)")


def work(first, rounds):
    connection = None
    for number in range(first, first + rounds):
        try:
            if connection is None or connection.closed or os.environ.get("RECONNECT"):
                connection = psycopg2.connect(DSN)
            with connection, connection.cursor() as cursor:
                cursor.execute(SQL, {"number": number})
            log.info("order %d stored", number)
        except psycopg2.Error:
            log.exception("order %d could not be stored", number)
            if connection is not None and connection.closed:
                connection = None
        time.sleep(float(os.environ.get("PAUSE", "0.05")))


def deadlock(order):
    connection = psycopg2.connect(DSN)
    for turn in range(3):
        try:
            with connection, connection.cursor() as cursor:
                for row in order:
                    cursor.execute("UPDATE stock SET amount = amount - 1 WHERE id = %s", (row,))
                    time.sleep(0.4)
            log.info("stock moved, turn %d", turn)
        except psycopg2.Error:
            log.exception("stock could not be moved, turn %d", turn)


def hold(count):
    held = []
    for number in range(count):
        try:
            held.append(psycopg2.connect(DSN))
            held[-1].cursor().execute("SELECT 1")
            log.info("session %d opened", number)
        except psycopg2.Error:
            log.exception("session %d could not be opened", number)
    time.sleep(float(os.environ.get("HOLD", "1")))


def main():
    log.info("order service starts, database shop at postgres:5432")
    mode = sys.argv[2] if len(sys.argv) > 2 else "work"
    if mode == "deadlock":
        threads = [threading.Thread(target=deadlock, args=(order,)) for order in ((1, 2), (2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    elif mode == "hold":
        hold(int(sys.argv[1]))
    else:
        work(1000, int(sys.argv[1]))


main()
