# SPDX-License-Identifier: Apache-2.0
"""A TCP link of our own between two parties that can be made slow, silent (nothing goes through, nothing is closed), refusing, or is cut. Between broker and daemon
it reads along: which numbered messages the broker handed over, and which the daemon acknowledged."""
import re
import socket
import struct
import threading
import time

from publisher import Packets

SEQ = re.compile(rb'"seq":(\d+)')


class Watch:
    """Reads one MQTT connection along."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.flying = {}  # packet id -> serial
        self.down, self.up = Packets(), Packets()

    def from_broker(self, data):
        for head, body in self.down.feed(data):
            if head >> 4 == 3 and head & 6:
                at = 2 + struct.unpack("!H", body[:2])[0]
                found = SEQ.search(body, at)
                if found:
                    self.flying[struct.unpack("!H", body[at:at + 2])[0]] = int(found.group(1))
                    self.ledger.handed_over += 1

    def from_daemon(self, data):
        for head, body in self.up.feed(data):
            if head >> 4 == 4:
                serial = self.flying.pop(struct.unpack("!H", body[:2])[0], None)
                if serial is not None:
                    self.ledger.note_acknowledged(serial)


class Link:
    def __init__(self, target, ledger=None):
        self.target, self.ledger = target, ledger
        self.mode = "pass"      # pass, slow, refuse
        self.delay = 0.0        # seconds a piece, when slow
        self.piece = 65536      # bytes that are carried at a time, when slow: packets come torn
        self.deaf = False       # what the near side (the daemon) sends arrives nowhere
        self.joined = 0         # connections so far
        self.pairs, self.frozen = set(), set()
        self.lock = threading.Lock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.closed, self.ended = False, threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closed:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                near.close()
                continue
            threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
            far.settimeout(None)
        except OSError:
            near.close()
            return
        for s in (near, far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch = Watch(self.ledger) if self.ledger else None
        with self.lock:
            self.pairs.add((near, far))
            self.joined += 1
        pair = (near, far)
        back = threading.Thread(target=self.pump, args=(far, near, pair, watch and watch.from_broker), daemon=True)
        back.start()
        self.pump(near, far, pair, watch and watch.from_daemon)
        back.join()
        with self.lock:
            self.pairs.discard(pair)
            self.frozen.discard(pair)

    def pump(self, source, sink, pair, look):
        """What one side sent before it went still counts: it is read to the end and looked at, whether or not the other side is there."""
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if pair in self.frozen:
                    continue
                if look:
                    look(data)
                if self.deaf and source is pair[0]:
                    continue
                step = self.piece if self.mode == "slow" else len(data)
                try:
                    for at in range(0, len(data), step):
                        if self.mode == "slow":
                            time.sleep(self.delay)
                        sink.sendall(data[at:at + step])
                except OSError:
                    if not look:
                        break
        except OSError:
            pass
        if pair in self.frozen:
            self.ended.wait()  # neither side hears that the other one has hung up
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        sink.close()

    def freeze(self):
        """What stands now goes silent for ever: what is sent arrives nowhere, nothing is closed. New connections are sound."""
        with self.lock:
            self.frozen |= self.pairs

    def cut(self):
        with self.lock:
            for pair in self.pairs:
                for s in pair:
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def close(self):
        self.closed = True
        self.ended.set()
        self.listener.close()
        self.cut()
