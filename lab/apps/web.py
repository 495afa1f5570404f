"""A small HTTP service. Its faults are environment variables, as a bad deployment would bring them."""

import json
import logging
import os
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = os.environ.get("NAME", "catalogue")
logging.basicConfig(format=f"%(asctime)s %(levelname)s [{NAME}] %(message)s", level=logging.INFO)
log = logging.getLogger(NAME)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(float(os.environ.get("SLOW", "0")))
        status = int(os.environ.get("STATUS", "200"))
        if os.environ.get("CLOSE"):
            self.close_connection = True
            return
        body = os.environ.get("BODY", json.dumps({"path": self.path, "items": [1, 2, 3]})).encode() * int(
            os.environ.get("TIMES", "1")
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for number in range(int(os.environ.get("HEADERS", "0"))):
            self.send_header(f"X-Trace-{number}", "x" * 1000)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    do_PUT = do_POST

    def log_message(self, form, *arguments):
        log.info("%s %s", self.address_string(), form % arguments)


class Server(ThreadingHTTPServer):
    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            log.exception("request of %s failed", address[0])


server = Server((sys.argv[1], int(sys.argv[2])), Handler)
if os.environ.get("CERT"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
log.info("%s listens on %s:%s", NAME, sys.argv[1], sys.argv[2])
server.serve_forever()
