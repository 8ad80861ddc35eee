# SPDX-License-Identifier: Apache-2.0
"""What a scenario works with: a broker, the daemon behind a link that is read along, platforms over MQTT and HTTPS, numbered messages, and the comparison at the
end. A scenario is a function `name(b, times)` with the decorator @scenario; it needs to say only what goes wrong and when it is over."""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import ledger as ledgers  # noqa: E402
import sandbox  # noqa: E402
import standin  # noqa: E402
from link import Link  # noqa: E402
from publisher import Publisher  # noqa: E402
from shim import Shim  # noqa: E402

SOURCE = """sources:
  - source: torture
    topic: torture/{device}
    events:
      - kind: tick
        device: topic.device
        fields:
          seq: payload.seq
          mark: payload.mark
"""
COUNT = """  - rule: each-message
    about: Counts each message of a device into one incident.
    on: tick
    when: event.seq > 0
    clear: manual
    repeat_interval: 1s
    incident: {severity: minor, title: "${device.id} 计数"}
"""
MARKED = """  - rule: each-marked
    about: One incident for each marked message.
    on: tick
    when: event.mark
    by: string(event.seq)
    clear: manual
    incident: {severity: severe, title: "第 ${event.seq} 条"}
"""

SCENARIOS = []


class Skip(Exception):
    """The machine cannot do this one; the sentence says why."""


class Scenario:
    def __init__(self, function, fault, times, quick, long, unit, nature):
        self.name, self.kind = function.__name__.replace("_", "-"), function.__module__
        self.function, self.fault, self.times, self.quick, self.long, self.unit, self.nature = function, fault, times, quick, long, unit, nature


def scenario(fault, times, quick=0, long=0, unit="", nature="", kind=None):
    """fault: the words of the table. times: how often in `make torture`; quick: in the selection of `make test`, 0: not there; long: in `make torture LONG=1`, 0: as `times`.
    unit: what the times are when they are not faults. nature: what may be lost, and why."""
    def note(function):
        SCENARIOS.append(Scenario(function, fault, times, quick, long or times, unit, nature))
        SCENARIOS[-1].kind = kind or SCENARIOS[-1].kind
        return function
    return note


class Bench:
    def __init__(self, build, name, seed, say):
        self.build = build
        self.box = sandbox.Sandbox(build, f"torture-{name}")
        self.dice = random.Random(seed)
        self.say = say                   # function(done, of): progress
        self.ledger = ledgers.Ledger()
        self.platform = None
        self.links = []
        self.shim = None
        self.publisher = None
        self.broker = self.link = None
        self.failures = []               # sentences, beside the comparison's
        self.facts = []                  # sentences for the table's note
        self.done = 0
        self.faults = None               # how many, where `done` counts something else
        self.later = []
        self.environment = {}

    # -- putting it together -----------------------------------------------------------------------------------------------------

    def up(self, mqtt=True, https=False, shim=False, rate=400, limits="device_rate: 0", store_extra="", broker_extra="", start=True, mqtt_extra="", https_extra="", counted=True,
           rules="", more_sources="", registry_more="", devices=20, mark=10, direct=False, whole_rules=None, whole_registry=None, watched=True,
           endless=False):
        """Broker, link, platforms, configuration, daemon, publisher (not publishing yet). direct: no link of ours to the broker; watched: the link is read along."""
        box = self.box
        self.ledger.counted, self.ledger.devices, self.ledger.mark = counted, devices, mark
        self.broker = sandbox.Broker(box, endless=endless).start()
        self.link = self.new_link(self.broker.port, self.ledger if watched else None)
        secret_file, secret = box.secret() if https else (None, None)
        self.platform = standin.Platform(box.dir, sandbox.GATEWAY, secret=secret)
        entries = []
        if mqtt:
            self.city = sandbox.Broker(box, "city").start()
            self.city_link = self.new_link(self.city.port)
            self.platform.start_mqtt("127.0.0.1", self.city.port, "city")
            self.check(self.platform.subscribed.wait(20), "the platform's stand-in did not get to its broker")
            entries.append(box.mqtt_platform(self.city_link.port, mqtt_extra))
        if https:
            yesterday = Shim(box, self.build)  # so that they hold for a clock that is set back a little
            yesterday.set(clock_offset=-86400 * 1000000)
            box.certificates(env=yesterday.environment())
            port = self.platform.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
            self.district_link = self.new_link(port)
            entries.append(box.https_platform(self.district_link.port, secret_file, https_extra))
        registry = whole_registry or "device,kind\n" + "".join(f"t{i},tick\n" for i in range(devices)) + registry_more
        rules = whole_rules or {"10-torture.yaml": SOURCE + more_sources, "20-rules.yaml": "rules:\n" + COUNT * counted + MARKED + rules}
        box.configure(self.broker.port if direct else self.link.port, entries, rules, registry, broker_extra=broker_extra, limits=limits, store_extra=store_extra)
        if shim:
            self.shim = Shim(box, self.build)
        self.publisher = Publisher(self.broker.port, self.ledger.message, self.ledger.note_sent, self.ledger.note_confirmed, rate)
        if start:
            self.start()

    def new_link(self, port, ledger=None):
        link = Link(port, ledger)
        self.links.append(link)
        return link

    def start(self, wait=True, fault=None):
        env = dict(self.environment)
        if self.shim:
            env.update(self.shim.environment())
        if fault:
            env["GENGFU_FAULT"] = fault
        self.box.start(wait=wait, log_level="warn", env=env)

    def flow(self, seconds=None):
        """Starts publishing when it is not; waits so long."""
        if self.publisher.thread is None or not self.publisher.thread.is_alive():
            self.publisher.start()
        if seconds:
            time.sleep(seconds)

    def effect(self, seconds=60, by="daemon"):
        """Waits until something new has been confirmed since now."""
        count = self.confirmed(by)
        sandbox.wait_for(lambda: self.confirmed(by) > count, seconds, f"something new that is confirmed ({by})", every=0.005)

    def confirmed(self, by):
        return len(self.ledger.times) if by == "daemon" else len(self.platform.channels[by].deliveries)

    def over(self, by="daemon"):
        self.ledger.fault_over(by)

    def once_done(self, of):
        self.done += 1
        self.say(self.done, of)

    def check(self, condition, sentence):
        if not condition:
            self.failures.append(sentence)
        return condition

    def crash(self):
        """SIGKILL at a time of our own; recovery counts from here."""
        self.box.kill()
        self.over()

    def lateness(self):
        """Sorted seconds from a marked message to its incident at the platform (ledger.timed must have been set)."""
        with self.platform.lock:
            return sorted(at - self.ledger.sent_at[int(e["data"]["by"])] for at, _, e in self.platform.first_seen
                          if e["data"]["rule"] == "each-marked" and int(e["data"]["by"]) in self.ledger.sent_at)

    # -- the end -----------------------------------------------------------------------------------------------------------------

    def journal(self):
        done = subprocess.run([os.path.join(self.build, "tests/torture/journal"), self.box.store], capture_output=True, text=True, timeout=120, check=True)
        return [int(line) for line in done.stdout.split()]

    def incidents(self):
        """As the daemon shows them; very many at once are more than it holds for a reader that is slow, then as they stand in the store."""
        try:
            return self.box.ask(do="incidents", limit=1000000)
        except sandbox.Refused:
            db = sqlite3.connect(f"file:{self.box.store}?mode=ro", uri=True)
            rows = [json.loads(row[0]) for row in db.execute("SELECT body FROM incident ORDER BY nr")]
            db.close()
            return rows

    def settle(self, seconds=45, broker_may_lose=False, incidents_at_platform=True):
        """Publishing ends; what is on its way arrives; then everything is compared."""
        if not self.publisher.stop():
            self.failures.append("the broker did not confirm everything that was published")
        if self.box.daemon.poll() is not None:
            self.start()
        else:
            self.box.wait_ready()
        channels = self.platform.channels
        end = time.monotonic() + seconds
        v, still, before = None, 0, None
        least = self.box.status()["outbox"]["waiting"]
        while least > 100 and time.monotonic() < end:  # as long as it goes on, it may
            time.sleep(0.2)
            waiting = self.box.status()["outbox"]["waiting"]
            if waiting < least:
                least, end = waiting, time.monotonic() + seconds
        while True:
            incidents = self.incidents()
            v = ledgers.compare(self.ledger, self.journal(), incidents, {name: self.platform.latest(name) for name in channels} if incidents_at_platform else {},
                                self.platform.violations, broker_may_lose)
            stands = (v.lost, v.missing, v.duplicates, v.broker_lost, v.broker_again, len(incidents))
            calm = not v.lost and not v.missing and not v.duplicates and (not incidents_at_platform or self.box.status()["outbox"]["waiting"] == 0)
            still = still + 1 if stands == before else 0
            before = stands
            # Once more after a moment, for an effect too many; and with a broker that may lose, until nothing moves any more.
            if calm and still >= (8 if broker_may_lose else 1) or time.monotonic() > end:
                break
            time.sleep(0.25)
        v.recovery, unrecovered = self.ledger.longest_recovery(channels)
        if unrecovered:
            v.say(f"after {unrecovered} of {len(self.ledger.faults_over)} faults nothing new was confirmed")
            self.failures.append("no recovery")
        dead = self.box.status()["outbox"]["dead"]
        self.check(dead == 0, f"{dead} dead letters")
        return v

    def close(self):
        for function in reversed(self.later):
            function()
        if self.publisher:
            self.publisher.abandon()
        for link in self.links:
            link.close()
        if self.platform:
            self.platform.stop()
        self.box.close()
