"""A shipping service on RabbitMQ. Each ROUND publishes and reads a message; a failure is logged with its trace."""

import logging
import os
import sys
import time

import pika

logging.basicConfig(format="%(asctime)s %(levelname)s [shipping] %(name)s: %(message)s", level=logging.INFO)
logging.getLogger("pika").setLevel(logging.WARNING)
log = logging.getLogger("shipping")
QUEUE = os.environ.get("QUEUE", "parcels")


def channel():
    credentials = pika.PlainCredentials(
        os.environ.get("AMQP_USER", "shop"), os.environ.get("AMQP_PASSWORD", "orchard-7")
    )
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            os.environ.get("AMQP_HOST", "rabbitmq"),
            virtual_host=os.environ.get("VHOST", "/"),
            credentials=credentials,
            connection_attempts=1,
            socket_timeout=2,
            blocked_connection_timeout=3,
            stack_timeout=4,
            heartbeat=int(os.environ.get("HEARTBEAT", "60")),
        )
    )
    opened = connection.channel()
    if not os.environ.get("PASSIVE"):
        opened.queue_declare(QUEUE, durable=os.environ.get("DURABLE", "1") == "1")
    opened.confirm_delivery()
    return opened


def main():
    log.info("shipping starts, broker rabbitmq:5672, queue %s", QUEUE)
    current = None
    for number in range(int(sys.argv[1])):
        try:
            if current is None or current.is_closed or os.environ.get("RECONNECT"):
                current = channel()
            current.basic_publish("", QUEUE, b"x" * int(os.environ.get("SIZE", "100")), mandatory=True)
            if os.environ.get("GET", "1") == "1":
                current.basic_get(QUEUE, auto_ack=True)
            log.info("parcel %d handed over", number)
            if os.environ.get("RECONNECT"):
                current.connection.close()
        except Exception:
            log.exception("parcel %d could not be handed over", number)
            current = None
        time.sleep(float(os.environ.get("PAUSE", "0.05")))
    if current is not None and current.is_open:
        current.connection.close()


main()
