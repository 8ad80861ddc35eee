# SPDX-License-Identifier: Apache-2.0
"""What a dispatch platform, or the way to it, can do. Incidents go on being raised meanwhile; afterwards it must have every one, at its latest revision."""
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

import sandbox
from bench import scenario
from shim import Shim

RATE = 100  # messages a second: ten incidents, and twenty counts


def over_https(b, extra=""):
    b.up(mqtt=False, https=True, rate=RATE, https_extra=extra)
    b.flow(0.3)
    b.effect(by="district")


def over_mqtt(b, extra=""):
    b.up(rate=RATE, mqtt_extra=extra)
    b.flow(0.3)
    b.effect(by="city")


def misbehaving(b, times, channel, mode, pause, **more):
    """So long in the mode (one or, by turns, several), then well again."""
    modes = (mode,) if isinstance(mode, str) else mode
    for i in range(times):
        mode = modes[i % len(modes)]
        refused = b.platform.channels[channel].refused
        b.platform.control({channel: mode, **more})
        b.effect()
        time.sleep(pause)
        b.check(b.platform.channels[channel].refused > refused, f"{mode}: the platform was asked nothing meanwhile")
        b.platform.control({channel: "ok"})
        b.over(channel)
        b.effect(by=channel, seconds=30)
        b.once_done(times)
    return b.settle()


@scenario("platform down (HTTPS)", times=1, long=4, quick=1)
def platform_down(b, times):
    over_https(b)
    return misbehaving(b, times, "district", "down", 1)


@scenario("platform answers 500", times=1, long=4)
def platform_500(b, times):
    over_https(b)
    return misbehaving(b, times, "district", "500", 1)


@scenario("platform answers rubbish", times=1, long=4)
def platform_rubbish(b, times):
    over_https(b)
    return misbehaving(b, times, "district", "rubbish", 1)


@scenario("platform hangs up in half a reply", times=2, long=4)
def platform_half(b, times):
    over_https(b)
    return misbehaving(b, times, "district", "half", 1)


@scenario("platform slower than the timeout (HTTPS)", times=2, long=4)
def platform_slow(b, times):
    """By turns it takes the message all the same, too late to say so, and never does."""
    over_https(b, ", timeout: 1s")
    return misbehaving(b, times, "district", ("slow", "stuck"), 2.5, seconds=2)


@scenario("platform answers 429 with Retry-After", times=1, long=3, quick=1)
def platform_429(b, times):
    over_https(b)
    channel = b.platform.channels["district"]
    for _ in range(times):
        b.platform.control({"district": "429", "retry_after": 2})
        count = channel.refused
        sandbox.wait_for(lambda: channel.refused > count, 10, "a request that is refused")
        asked = time.monotonic()
        time.sleep(1)  # what was under way is refused as well, and nothing else may come
        b.platform.control({"district": "ok"})
        b.over("district")

        def again():
            return next((at for at, _, _ in channel.deliveries if at > asked), None)
        first = sandbox.wait_for(again, 20, "a message after the refused one")
        b.check(1.8 < first - asked < 9, f"Retry-After said 2 s, it came back after {first - asked:.1f} s")
        b.once_done(times)
    b.facts.append("Retry-After said 2 s, and was heeded")
    return b.settle()


def dead_letters(b, times, status):
    """Refused for good: shown as dead letters, and sent when a person says so."""
    over_https(b)
    moved = 0
    for _ in range(times):
        b.platform.control({"district": status})
        sandbox.wait_for(lambda: b.box.status()["outbox"]["dead"] >= 3, 20, "dead letters")
        b.platform.control({"district": "ok"})
        time.sleep(0.1)
        dead = b.box.ask(do="outbox", dead=True)
        b.check(all(status in row["why"] for row in dead), f"reasons: {[row['why'] for row in dead][:3]}")
        b.over("district")
        for row in dead:
            b.box.ask(do="resend", incident=row["number"])
        moved += len(dead)
        b.effect(by="district")
        sandbox.wait_for(lambda: b.box.status()["outbox"]["dead"] == 0, 20, "no dead letters")
        b.once_done(times)
    b.facts.append(f"{moved} dead letters, all of them delivered after `gengfu resend`")
    return b.settle()


@scenario("platform answers 400", times=1, long=2, quick=1)
def platform_400(b, times):
    return dead_letters(b, times, "400")


def unauthorized(b, times, status):
    """A token that has run out, say: nothing is dead, and once it is renewed everything arrives by itself."""
    over_https(b, ", retry_min: 200ms, retry_max: 1s")
    for _ in range(times):
        refused = b.platform.channels["district"].refused
        b.platform.control({"district": status})
        b.effect()

        def told():
            now = b.box.status()
            return now["outbox"]["dead"] or not all(p["reachable"] for p in now["platforms"])
        sandbox.wait_for(told, 20, "the platform in the status")
        b.check(b.platform.channels["district"].refused > refused, f"{status}: the platform was asked nothing meanwhile")
        dead = b.box.status()["outbox"]["dead"]
        b.check(dead == 0, f"{status} made {dead} dead letters")
        b.platform.control({"district": "ok"})
        b.over("district")
        b.effect(by="district", seconds=30)
        b.once_done(times)
    return b.settle()


@scenario("platform answers 401", times=1, long=2)
def platform_401(b, times):
    return unauthorized(b, times, "401")


@scenario("platform answers 403", times=1, long=2)
def platform_403(b, times):
    return unauthorized(b, times, "403")


@scenario("platform answers 413", times=1, long=2)
def platform_413(b, times):
    return dead_letters(b, times, "413")


@scenario("platform's link goes silent without closing (HTTPS)", times=1, long=3)
def platform_silent_https(b, times):
    over_https(b, ", timeout: 2s")
    for _ in range(times):
        b.district_link.freeze()
        b.over("district")
        b.effect(by="district", seconds=30)
        b.once_done(times)
    return b.settle()


@scenario("platform's link goes silent without closing (MQTT)", times=1, long=2)
def platform_silent_mqtt(b, times):
    over_mqtt(b, ", keepalive: 5")
    for _ in range(times):
        b.city_link.freeze()
        b.over("city")
        b.effect(by="city", seconds=40)
        b.once_done(times)
    return b.settle()


@scenario("platform takes messages and gives no receipt (MQTT)", times=2, long=3, quick=1)
def platform_deaf(b, times):
    over_mqtt(b, ", receipt_timeout: 1s")
    return misbehaving(b, times, "city", "deaf", 1.5)


@scenario("platform's broker killed and started again", times=3, long=6)
def platform_broker_killed(b, times):
    """Whatever that broker had taken and not handed on is sent again: it is no receipt of the platform's."""
    import signal
    over_mqtt(b, ", receipt_timeout: 1s")
    for _ in range(times):
        b.city.stop(signal.SIGKILL)
        time.sleep(b.dice.uniform(0.05, 0.4))
        b.city.start()
        b.over("city")
        b.effect(by="city", seconds=40)
        b.once_done(times)
    return b.settle()


# ---- somebody else answers ----------------------------------------------------------------------------------------------------------

class Impostor:
    """Answers 200 to everything that it understands, and counts it: with a certificate that must not be believed it must never be asked."""

    def __init__(self, cert, key):
        self.asked = self.tried = 0
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.tried += 1
            try:
                connection.settimeout(3)
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    if tls.recv(65536):
                        self.asked += 1
                        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            except OSError:
                pass

    def close(self):
        self.listener.close()


def certificate(b, name, subject, alternative, days_ago=0, authority="ca"):
    """Signed by the authority so many days ago, for thirty days. A clock moved back makes one that has run out."""
    def openssl(*args, env=None):
        subprocess.run(["openssl", *args], cwd=b.box.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    if authority != "ca":
        openssl("req", "-x509", *new, "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-days", "30", "-subj", "/CN=another authority")
    openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    b.box.write(f"{name}.ext", f"subjectAltName={alternative}\n")
    clock = Shim(b.box, b.build)
    clock.set(clock_offset=-days_ago * 86400 * 1000000)
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext", "-out",
            f"{name}.pem", env=clock.environment())
    return b.box.path(f"{name}.pem"), b.box.path(f"{name}.key")


def impostor(b, times, **kwargs):
    over_https(b)
    false = Impostor(*certificate(b, "false", **kwargs))
    b.later.append(false.close)
    for _ in range(times):
        true, b.district_link.target = b.district_link.target, false.port
        tried = false.tried
        b.district_link.cut()
        sandbox.wait_for(lambda: false.tried >= tried + 2, 20, "the daemon to try it twice")
        b.district_link.target = true
        b.over("district")
        b.effect(by="district", seconds=30)
        b.once_done(times)
    b.check(false.asked == 0, f"{false.asked} requests were given to somebody with a certificate that must not be believed")
    b.check(false.tried > 0, "it was never tried")
    return b.settle()


@scenario("platform's certificate is for another host name", times=1, long=2, quick=1)
def tls_wrong_name(b, times):
    return impostor(b, times, subject="/CN=elsewhere", alternative="DNS:elsewhere.example")


@scenario("platform's certificate has run out", times=1, long=2)
def tls_expired(b, times):
    return impostor(b, times, subject="/CN=localhost", alternative="DNS:localhost,IP:127.0.0.1", days_ago=60)


@scenario("platform's certificate is from an unknown authority", times=1, long=2)
def tls_unknown_authority(b, times):
    return impostor(b, times, subject="/CN=localhost", alternative="DNS:localhost,IP:127.0.0.1", authority="other")


@scenario("TLS breaks off in the handshake", times=1, long=2)
def tls_broken(b, times):
    """Something that is no TLS at all answers on the port."""
    over_https(b)

    class Noise:
        def __init__(self):
            self.tried = 0
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.listener.listen(16)
            threading.Thread(target=self.serve, daemon=True).start()

        def serve(self):
            while True:
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                self.tried += 1
                with connection:
                    try:
                        connection.recv(4096)
                        connection.sendall(b"\x15\x03\x03\x00\x02\x02" if self.tried % 2 else os.urandom(300))
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    except OSError:
                        pass

    noise = Noise()
    b.later.append(noise.listener.close)
    for _ in range(times):
        true, b.district_link.target = b.district_link.target, noise.listener.getsockname()[1]
        tried = noise.tried
        b.district_link.cut()
        sandbox.wait_for(lambda: noise.tried >= tried + 2, 20, "the daemon to try it twice")
        b.district_link.target = true
        b.over("district")
        b.effect(by="district", seconds=30)
        b.once_done(times)
    return b.settle()
