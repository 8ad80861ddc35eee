# SPDX-License-Identifier: Apache-2.0
"""Too much of it: a device that floods beside ordinary ones, keys that nobody has seen before, incidents that wait for a platform that is away; and a million messages
with faults of every kind mixed in, under which nothing may grow."""
import os
import threading
import time
from collections import Counter

import bench
import ledger as ledgers
import sandbox
from bench import scenario

FLOOD_SOURCE = """  - source: flooding
    topic: zigbee2mqtt/{device}
    events:
      - kind: flood
        device: topic.device
        fields:
          n: payload.seq
          action: payload.action
"""
FLOOD_RULES = """  - rule: flooded
    about: Looks at what floods.
    on: flood
    when: event.n < 0
    clear: manual
    incident: {severity: minor, title: nothing}
"""


@scenario("one device at 20,000 messages a second beside 300 ordinary ones", times=15, long=60, quick=4, unit="s",
          nature="What the flooding device sent is thinned: the newest of each kind is heard, the others are counted.")
def flood_one_device(b, times):
    b.up(direct=True, rate=300, devices=300, limits="device_rate: 50", more_sources=FLOOD_SOURCE, rules=FLOOD_RULES, registry_more="load-1,flood\n")
    b.ledger.timed = True
    b.flow(2)
    b.effect(by="city")
    begun = time.monotonic()
    sim = b.box.simulate(b.broker.port, "--rate", 20000, "--devices", 1, "--count", 20000 * times, "--qos", 0, "--quiet")
    for _ in range(times):
        time.sleep(1)
        b.check(b.box.daemon.poll() is None, "the daemon ended")
        b.once_done(times)
    b.box.end(sim)
    time.sleep(1.5)
    late = b.lateness()
    b.faults = 0
    status = b.box.status()
    received = status["messages"]["received"] - len(b.ledger.confirmed)
    worst = late[-1] if late else 99.0
    loud = b.box.ask(do="devices", device="load-1")[0]
    # What the limits let through: the burst, the rate for as long as it lasted, and, for a while after a start, what may have piled up in two minutes.
    b.check(loud["events"] <= 500 + 50 * (time.monotonic() - begun + 120), f"{loud['events']} events of the flooding device went to the rules")
    b.check(loud["thinned"] + loud["events"] >= received * 0.99, f"of {received} messages of the flooding device {loud['thinned']} were thinned and {loud['events']} heard")
    b.check(b.box.ask(do="incidents", rule="gengfu-flood"), "nobody was told of the flood")
    # On a machine that does other things as well the second is the machine's, not ours: the selection only looks that nobody starves.
    b.check(worst < (8 if b.quick else 1), f"an ordinary device's incident came {worst:.1f} s late")
    b.facts.append(f"{received / times:,.0f} messages a second of it came in; {len(late)} incidents of the others, the latest {worst * 1000:.0f} ms after its cause, "
                   f"half of them within {late[len(late) // 2] * 1000:.0f} ms")
    return b.settle()


KEYED = """  - rule: keyed
    about: A hold for every key, that does not come to its end.
    on: tick
    when: event.seq > 0
    for: 12h
    by: string(event.seq)
    clear: event.seq < 0
    incident: {severity: minor, title: "${event.seq}"}
"""


@scenario("ten thousand new keys a second", times=6, long=20, unit="s")
def flood_of_keys(b, times):
    b.up(direct=True, rate=10000, rules=KEYED, mark=1000)
    b.flow()
    for _ in range(times):
        time.sleep(1)
        b.once_done(times)
    sandbox.wait_for(lambda: len(b.ledger.confirmed) > 15000, 60, "more keys than there is room for", every=0.1)
    b.faults = 0
    b.over("city")
    v = b.settle(seconds=120)
    row = next(r for r in b.box.ask(do="rules") if r["rule"] == "keyed")
    rss = sandbox.fields(b.box.daemon.pid)[0]
    b.check(row["keys"] <= 10000 and row["keys"] + row["evicted"] >= v.acknowledged * 0.99, f"{row['keys']} keys are held and {row['evicted']} gave way, of {v.acknowledged}")
    b.check(rss < 256 << 20, f"{rss >> 20} MB of memory")
    b.facts.append(f"{row['keys']:,} keys are held, {row['evicted']:,} had to give way (`max_keys`), {rss >> 20} MB of memory")
    return v


@scenario("incidents wait for a platform that is away", times=10000, long=100000, unit="incidents")
def backlog(b, times):
    rules = bench.MARKED.replace("    by: string(event.seq)\n", f"    by: string(event.seq)\n    max_keys: {2 * times}\n")
    b.up(direct=True, rate=3000, counted=False, mark=1, mqtt_extra=", in_flight: 64", whole_rules={"10-torture.yaml": bench.SOURCE, "20-rules.yaml": "rules:\n" + rules})
    b.city_link.mode = "refuse"
    b.city_link.cut()
    b.publisher.start(times)
    while not b.publisher.join(1):
        b.say(len(b.ledger.confirmed), times)
    sandbox.wait_for(lambda: b.box.status()["outbox"]["waiting"] >= times, 180, "all of them to wait", every=1)
    rss, size = sandbox.fields(b.box.daemon.pid)[0], os.path.getsize(b.box.store)
    b.box.kill()  # and they wait through a restart as well
    begun = time.monotonic()
    b.start()
    restart = time.monotonic() - begun
    b.city_link.mode = "pass"
    b.over("city")
    b.done, b.faults = times, 2  # the link, the kill
    b.effect(by="city", seconds=60)
    v = b.settle(seconds=600)
    b.facts.append(f"{rss >> 20} MB of memory and {size >> 20} MB of file with all of them waiting; a restart took {restart:.1f} s; delivered in {time.monotonic() - begun - restart:.0f} s")
    return v


# ---- a million ------------------------------------------------------------------------------------------------------------------------

LOAD_SOURCE = """sources:
  - source: load
    topic: zigbee2mqtt/{device}
    events:
      - kind: lock
        device: topic.device
        fields:
          seq: payload.seq
"""
LOAD_RULES = """rules:
  - rule: each-message
    about: Counts each message of a device into one incident.
    on: lock
    when: event.seq > 0
    clear: manual
    repeat_interval: 2s
    incident: {severity: minor, title: "${device.id} 计数"}
  - rule: each-marked
    about: One incident for each thousandth.
    on: lock
    when: event.seq % 1000 == 0
    by: string(event.seq)
    resolve_after: 5s
    incident: {severity: severe, title: "第 ${event.seq} 条"}
"""
LOAD_DEVICES = 50


class Sizes:
    """What must not grow, a few times a second: how far it was, bytes of memory, descriptors, bytes of the store and of its log."""

    def __init__(self, b):
        self.b, self.rows = b, []

    def look(self, done):
        try:
            store = [os.path.getsize(self.b.box.store + end) for end in ("", "-wal")]
            self.rows.append((done, sandbox.fields(self.b.box.daemon.pid)[0], self.descriptors(), *store))
        except OSError:
            pass  # it is being started

    def descriptors(self):
        """Connections to the HTTPS platform come and go with what there is to say: so many at once are no growth."""
        proc, port = f"/proc/{self.b.box.daemon.pid}", f":{self.b.district_link.port:04X}"
        with open(f"{proc}/net/tcp", encoding="ascii") as f:
            platform = {f"socket:[{line.split()[9]}]" for line in f if line.split()[2].endswith(port)}
        kinds = Counter(os.readlink(f"{proc}/fd/{name}") in platform for name in os.listdir(f"{proc}/fd"))
        return kinds[False] + max(0, kinds[True] - 16)

    def between(self, low, high, column):
        return [row[column] for row in self.rows if low <= row[0] < high]


def upset(b, kills):
    """One fault, over when it returns."""
    what = b.dice.choice(["cut", "slow", "platform", "full", "reload"] + ["kill" if kills else "cut"] * 3)
    if what == "kill":
        b.box.kill()
        b.start()
    elif what == "cut":
        for link in (b.link, b.city_link, b.district_link):
            link.cut()
    elif what == "slow":
        b.link.delay, b.link.mode = 0.02, "slow"
        time.sleep(0.3)
        b.link.mode = "pass"
    elif what == "platform":
        b.platform.control({"city": "deaf", "district": b.dice.choice(["down", "500", "rubbish", "half"])})
        time.sleep(0.3)
        b.platform.control({"city": "ok", "district": "ok"})
    elif what == "full":
        b.shim.set(code=13, fail_stay=1)
        b.shim.set(fail_write=1)
        time.sleep(0.3)
        b.shim.set(code=0, fail_stay=0)
    else:
        try:
            b.box.ask(do="reload")
        except sandbox.Refused as e:
            b.check(e.code == 3, f"reload: {e}")  # the store cannot be written just now
    return what


@scenario("a million messages with faults of every kind mixed in", times=150000, long=1000000, unit="messages",
          nature="Kills, cut and slow links, platforms that are deaf, down and talk rubbish, a full disk, reloads; kills in the first "
                 "quarter only, so that growth would show.")
def million(b, times):
    # A machine that cannot take 8,000 a second fills the broker's queue, which is no fault of ours.
    b.up(https=True, shim=True, watched=False, start=False, endless=True, store_extra=", journal_max_bytes: 1MB",
         whole_rules={"10-load.yaml": LOAD_SOURCE, "20-rules.yaml": LOAD_RULES}, whole_registry="device,kind\n" + "".join(f"load-{i},lock\n" for i in range(1, LOAD_DEVICES + 1)))
    b.start()
    sim = b.box.simulate(b.broker.port, "--rate", 8000, "--count", times, "--devices", LOAD_DEVICES, "--ledger", b.box.path("ledger"), "--quiet")
    sizes, faults = Sizes(b), Counter()

    def acknowledged():
        try:
            with open(b.box.path("ledger"), "rb") as f:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
        except FileNotFoundError:
            return 0

    def watch():
        while sim.poll() is None:
            sizes.look(acknowledged())
            try:
                b.box.status()  # these connections come and go as well
            except (OSError, ValueError, sandbox.Refused):
                pass
            time.sleep(0.3)
    threading.Thread(target=watch, daemon=True).start()
    while sim.poll() is None:
        done = acknowledged()
        b.say(done, times)
        faults[upset(b, done < times / 4)] += 1
        if b.box.daemon.poll() is not None:
            b.check(False, f"the daemon ended with {b.box.daemon.returncode}")
            b.start()
        time.sleep(b.dice.uniform(0.2, 1.0))
    b.check(sim.returncode == 0, f"simulate ended with {sim.returncode}: {b.box.tail('simulate', 3)}")
    b.over("city")

    def counts():
        return {i["by"]: i["count"] for i in b.box.ask(do="incidents", limit=100000, rule="each-message")}
    want = {f"load-{i}": len(range(i, times + 1, LOAD_DEVICES)) for i in range(1, LOAD_DEVICES + 1)}
    try:
        sandbox.wait_for(lambda: counts() == want, 120, "every message's effect", every=1)
        sandbox.wait_for(lambda: b.box.status()["outbox"]["waiting"] == 0, 120, "an empty outbox", every=0.5)
    except TimeoutError as e:
        b.failures.append(str(e))
    for _ in range(5):
        sizes.look(times)
        time.sleep(0.1)
    v = ledgers.Verdict()
    got = counts()
    v.acknowledged = acknowledged()
    v.lost = sum(max(0, want[d] - got.get(d, 0)) for d in want)
    v.duplicates = sum(max(0, got.get(d, 0) - want[d]) for d in want) + len(b.platform.violations)
    marked = Counter(int(i["by"]) for i in b.box.ask(do="incidents", limit=100000, rule="each-marked"))
    v.missing = len(set(range(1000, times + 1, 1000)) - marked.keys())
    v.duplicates += sum(n - 1 for n in marked.values())

    def behind():
        """Incidents that a platform does not have as they stand; some still end, some seconds after their last message."""
        stand = {i["id"]: (i["revision"], i["count"]) for i in b.box.ask(do="incidents", limit=100000)}
        have = [{k: (d["revision"], d["count"]) for k, d in b.platform.latest(name).items()} for name in b.platform.channels]
        return sum(there.get(k) != stand[k] for there in have for k in stand)
    end = time.monotonic() + 60
    while (late := behind()) and time.monotonic() < end:
        time.sleep(1)
    v.missing += late
    if v.lost or v.duplicates or v.missing:
        v.say(f"counts that differ: { {d: (got.get(d), want[d]) for d in want if got.get(d) != want[d]} }; violations: {b.platform.violations[:2]}")
    v.recovery = b.ledger.longest_recovery(b.platform.channels)[0]
    b.done = times
    flat(b, sizes, times)
    b.faults = sum(faults.values())
    b.facts.append(f"{b.faults} faults: " + ", ".join(f"{n} {what}" for what, n in faults.most_common()))
    return v


def flat(b, sizes, times):
    """The control connections and the files that a checkpoint opens come and go as well: it is the fewest descriptors that a leak raises. The store holds more incidents at the end."""
    for column, name, unit, of, factor, room in ((1, "memory", 1 << 20, max, 1.15, 2 << 20), (2, "file descriptors", 1, min, 1, 2),
                                                 (3, "the store", 1 << 20, max, 1.15, 1 << 20), (4, "its log", 1 << 20, max, 1.15, 1 << 20)):
        early, late = sizes.between(times * 0.5, times * 0.7, column), sizes.between(times * (0.9 if of is min else 0.8), times + 1, column)
        if not early or not late:
            b.check(False, f"{name}: too few looks")
            continue
        before, after = of(early), of(late)
        b.check(after <= before * factor + room, f"{name} grew from {before / unit:.1f} to {after / unit:.1f} over the second half")
        b.facts.append(f"{name} {before / unit:.0f} after half of it, {after / unit:.0f} at the end" + (" (MB)" if unit > 1 else ""))
