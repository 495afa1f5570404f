"""A billing service on MariaDB. Each ROUND writes an invoice; a failure is logged with its trace."""

import logging
import os
import sys
import threading
import time

import pymysql

logging.basicConfig(format="%(asctime)s %(levelname)s [billing] %(message)s", level=logging.INFO)
log = logging.getLogger("billing")
SQL = os.environ.get("SQL", "INSERT INTO invoices (customer, total) VALUES (%s, 10)")


def connect():
    return pymysql.connect(
        host=os.environ.get("DB_HOST", "mysql"),
        user="shop",
        password=os.environ.get("DB_PASSWORD", "orchard-7"),
        database=os.environ.get("DB_NAME", "shop"),
        connect_timeout=2,
        read_timeout=8,
        autocommit=True,
    )


def work(rounds):
    connection = None
    for number in range(rounds):
        try:
            if connection is None or os.environ.get("RECONNECT"):
                connection = connect()
            with connection.cursor() as cursor:
                cursor.execute(SQL, (number,) if "%s" in SQL else ())
            log.info("invoice %d stored", number)
            if os.environ.get("RECONNECT"):
                connection.close()
        except pymysql.MySQLError:
            log.exception("invoice %d could not be stored", number)
            connection = None
        time.sleep(float(os.environ.get("PAUSE", "0.05")))
    if connection is not None and connection.open:
        connection.close()


def move(rows):
    connection = connect()
    for turn in range(3):
        try:
            connection.begin()
            with connection.cursor() as cursor:
                for row in rows:
                    cursor.execute("UPDATE invoices SET total = total + 1 WHERE id = %s", (row,))
                    time.sleep(0.4)
            connection.commit()
            log.info("totals moved, turn %d", turn)
        except pymysql.MySQLError:
            connection.rollback()
            log.exception("totals could not be moved, turn %d", turn)
    connection.close()


def main():
    log.info("billing starts, database shop at mysql:3306")
    mode = sys.argv[2] if len(sys.argv) > 2 else "work"
    if mode == "deadlock":
        threads = [threading.Thread(target=move, args=(rows,)) for rows in ((1, 2), (2, 1))]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    elif mode == "hold":
        held = []
        for number in range(int(sys.argv[1])):
            try:
                held.append(connect())
                log.info("session %d opened", number)
            except pymysql.MySQLError:
                log.exception("session %d could not be opened", number)
    else:
        work(int(sys.argv[1]))


main()
