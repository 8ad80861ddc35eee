# SPDX-License-Identifier: Apache-2.0
"""What runs out, hangs or is refused: devices, keys, memory, the watchdog's patience, a store that fails. With own.py, all that docs/failures.md promises to tell."""
import contextlib
import json
import os
import resource
import random
import resource
import signal
import socket
import sqlite3
import time

import lib
import sandbox
import shim
from own import SOON, box_with, of, seconds_off, seen, wall_of

KEYS = """rules:
  - {rule: few, on: probe, when: event.level > 0, for: 1h, by: string(event.seq), max_keys: 5, incident: {severity: minor, title: t}}
"""
COUNTING = """rules:
  - rule: each
    on: probe
    when: event.seq > 0
    by: string(event.seq)
    clear: manual
    incident: {severity: minor, title: "${event.seq}"}
"""
MANY_KEYS = """rules:
  - {rule: each, on: probe, when: event.seq > 0, clear: manual, repeat_interval: 1s, incident: {severity: minor, title: t}}
  - {rule: held, on: probe, when: event.seq > 0, for: 9h, by: string(event.seq), max_keys: 1000000, incident: {severity: minor, title: t}}
"""


def test_unknown_devices_past_the_ceiling(t):
    """Those that are registered are heard, whoever shouts beside them."""
    box, broker, platform = box_with(t, "crowd", limits="max_devices: 60")
    box.start(scale=300)
    broker.publish([lib.probe(f"stranger-{i}", 50) for i in range(200)] + [lib.probe("p50", 50)])
    t.check(platform.wait(lambda: any(d["device"] == "p50" for d in of(platform, "high")), 10), "a registered device is not heard beside the strangers")
    t.check(seen(platform, "gengfu-devices"), "nobody hears that there are too many")
    t.check("60" in of(platform, "gengfu-devices")[0]["text"], f"the text does not name the limit: {of(platform, 'gengfu-devices')[0]['text']}")
    t.check(len(box.ask(do="devices")) <= 61, f"{len(box.ask(do='devices'))} devices are kept in mind")
    t.check(any("stranger" in str(d["device"]) for d in of(platform, "high")), "no stranger at all was heard")
    t.equal(box.status()["messages"]["received"], 201, "messages received")
    t.check(seen(platform, "gengfu-devices", "resolved"), "it does not end when they are quiet")
    t.equal(platform.violations, [], "violations")


def test_keys_that_are_pushed_out(t):
    box, broker, platform = box_with(t, "keys", rules=KEYS, limits="device_rate: 0")
    box.start(scale=200)
    broker.publish([lib.probe("p1", 50, seq=n) for n in range(1, 301)])
    t.check(seen(platform, "gengfu-rule"), "nobody hears of it")
    told = of(platform, "gengfu-rule")[0]
    t.check("few" in told["title"] and "max_keys" in told["text"], f"{told['title']}: {told['text']}")
    t.check(seen(platform, "gengfu-rule", "resolved"), "it does not end")


LOUD_TEXTS = """sources:
  - source: notes
    topic: notes/{device}
    events:
      - {kind: note, fields: {text: payload.text}}
"""


def test_small_journal_under_large_messages(t):
    """Thirty megabytes within seconds into a journal of one: it is cut within a second, not at the next half minute."""
    box, broker, _ = lib.probe_box(t, "small", platforms=False, broker_extra=", commit_wait: 0s", store_extra=", journal_max_bytes: 1MB", limits="device_rate: 0")
    box.write("config/rules.d/15-notes.yaml", LOUD_TEXTS)
    box.start()
    dice = random.Random(7)
    for n in range(150):
        broker.publish([(f"notes/p{n % 50 + 1}", json.dumps({"text": dice.randbytes(100 << 10).hex()}))])
        time.sleep(0.02)  # the latest 16 transactions stay whatever they hold: not many messages each
    sandbox.wait_for(lambda: box.status()["messages"]["received"] == 150, 20, "every message")
    sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] < 120, 5, "a journal that is cut")


def test_clock_that_is_not_set_is_told(t):
    box, broker, platform = box_with(t, "unset")
    wall = wall_of(t, box)
    wall.set(clock_offset=seconds_off(600 - time.time()))
    box.start(env=wall.environment())
    t.check(seen(platform, "gengfu-clock"), "nobody hears that the clock is not set")
    wall.set(clock_offset=0)
    broker.publish([lib.probe("p1", 1)])  # a clock that is really set wakes the daemon, this one is only met
    t.check(seen(platform, "gengfu-clock", "resolved"), "it does not end when it is set")
    t.equal(platform.violations, [], "violations")


def test_damage_is_ended_by_a_person(t):
    box, broker, platform = box_with(t, "person")
    box.start()
    box.stop()
    with open(box.store, "r+b") as f:
        f.write(os.urandom(4096))
    box.start()
    t.check(seen(platform, "gengfu-damage"), "the platform does not hear of the damage")
    number = of(platform, "gengfu-damage")[0]["number"]
    box.stop()
    box.start()
    t.equal(of(platform, "gengfu-damage")[0]["condition"], "firing", "it ended by itself")
    box.cli("close", number, "--disposition", "real", check=0)
    t.check(platform.wait(lambda: of(platform, "gengfu-damage")[0]["handling"] == "closed", 10), "a person cannot end it")


def test_store_that_fails_is_told(t):
    """I/O errors, from which a reserve does not help: nothing is acknowledged, and it is told as soon as something can be written again."""
    box, broker, platform = box_with(t, "ioerror", rules=COUNTING, limits="device_rate: 0")
    disk = shim.Shim(box, t.build)
    if not os.path.exists(disk.library):
        raise lib.Skip("make torture-programs")
    box.start(scale=10, env=disk.environment())  # what is over within five seconds is not told
    broker.publish([lib.probe("p1", 50, seq=1)])
    t.check(platform.wait(lambda: of(platform, "each"), 10), "no incident to begin with")
    disk.set(code=778, fail_stay=1)
    disk.set(fail_write=1)
    broker.publish([lib.probe("p1", 50, seq=n) for n in range(2, 302)])
    sandbox.wait_for(lambda: not box.status()["store"]["writable"], 20, "the daemon to see it")
    trouble = box.status()["troubles"][0]
    t.equal(trouble["what"], "the store cannot be written; nothing is acknowledged", "first trouble in the status")
    number = of(platform, "each")[0]["number"]
    done = box.cli("ack", number)
    t.check(done.returncode != 0 and "cannot write its store" in done.stderr, f"a command meanwhile: {done.returncode} {done.stderr}")
    t.equal(len(box.ask(do="incidents", rule="each")), 1, "incidents on disk while nothing can be written")
    disk.set(code=0, fail_stay=0)
    t.check(seen(platform, "gengfu-store"), "it is not told when it is over")
    t.check(seen(platform, "gengfu-store", "resolved"), "it does not end")
    sandbox.wait_for(lambda: len(box.ask(do="incidents", rule="each", limit=1000)) == 301, 20, "every message's effect")
    t.equal(box.status()["troubles"], [], "troubles when it is over")
    t.equal(platform.violations, [], "violations")


def test_file_that_may_not_grow(t):
    """LimitFSIZE=, ulimit -f: like a full disk, and over when there is room."""
    box, broker, _ = lib.probe_box(t, "fsize", platforms=False, limits="device_rate: 0")
    box.start()
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(box.daemon.pid, resource.RLIMIT_FSIZE, (os.path.getsize(box.store) + 65536, resource.RLIM_INFINITY))
    broker.publish([lib.probe(f"p{i}", 50, pad=os.urandom(2000).hex()) for i in range(1, 41)])
    sandbox.wait_for(lambda: box.status()["store"]["commit_failures"] > 1, 10, "the limit to be met")
    resource.prlimit(box.daemon.pid, resource.RLIMIT_FSIZE, unlimited)
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] >= 40 and box.status()["store"]["writable"], 20, "every message's effect")


def test_second_daemon_on_one_store(t):
    box, broker, platform = box_with(t, "two")
    box.start()
    other = box.spawn([box.program, "run", "--config", box.config], "other")
    t.check(other.wait(10) != 0, "the second one runs")
    t.check("another gengfu" in box.log("other"), f"it says: {box.tail('other', 3)}")
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: of(platform, "high"), 10), "the first one was disturbed")


def test_out_of_memory(t):
    """Memory ends in the middle of a batch, then it ends itself, or of a commit, then it waits: either way it acknowledges nothing, and no effect is lost or comes twice."""
    box, broker, platform = box_with(t, "memory", rules=MANY_KEYS, limits="device_rate: 0")
    if sandbox.sanitized(box.program):
        raise lib.Skip("the sanitizer has taken all the addresses beforehand")
    box.start()
    with open(f"/proc/{box.daemon.pid}/status", encoding="ascii") as f:
        size = next(int(line.split()[1]) << 10 for line in f if line.startswith("VmSize"))
    resource.prlimit(box.daemon.pid, resource.RLIMIT_AS, (size + (1 << 20), resource.RLIM_INFINITY))
    count = 4000
    broker.publish([lib.probe("p1", 50, seq=n) for n in range(1, count + 1)])
    sandbox.wait_for(lambda: box.daemon.poll() is not None or "nothing is acknowledged until this is over" in box.log("daemon"), 30, "memory to end")
    # Nothing is asked of it while memory is out: an answer needs some too, and it may end itself at any moment.
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(box.daemon.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def counted():
        with contextlib.suppress(OSError, sandbox.Refused):
            return [i["count"] for i in box.ask(do="incidents", rule="each")] == [count]
        return False

    sandbox.wait_for(lambda: box.daemon.poll() is not None or counted(), 20, "memory that is back to be used, or the end")
    if box.daemon.poll() is not None:
        t.equal(box.daemon.returncode, -signal.SIGABRT, "how it ended")
        t.check("out of memory in a batch" in box.tail("daemon", 3), f"its last words: {box.tail('daemon', 3)}")
        box.start()
        sandbox.wait_for(counted, 20, "every message's effect, once")
    time.sleep(0.3)
    t.equal([i["count"] for i in box.ask(do="incidents", rule="each")], [count], "messages counted")


def test_payload_beyond_all_ceilings(t):
    """20 MB, over MQTT 3.1.1, where a client cannot say what is too large for it: the broker with our snippet keeps it back."""
    box, broker, platform = box_with(t, "large", broker_extra=", protocol: 4")
    box.start()
    broker.publish([("probe/p1", b" " * (20 << 20)), lib.probe("p1", 50)])
    t.check(platform.wait(lambda: of(platform, "high"), 20), "what came behind it is not heard")
    with open(f"/proc/{box.daemon.pid}/status", encoding="ascii") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    t.check(peak < 18 << 10 or sandbox.sanitized(box.program), f"{peak >> 10} MB of memory at its peak")
    t.equal(box.status()["broker"]["messages"], 1, "messages")


class Systemd:
    """The socket that systemd would listen on."""

    def __init__(self, box, seconds):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(box.path("notify"))
        self.environment = {"NOTIFY_SOCKET": box.path("notify"), "WATCHDOG_USEC": str(int(seconds * 1000000))}

    def hear(self, seconds, word=None):
        """What is said in that time, or until the word comes."""
        said, end = [], time.monotonic() + seconds
        while time.monotonic() < end and not (word and any(word in s for s in said)):
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                said.append(self.socket.recv(4096).decode())
            except TimeoutError:
                break
        return said


def test_watchdog(t):
    """What systemd is told, and that a daemon that hangs falls silent; then it is ended, as systemd would, and the next one goes on."""
    box, broker, platform = box_with(t, "hang")
    systemd = Systemd(box, 1.5)
    t.later(systemd.socket.close)
    box.start(env=systemd.environment, connected=False)
    t.check(any("READY=1" in s for s in systemd.hear(20, "READY=1")), "it does not say that it is ready")
    t.equal(len([s for s in systemd.hear(2.5) if "WATCHDOG=1" in s]) >= 2, True, "signs of life in two and a half seconds, one wanted each half")
    box.cli("reload", check=0)
    said = systemd.hear(5, "READY=1")
    t.check(any("RELOADING=1" in s for s in said) and any("READY=1" in s for s in said), f"what it says of a reload: {said}")
    t.check(any("1 rules" in s and "broker connected" in s for s in systemd.hear(10, "broker connected")), "no status")
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: of(platform, "high"), 10), "no incident")
    os.kill(box.daemon.pid, signal.SIGSTOP)
    broker.publish([lib.probe("p2", 50)])
    systemd.hear(0.3)
    t.equal(systemd.hear(1.8), [], "what a hung daemon says")
    os.kill(box.daemon.pid, signal.SIGABRT)
    os.kill(box.daemon.pid, signal.SIGCONT)
    t.equal(box.daemon.wait(10), -signal.SIGABRT, "how the watchdog ends it")
    box.start(env=systemd.environment)
    t.check(platform.wait(lambda: len(of(platform, "high")) == 2, 10), "what came while it hung was lost")
    t.equal([d["count"] for d in of(platform, "high")], [1, 1], "counts")
    t.equal(box.stop(), 0, "exit code")
    t.check(any("STOPPING=1" in s for s in systemd.hear(1, "STOPPING=1")), "it does not say that it stops")


def test_lists_that_are_too_long(t):
    """What there is more of is said; what is too much at once ends with a sentence, not with a client that was cut off."""
    box, broker, _ = lib.probe_box(t, "lists", platforms=False)
    box.start()
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] == 1, 10, "an incident")
    box.stop()
    with sqlite3.connect(box.store) as db:
        db.execute("CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90) SELECT i FROM n")
        columns = [row[1] for row in db.execute("PRAGMA table_info(incident)") if row[1] not in ("nr", "id", "over", "body")]
        db.execute(f"INSERT INTO incident(id, over, body, {', '.join(columns)}) SELECT id || i, 1, replace(body, '过高', hex(zeroblob(50000))), {', '.join(columns)} FROM incident, n")
    db.close()
    box.start()
    shown = box.cli("incidents", "--limit", "5", check=0)
    t.equal((len(shown.stdout.splitlines()), "there are more" in shown.stderr), (6, True), "five of many: lines, and whether it is said")
    t.equal("there are more" in box.cli("incidents", "--open", "--limit", "1", check=0).stderr, False, "one of one: whether more is said")
    for options in ((), ("--json",)):
        done = box.cli("incidents", *options)
        t.check(done.returncode == 3 and "longer than what is sent at once" in done.stderr, f"too much: {done.returncode} {done.stderr!r}")
        t.check(40 < len(done.stdout.splitlines()) < 80, f"too much: {len(done.stdout.splitlines())} lines")
