# SPDX-License-Identifier: Apache-2.0
"""The devices of the bench: one MQTT 3.1.1 connection that publishes numbered QoS 1 messages at an even pace, keeps what the broker has not acknowledged, and
sends it again on the next connection, as a good device does."""
import os
import select
import socket
import struct
import threading
import time


def remaining_length(n):
    out = bytearray()
    while True:
        n, digit = n >> 7, n & 127
        out.append(digit | (128 if n else 0))
        if not n:
            return bytes(out)


def packet(head, body):
    return bytes([head]) + remaining_length(len(body)) + body


def text(value):
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


class Packets:
    """Cuts a stream of MQTT bytes into (head, body)."""

    def __init__(self):
        self.rest = bytearray()

    def feed(self, data):
        self.rest += data
        rest, at = self.rest, 0
        while True:
            length, shift, i = 0, 0, at + 1
            while i < len(rest):
                length |= (rest[i] & 127) << shift
                shift += 7
                i += 1
                if not rest[i - 1] & 128:
                    break
            else:
                break
            if i + length > len(rest):
                break
            yield rest[at], bytes(rest[i:i + length])
            at = i + length
        del rest[:at]


class Publisher:
    def __init__(self, port, message, on_sent, on_confirmed, rate=400, inflight=2000):
        """message(serial) -> (topic, payload). on_sent and on_confirmed are called with the serial."""
        self.port, self.message, self.on_sent, self.on_confirmed = port, message, on_sent, on_confirmed
        self.rate, self.inflight = rate, inflight
        self.next, self.limit = 1, None
        self.open = {}          # packet id -> serial, sent and not confirmed
        self.ids = 0
        self.ended = threading.Event()
        self.thread = None
        self.socket = None
        self.repeated = 0

    def start(self, count=None):
        """Goes on from the last serial; count: stop after so many more."""
        self.limit = None if count is None else self.next + count
        self.ended.clear()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self, seconds=30):
        """No new ones; returns when the broker has confirmed all, or the time is up."""
        self.limit = self.next
        return self.join(seconds)

    def join(self, seconds):
        self.thread.join(seconds)
        return not self.thread.is_alive()

    def abandon(self):
        self.ended.set()
        if self.thread:
            self.thread.join(5)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), 5)
        s.settimeout(120)  # a broker that is slow is not gone: what is sent again for impatience would be there twice
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = text("MQTT") + bytes([4, 2]) + struct.pack("!H", 0) + text(f"torture-{os.getpid()}-{id(self)}")
        s.sendall(packet(0x10, body))
        if s.recv(4)[3:4] != b"\0":
            raise OSError("the broker refused")
        for mid, serial in self.open.items():
            self.repeated += 1
            s.sendall(self.publish(mid, serial, 0x3a))
        return s

    def publish(self, mid, serial, head):
        topic, payload = self.message(serial)
        return packet(head, text(topic) + struct.pack("!H", mid) + payload)

    def due(self, now, since, first):
        return min(int((now - since) * self.rate) - (self.next - first), self.inflight - len(self.open),
                   self.limit - self.next if self.limit is not None else 1 << 30)

    def run(self):
        packets = Packets()
        since, first = time.monotonic(), self.next
        while not self.ended.is_set():
            if self.limit is not None and self.next >= self.limit and not self.open:
                break
            try:
                if self.socket is None:
                    packets = Packets()
                    self.socket = self.connect()
                    since, first = time.monotonic(), self.next
                out = bytearray()
                for _ in range(max(0, self.due(time.monotonic(), since, first))):
                    serial, self.next = self.next, self.next + 1
                    self.ids = self.ids % 65535 + 1
                    while self.ids in self.open:
                        self.ids = self.ids % 65535 + 1
                    self.open[self.ids] = serial
                    self.on_sent(serial)
                    out += self.publish(self.ids, serial, 0x32)
                if out:
                    self.socket.sendall(out)
                if select.select([self.socket], [], [], 0.005)[0]:
                    data = self.socket.recv(65536)
                    if not data:
                        raise OSError("closed")
                    for head, body in packets.feed(data):
                        if head >> 4 == 4:
                            serial = self.open.pop(struct.unpack("!H", body[:2])[0], None)
                            if serial is not None:
                                self.on_confirmed(serial)
            except OSError:
                if self.socket:
                    self.socket.close()
                self.socket = None
                time.sleep(0.05)
        if self.socket:
            self.socket.close()
            self.socket = None
