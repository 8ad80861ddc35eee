#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A dispatch platform's stand-in: it takes incidents over MQTT (with receipts) and HTTPS (Standard Webhooks), checks every message against the
contract, keeps each incident's latest revision, and can answer, command, refuse, dawdle or be away. A class for tests, a program for a look.

usage: standin.py --dir DIR [--gateway ID] [--mqtt HOST:PORT] [--https PORT --cert FILE --key FILE [--secret FILE]] [--script FILE] [--print]

While it runs, one JSON object a line on DIR/platform.sock changes how it behaves (see Platform.control):
    {"https": "503"}  {"https": "429", "retry_after": 3}  {"https": "slow", "seconds": 5}  {"https": "down"}  {"mqtt": "deaf"}  {"https": "ok"}
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
import unicodedata
import uuid
from datetime import datetime

try:
    import paho.mqtt.client as mqtt
except ImportError:  # another python3 than Debian's comes first in PATH
    if sys.executable == "/usr/bin/python3" or not os.path.exists("/usr/bin/python3"):
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)

SEVERITIES = ["extreme", "severe", "moderate", "minor"]
SEVERITY_ZH = {"extreme": "特别重大", "severe": "重大", "moderate": "较大", "minor": "一般"}
SEVERITY_SGR = {"extreme": "1;37;41", "severe": "1;31", "moderate": "33", "minor": "36"}
CHANGES = ["opened", "updated", "resolved", "closed"]
CHANGE_ZH = {"opened": "新报", "updated": "更新", "resolved": "恢复", "closed": "结案"}
CHANGE_MARK = {"opened": "!", "updated": "~", "resolved": "+", "closed": "="}
HANDLING = ["new", "acknowledged", "dispatched", "handled", "closed"]
ULID = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")
TYPE = re.compile(r"^gengfu\.incident\.(opened|updated|resolved|closed)$")


# ---- what a person sees -------------------------------------------------------------------------------------------------------------

def columns(text):
    """Columns that a terminal gives the text (East Asian width)."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text, width):
    """Cut or filled to exactly so many columns; control characters shown as '?'."""
    text = "".join("?" if unicodedata.category(c) == "Cc" else c for c in text)
    if columns(text) > width:
        cut, used = "", 0
        for c in text:
            if used + columns(c) > width - 1:
                break
            cut, used = cut + c, used + columns(c)
        text = cut + "…"
    return text + " " * (width - columns(text))


def readable(data, colour, width=140):
    """One line: time, severity, number, change, title, place. A narrow terminal gets shorter words."""
    wide = width >= 120
    stamp = (data.get("times") or {}).get("updated") or (data.get("times") or {}).get("raised") or ""
    severity = data.get("severity", "")
    change = data.get("change", "")
    number = data.get("number", "")
    members = len(data.get("members") or [])
    detail = f" [{members} 处]" if members else ""
    if change == "updated" and data.get("handling") in HANDLING[1:]:
        detail += {"acknowledged": " (已接警)", "dispatched": " (已派单)", "handled": " (已处理)"}.get(data["handling"], "")
    word = fit(SEVERITY_ZH.get(severity, "?"), 8) + (" " + fit(severity, 8) if wide else "")
    if colour and severity in SEVERITY_SGR:
        word = f"\033[{SEVERITY_SGR[severity]}m{word}\033[0m"
    mark = f"{CHANGE_MARK.get(change, '?')} {fit(CHANGE_ZH.get(change, change), 4)}"
    if colour and change in ("resolved", "closed"):
        mark = f"\033[32m{mark}\033[0m"
    shown = fit(number, 26) if wide else fit("#" + number.rsplit("-", 1)[-1], 5)
    left = width - (8 + 2 + (17 if wide else 8) + 2 + (26 if wide else 5) + 2 + 6 + 2) - 1
    title = fit(data.get("title", "") + detail, max(20, left * 3 // 5))
    place = fit((data.get("place") or {}).get("name", ""), max(8, left - left * 3 // 5 - 2))
    return f"{stamp[11:19]}  {word}  {shown}  {mark}  {title}  {place}".rstrip()


# ---- the contract -------------------------------------------------------------------------------------------------------------------

def rfc3339(text):
    if not isinstance(text, str) or not re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", text):
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_envelope(envelope):
    """What is wrong with one message, as a list of sentences."""
    wrong = []

    def need(condition, sentence):
        if not condition:
            wrong.append(sentence)

    if not isinstance(envelope, dict):
        return ["not an object"]
    data = envelope.get("data")
    need(envelope.get("specversion") == "1.0", "specversion is not 1.0")
    need(isinstance(envelope.get("source"), str) and envelope["source"], "no source")
    need(isinstance(envelope.get("type"), str) and TYPE.match(envelope["type"]), f"type {envelope.get('type')!r}")
    need(rfc3339(envelope.get("time")) is not None, f"time {envelope.get('time')!r} is not RFC 3339 with a zone")
    need(envelope.get("datacontenttype") == "application/json", "datacontenttype is not application/json")
    if not isinstance(data, dict):
        return wrong + ["no data"]
    need(isinstance(data.get("id"), str) and ULID.match(data["id"]), f"data.id {data.get('id')!r} is not a ULID")
    need(envelope.get("subject") == data.get("id"), "subject is not the incident's id")
    need(isinstance(data.get("revision"), int) and data["revision"] >= 1, "no revision")
    need(envelope.get("id") == f"{data.get('id')}.{data.get('revision')}", f"id {envelope.get('id')!r} is not incident id and revision")
    need(data.get("severity") in SEVERITIES, f"severity {data.get('severity')!r}")
    need(str(envelope.get("severitytext", "")).lower() == data.get("severity"), "severitytext is not the incident's severity")
    need(isinstance(envelope.get("severitynumber"), int), "no severitynumber")
    need(data.get("change") in CHANGES and envelope.get("type", "").endswith(str(data.get("change"))), "type and change differ")
    need(data.get("condition") in ("firing", "resolved"), f"condition {data.get('condition')!r}")
    need(data.get("handling") in HANDLING, f"handling {data.get('handling')!r}")
    need(isinstance(data.get("number"), str) and data["number"], "no number")
    need(isinstance(data.get("rule"), str) and data["rule"], "no rule")
    need(isinstance(data.get("title"), str) and data["title"], "no title")
    need(isinstance(data.get("count"), int) and data["count"] >= 1, "no count")
    times = data.get("times") or {}
    for name in ("first_event", "last_event", "raised", "updated"):
        need(rfc3339(times.get(name)) is not None, f"times.{name} {times.get(name)!r}")
    if data.get("condition") == "resolved":
        need(rfc3339(times.get("resolved")) is not None, "resolved without times.resolved")
    history = data.get("history")
    need(isinstance(history, list) and history, "no history")
    return wrong


def body_of(envelope):
    """What must be the same when one idempotency key comes twice."""
    data = {k: v for k, v in envelope.get("data", {}).items() if k != "replayed"}
    return json.dumps({"type": envelope.get("type"), "data": data}, sort_keys=True)


def difference(one, other):
    """The names of data's members that differ between two bodies."""
    a, b = json.loads(one)["data"], json.loads(other)["data"]
    return ", ".join(f"{k}: {a.get(k)!r} and {b.get(k)!r}"[:160] for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k))


# ---- the platform -------------------------------------------------------------------------------------------------------------------

class Channel:
    """One way in, as one platform of the daemon's configuration."""

    def __init__(self, name):
        self.name = name
        self.mode = "ok"
        self.retry_after = None
        self.seconds = 5
        self.last = {}        # incident id -> latest envelope
        self.bodies = {}      # idempotency key -> body
        self.deliveries = []  # [(monotonic, key, envelope)], confirmed ones
        self.duplicates = 0
        self.refused = 0      # answered with an error, or not at all


class Platform:
    def __init__(self, directory, gateway="gw-lanxi", prefix="gengfu", show=None, script=None, secret=None, seconds_tolerance=None):
        self.dir = directory
        self.gateway = gateway
        self.prefix = prefix
        self.show = show            # function(line) for each change, or None
        self.colour = False
        self.width = 140
        self.script = script or []
        self.secret = secret        # bytes, or None: signatures are not asked for
        self.tolerance = seconds_tolerance
        self.lock = threading.RLock()
        self.channels = {}
        self.violations = []
        self.shown = set()
        self.first_seen = []        # [(monotonic, wall, envelope)] of each revision, by whichever way it came first
        self.changed = threading.Condition(self.lock)
        self.answers = []
        self.commands = []          # sent
        self.pending_http = []      # commands that wait for an HTTPS reply or poll
        self.client = self.server = self.control_socket = None
        self.subscribed = threading.Event()
        self.threads = []
        self.log = open(os.path.join(directory, "deliveries.jsonl"), "a", encoding="utf-8")
        self.stopping = False

    # -- taking ------------------------------------------------------------------------------------------------------------------

    def take(self, channel, text):
        """Notes one message. Returns (envelope or None, sentence)."""
        now = time.monotonic()
        with self.lock:
            try:
                envelope = json.loads(text)
            except (ValueError, UnicodeDecodeError) as e:
                self.violate(channel, f"not JSON: {e}")
                return None, "not JSON"
            wrong = check_envelope(envelope)
            for sentence in wrong:
                self.violate(channel, f"{envelope.get('id') if isinstance(envelope, dict) else '?'}: {sentence}")
            if wrong and not isinstance(envelope.get("data") if isinstance(envelope, dict) else None, dict):
                return None, wrong[0]
            data, key = envelope["data"], envelope.get("id")
            before = channel.last.get(data.get("id"))
            if key in channel.bodies:
                channel.duplicates += 1
                if channel.bodies[key] != body_of(envelope):
                    self.violate(channel, f"{key}: came twice with different contents ({difference(channel.bodies[key], body_of(envelope))})")
            else:
                if before and data["revision"] < before["data"]["revision"]:
                    self.violate(channel, f"{key}: revision {data['revision']} after {before['data']['revision']}")
                else:
                    channel.last[data["id"]] = envelope
                channel.bodies[key] = body_of(envelope)
            channel.deliveries.append((now, key, envelope))
            self.log.write(json.dumps({"at": time.time(), "channel": channel.name, "envelope": envelope}, ensure_ascii=False) + "\n")
            self.log.flush()
            if key not in self.shown:
                self.shown.add(key)
                self.first_seen.append((now, time.time(), envelope))
                if self.show:
                    self.show(readable(data, self.colour, self.width))
                self.play_script(data)
            self.changed.notify_all()
            return envelope, ""

    def violate(self, channel, sentence):
        self.violations.append(f"{channel.name}: {sentence}")

    def latest(self, name=None):
        """Incident id -> data of its latest revision (of one channel, or of all)."""
        with self.lock:
            found = {}
            for channel in self.channels.values():
                if name in (None, channel.name):
                    for incident, envelope in channel.last.items():
                        if incident not in found or found[incident]["revision"] < envelope["data"]["revision"]:
                            found[incident] = envelope["data"]
            return found

    def wait(self, condition, seconds):
        """Waits until condition() holds; False when it does not in time, which is longer where all is slowed down (tests/run --patience)."""
        end = time.monotonic() + seconds * int(os.environ.get("GENGFU_PATIENCE", "1"))
        with self.changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, 0.2))
        return True

    # -- answering ---------------------------------------------------------------------------------------------------------------

    def play_script(self, data):
        for step in self.script:
            if step.get("rule") in (None, data["rule"]) and step.get("on", "opened") == data["change"] \
                    and step.get("handling") in (None, data["handling"]) and step.get("by") in (None, data.get("by")):
                command = {k: v for k, v in step.items() if k in ("action", "ticket", "disposition", "rating", "note")}
                timer = threading.Timer(step.get("after", 0), self.command, (data["id"], step.get("via", "mqtt")), command)
                timer.daemon = True
                timer.start()

    def command(self, incident, via="mqtt", **command):
        command = {"id": str(uuid.uuid4()), "incident": incident, "by": "指挥中心 3 号席", "at": datetime.now().astimezone().isoformat(timespec="seconds"), **command}
        with self.lock:
            if self.stopping:
                return None
            self.commands.append(command)
            if via == "https":
                self.pending_http.append(command)
            elif self.client:
                self.client.publish(f"{self.prefix}/{self.gateway}/commands", json.dumps(command, ensure_ascii=False), qos=1)
        return command["id"]

    def answer_to(self, command_id):
        with self.lock:
            for answer in self.answers:
                if answer.get("id") == command_id:
                    return answer
        return None

    def note_answers(self, body):
        with self.changed:
            for answer in body if isinstance(body, list) else [body]:
                if isinstance(answer, dict) and "id" in answer and "ok" in answer:
                    self.answers.append(answer)
            self.changed.notify_all()

    # -- MQTT --------------------------------------------------------------------------------------------------------------------

    def start_mqtt(self, host, port, name="mqtt", user=None, password=None):
        channel = self.channels.setdefault(name, Channel(name))
        client = mqtt.Client(client_id=f"platform-{os.getpid()}-{name}", clean_session=False)
        if user:
            client.username_pw_set(user, password)
        client.on_connect = lambda c, u, f, rc: c.subscribe(f"{self.prefix}/{self.gateway}/#", qos=1)
        client.on_subscribe = lambda *a: self.subscribed.set()
        client.on_message = lambda c, u, m: self.on_mqtt(channel, m)
        client.reconnect_delay_set(1, 1)
        client.connect_async(host, port, keepalive=30)
        client.loop_start()
        self.client = client

    def on_mqtt(self, channel, message):
        parts = message.topic.split("/")
        suffix = parts[len(self.prefix.split("/")) + 1:]
        if suffix[:1] in (["receipts"], ["commands"]):
            return
        if suffix[:1] != ["incidents"]:
            try:
                self.note_answers(json.loads(message.payload))
            except ValueError:
                pass  # a status word
            return
        if channel.mode != "ok":  # deaf: nothing is heard, so there is no receipt
            channel.refused += 1
            return
        envelope, _ = self.take(channel, message.payload)
        if envelope:
            data = envelope["data"]
            if suffix[1:2] != [data["id"]]:
                self.violate(channel, f"{envelope['id']}: on the topic of {suffix[1:2]}")
            self.client.publish(f"{self.prefix}/{self.gateway}/receipts", json.dumps({"incident": data["id"], "revision": data["revision"]}), qos=1)

    # -- HTTPS -------------------------------------------------------------------------------------------------------------------

    def start_https(self, port, cert, key, name="https"):
        channel = self.channels.setdefault(name, Channel(name))
        platform = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def reply(self, code, body=None, headers=None):
                text = json.dumps(body if body is not None else {}, ensure_ascii=False).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for k, v in (headers or {}).items():
                    self.send_header(k, v)
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if channel.mode == "slow":
                    channel.refused += 1
                    time.sleep(channel.seconds)
                elif channel.mode == "stuck":  # slow, and it comes to nothing
                    channel.refused += 1
                    time.sleep(channel.seconds)
                    self.close_connection = True
                    return
                elif channel.mode == "down":
                    channel.refused += 1
                    self.close_connection = True
                    return
                elif channel.mode == "rubbish":
                    channel.refused += 1
                    self.wfile.write(os.urandom(200))
                    self.close_connection = True
                    return
                elif channel.mode == "half":  # it has the message, but cannot say so
                    channel.refused += 1
                    platform.take(channel, text)
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
                    self.close_connection = True
                    return
                elif channel.mode != "ok":
                    channel.refused += 1
                    headers = {"Retry-After": str(channel.retry_after)} if channel.retry_after is not None else None
                    # As frank as a badly written platform: what it was shown stands in its answer.
                    self.reply(int(channel.mode), {"shown": [self.headers.get("authorization"), self.path], "error": "the stand-in was told to refuse"}, headers)
                    return
                if "answers" in self.path:
                    platform.note_answers(json.loads(text))
                    self.reply(200)
                    return
                sentence = platform.check_signature(channel, self.headers, text)
                if sentence:
                    self.reply(401, {"error": sentence})
                    return
                envelope, sentence = platform.take(channel, text)
                if envelope is None:
                    self.reply(400, {"error": sentence})
                    return
                if self.headers.get("webhook-id") not in (None, envelope["id"]):
                    platform.violate(channel, f"{envelope['id']}: webhook-id is {self.headers.get('webhook-id')}")
                with platform.lock:
                    commands, platform.pending_http = platform.pending_http, []
                self.reply(200, {"commands": commands} if commands else {})

            def do_GET(self):
                with platform.lock:
                    commands, platform.pending_http = platform.pending_http, []
                self.reply(200, {"commands": commands})

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass  # a client that went away

            def get_request(self):
                connection, address = super().get_request()
                if channel.mode == "down":
                    channel.refused += 1
                    connection.close()
                    raise OSError("away")
                connection.settimeout(30)
                return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = Server(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        thread.start()
        self.threads.append(thread)
        return self.server.server_address[1]

    def check_signature(self, channel, headers, text):
        if self.secret is None:
            return ""
        ident, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        want = base64.b64encode(hmac.new(self.secret, f"{ident}.{stamp}.".encode() + text, hashlib.sha256).digest()).decode()
        given = [s[3:] for s in headers.get("webhook-signature", "").split(" ") if s.startswith("v1,")]
        if not any(hmac.compare_digest(want, g) for g in given):
            self.violate(channel, f"{ident}: the signature does not fit")
            return "the signature does not fit"
        if not stamp.isdigit() or (self.tolerance and abs(time.time() - int(stamp)) > self.tolerance):
            self.violate(channel, f"{ident}: webhook-timestamp {stamp!r} is too far from now")
            return "the timestamp is too far from now"
        return ""

    # -- how it behaves ----------------------------------------------------------------------------------------------------------

    def control(self, order):
        """{"<channel>": "ok" | "deaf" | "down" | "slow" | "stuck" | "rubbish" | "half" | "<status>", "retry_after": s, "seconds": s}"""
        with self.lock:
            for name, mode in order.items():
                if name in self.channels:
                    self.channels[name].mode = str(mode)
                    self.channels[name].retry_after = order.get("retry_after")
                    self.channels[name].seconds = order.get("seconds", 5)

    def listen(self, path):
        """The control socket: one order a line."""
        self.control_socket = socket.socket(socket.AF_UNIX)
        self.control_socket.bind(path)
        self.control_socket.listen(4)

        def serve():
            while True:
                try:
                    connection, _ = self.control_socket.accept()
                except OSError:
                    return
                with connection, connection.makefile("rw") as f:
                    for line in f:
                        try:
                            self.control(json.loads(line))
                            f.write('{"ok":true}\n')
                        except ValueError as e:
                            f.write(json.dumps({"ok": False, "error": str(e)}) + "\n")
                        f.flush()

        threading.Thread(target=serve, daemon=True).start()

    def save(self):
        """The last revision of each incident, one a line, most severe first."""
        path = os.path.join(self.dir, "incidents.jsonl")
        with open(path + ".new", "w", encoding="utf-8") as f:
            for data in sorted(self.latest().values(), key=lambda d: (SEVERITIES.index(d["severity"]), d["number"])):
                f.write(json.dumps(data, ensure_ascii=False) + "\n")
        os.replace(path + ".new", path)

    def stop(self):
        with self.lock:
            if self.stopping:
                return
            self.stopping = True
        if self.client:
            self.client.disconnect()
            self.client.loop_stop()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        if self.control_socket:
            self.control_socket.close()
        if os.path.isdir(self.dir):
            self.save()
        self.log.close()


def read_secret(path):
    with open(path, encoding="ascii") as f:
        text = f.read().strip()
    return base64.b64decode(text[6:] if text.startswith("whsec_") else text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--gateway", default="gw-lanxi")
    parser.add_argument("--prefix", default="gengfu")
    parser.add_argument("--mqtt", metavar="HOST:PORT")
    parser.add_argument("--https", type=int, metavar="PORT", help="0: any free one, written to DIR/https.port")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--secret")
    parser.add_argument("--script", help="JSON: [{rule, on, after, action, …}]")
    parser.add_argument("--print", action="store_true")
    args = parser.parse_args()
    script = json.load(open(args.script, encoding="utf-8")) if args.script else None
    platform = Platform(args.dir, args.gateway, args.prefix, (lambda line: print(line, flush=True)) if args.print else None, script,
                        read_secret(args.secret) if args.secret else None)
    platform.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    platform.width = shutil.get_terminal_size((140, 24)).columns if sys.stdout.isatty() else 140
    platform.listen(os.path.join(args.dir, "platform.sock"))
    if args.mqtt:
        host, _, port = args.mqtt.rpartition(":")
        platform.start_mqtt(host, int(port))
    if args.https is not None:
        with open(os.path.join(args.dir, "https.port"), "w", encoding="ascii") as f:
            f.write(str(platform.start_https(args.https, args.cert, args.key)))
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
    try:
        while True:
            time.sleep(1)
            platform.save()
    except KeyboardInterrupt:
        pass
    finally:
        platform.stop()
        os.unlink(os.path.join(args.dir, "platform.sock"))
        for sentence in platform.violations:
            print(f"violation: {sentence}", file=sys.stderr)
    return 1 if platform.violations else 0


if __name__ == "__main__":
    sys.exit(main())
