#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small HTTPS platform for unit tests: it does what the file DIR/mode says, request by request, and writes each request as a line of DIR/requests.jsonl.

usage: https_standin.py DIR [CERT KEY [CLIENT_CA]]      prints its port; without CERT it speaks plain HTTP

modes of a POST to an incident address (words of the first line of DIR/mode; no file: ok):
  ok                    200 {}
  status N [VALUE]      status N, with Retry-After: VALUE ("date+S": an HTTP date S seconds from now)
  once N                status N once, then ok
  echo N [TEXT]         status N, and says everything that it was shown: address, headers, and the text
  half                  200 with half of the body that Content-Length promises
  slow S                200 after S seconds
  drop                  closes without a word
  redirect              307 to /elsewhere
  long N                200 with N bytes
  commands JSON         200 with {"commands": JSON}, once; then ok
  poison PART           500 for a body that contains PART, 200 for any other
GET …/commands answers with what stands in DIR/commands (then removed), after at most 1 s of waiting for it.
POST …/answers is 200, or what DIR/answers-mode says ("status N").
"""
import email.utils
import http.server
import json
import os
import ssl
import sys
import threading
import time

directory = sys.argv[1]
lock = threading.Lock()


def read(name, default=""):
    try:
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


def write(name, text):
    path = os.path.join(directory, name)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def client(self):
        """The common name of the client's certificate; "" without one."""
        shown = self.connection.getpeercert() if context is not None else None
        return {k: v for part in (shown or {}).get("subject", ()) for k, v in part}.get("commonName", "")

    def note(self, body):
        with lock, open(os.path.join(directory, "requests.jsonl"), "a", encoding="utf-8") as f:
            f.write(json.dumps({"at": time.time(), "method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                                "client": self.client(), "body": body}, ensure_ascii=False) + "\n")

    def reply(self, status, body=b"{}", headers=None, promised=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
        self.note(body)
        if self.path.split("?")[0].endswith("/answers"):
            words = read("answers-mode", "ok").split()
            self.reply(int(words[1]) if words[0] == "status" else 200)
            return
        with lock:
            text = read("mode", "ok")
            words = text.split() or ["ok"]
            if words[0] in ("once", "commands"):
                write("mode", "ok")
        if words[0] in ("status", "once"):
            headers = {}
            if len(words) > 2:
                value = words[2]
                headers["Retry-After"] = email.utils.formatdate(time.time() + float(value[5:]), usegmt=True) if value.startswith("date+") else value
            self.reply(int(words[1]), b'{"error": "as told"}', headers)
        elif words[0] == "echo":
            shown = {"error": " ".join([self.headers.get("authorization", "")[:len("Bearer ") + 12], self.headers.get("authorization", ""), self.path, *words[2:]])}
            self.reply(int(words[1]), json.dumps(shown).encode())
        elif words[0] == "half":
            self.reply(200, b'{"half"', promised=100)
            self.close_connection = True
        elif words[0] == "slow":
            time.sleep(float(words[1]))
            self.reply(200)
        elif words[0] == "drop":
            self.close_connection = True
        elif words[0] == "redirect":
            self.reply(307, b"", {"Location": "/elsewhere"})
        elif words[0] == "long":
            self.reply(200, b" " * int(words[1]))
        elif words[0] == "commands":
            self.reply(200, ('{"commands": ' + text[len("commands"):] + "}").encode())
        elif words[0] == "poison":
            self.reply(500 if words[1] in body else 200)
        else:
            self.reply(200)

    def do_GET(self):
        self.note("")
        for _ in range(20):
            with lock:
                text = read("commands")
                if text:
                    os.unlink(os.path.join(directory, "commands"))
                    break
            time.sleep(0.05)
        self.reply(200, ('{"commands": ' + (text or "[]") + "}").encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        pass

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(30)
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address


context = None
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if len(sys.argv) > 4:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[4])
server = Server(("127.0.0.1", int(read("port", "0"))), Handler)
write("port", str(server.server_address[1]))
server.serve_forever(poll_interval=0.1)
