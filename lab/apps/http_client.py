"""The checkout service: calls another service over HTTP, and logs a failure with its trace."""

import logging
import os
import sys
import time

import requests

logging.basicConfig(format="%(asctime)s %(levelname)s [checkout] %(message)s", level=logging.INFO)
log = logging.getLogger("checkout")


def main():
    url, rounds = sys.argv[1], int(sys.argv[2])
    for number in range(rounds):
        try:
            answer = requests.request(
                os.environ.get("METHOD", "GET"),
                f"{url}?order={number}",
                timeout=float(os.environ.get("TIMEOUT", "2")),
                data="x" * int(os.environ.get("SIZE", "0")) or None,
                verify=os.environ.get("CA") or True,
                proxies={"http": os.environ["PROXY"], "https": os.environ["PROXY"]}
                if os.environ.get("PROXY")
                else None,
                auth=tuple(os.environ["AUTH"].split(":")) if os.environ.get("AUTH") else None,
            )
            answer.raise_for_status()
            items = answer.json()["items"] if os.environ.get("JSON", "1") == "1" else answer.text
            log.info("order %d priced with %d items", number, len(items))
        except Exception:
            log.exception("order %d could not be priced", number)
        time.sleep(float(os.environ.get("PAUSE", "0.05")))


log.info("checkout starts, prices from %s", sys.argv[1])
main()
