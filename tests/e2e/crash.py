# SPDX-License-Identifier: Apache-2.0
"""Commit before acknowledge, proven: the daemon dies twenty times by SIGKILL at random moments while numbered messages flow, and afterwards every one of
them has had its effect exactly once, and the platform knows every incident as it stands."""
import json
import os
import random
import signal
import subprocess
import time

import sandbox

COUNT = 20000
RATE = 1000  # a second
DEVICES = 50
KILLS = 20

SOURCE = """sources:
  - source: load
    topic: zigbee2mqtt/{device}
    match: has(payload.seq)
    events:
      - kind: lock
        device: topic.device
        fields:
          seq: payload.seq
          action: payload.action
"""
RULES = """rules:
  - rule: every-message
    about: Counts each message of a device into one incident.
    on: lock
    when: event.seq > 0
    clear: manual
    repeat_interval: 1s
    incident: {severity: minor, title: "${device.id} 计数"}
  - rule: each-refusal
    about: One incident for each message with a refused code, which is every hundredth.
    on: lock
    when: event.action == 'unlock_failure_invalid_pin_or_id'
    by: string(event.seq)
    clear: manual
    incident: {severity: severe, title: "第 ${event.seq} 条"}
"""


def test_twenty_kills(t):
    box = t.box("crash")
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = t.platform(box)
    platform.start_mqtt("127.0.0.1", city.port, "city")
    devices = "device,kind\n" + "".join(f"load-{i},lock\n" for i in range(1, DEVICES + 1))
    box.configure(broker.port, [box.mqtt_platform(city.port, ", in_flight: 64")], {"10-load.yaml": SOURCE, "20-rules.yaml": RULES}, devices)
    box.start()
    dice = random.Random(int(os.environ.get("SEED", "0")) or None)
    sim = box.simulate(broker.port, "--rate", RATE, "--count", COUNT, "--devices", DEVICES, "--ledger", box.path("ledger"), "--quiet")
    begun = time.monotonic()
    kills, while_flowing = 0, 0
    # A kill a little before each twentieth of the flow, some of them while the daemon is still starting.
    for i in range(KILLS):
        at = begun + (i + dice.random()) * (COUNT / RATE) / KILLS
        time.sleep(max(0.02, at - time.monotonic()))
        box.kill()
        kills += 1
        while_flowing += sim.poll() is None
        box.start(wait=False, log_level="warn")
    box.wait_ready(seconds=30)
    t.equal(kills, KILLS, "kills")
    t.check(while_flowing >= KILLS - 1, f"only {while_flowing} kills fell into the flow")
    t.equal(sim.wait(120), 0, "exit code of simulate")
    with open(box.path("ledger"), encoding="ascii") as f:
        ledger = sorted(int(line.split()[0]) for line in f)
    t.equal(ledger, list(range(1, COUNT + 1)), "ledger of acknowledged messages" if len(ledger) < 10 else f"ledger ({len(ledger)} lines)")

    def total():
        return sum(i["count"] for i in box.ask(do="incidents", limit=10000, rule="every-message"))
    try:
        sandbox.wait_for(lambda: total() >= COUNT, 60, "every message's effect", every=0.2)
    except TimeoutError:
        pass
    # Each incident tells its last count within a second (repeat_interval).
    sandbox.wait_for(lambda: all(i.get("told", i["count"]) == i["count"] for i in box.ask(do="incidents", limit=10000)), 10, "the last counts told", every=0.2)
    incidents = box.ask(do="incidents", limit=10000)
    counts = {i["by"]: i["count"] for i in incidents if i["rule"] == "every-message"}
    refusals = [i["by"] for i in incidents if i["rule"] == "each-refusal"]
    t.equal(sum(counts.values()), COUNT, "messages counted")
    t.equal(counts, {f"load-{i}": COUNT // DEVICES for i in range(1, DEVICES + 1)}, "counts by device")
    t.equal(sorted(map(int, refusals)), list(range(100, COUNT + 1, 100)), "incidents of the refusals")
    t.equal(sum(i["count"] for i in incidents if i["rule"] == "each-refusal"), COUNT // 100, "counts of the refusals")
    t.equal(box.status()["store"]["journal_rows"], COUNT, "rows in the journal")

    # The platform has each incident's last revision; whatever came twice had the same key and the same contents.
    want = {i["id"]: (i["revision"], i["count"]) for i in incidents}

    def got():
        return {k: (d["revision"], d["count"]) for k, d in platform.latest().items()}
    platform.wait(lambda: got() == want, 30)
    t.equal(set(got().items()) ^ set(want.items()), set(), "incidents whose last revision or count differs at the platform")
    t.equal(platform.violations[:5], [], "violations of the contract")
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 10, "an empty outbox")
    channel = platform.channels["city"]
    t.check(max(want.values())[0] > 5, f"no incident changed often: the highest revision is {max(want.values())[0]}")
    t.note(f"{len(channel.deliveries)} deliveries at the platform, {channel.duplicates} of them repeated")
    t.equal(box.stop(), 0, "exit code after SIGTERM")


# ---- the same at the very places where it could go wrong ----------------------------------------------------------------------------

POINTS = ["ingest.after_read", "store.before_commit", "store.after_commit", "daemon.after_commit", "mqtt.before_ack", "forward.before_send", "forward.after_send",
          "forward.before_confirm"]
FEW = 300


def numbered(first, last):
    return [(f"zigbee2mqtt/load-{n % 5 + 1}", json.dumps({"seq": n, "action": "unlock_failure_invalid_pin_or_id" if n % 100 == 0 else "keypad_lock"}))
            for n in range(first, last + 1)]


def publish_in_parts(box, broker):
    """At least three commits: the first part has had its effect before the next comes, and the others do not come all at once."""
    broker.publish(numbered(1, 50))
    sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] == 50, 10, "the first part's effect")
    for first in range(51, FEW, 50):
        broker.publish(numbered(first, first + 49))
        time.sleep(0.1)


def small_box(t, name):
    box = t.box(name)
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = t.platform(box)
    platform.start_mqtt("127.0.0.1", city.port, "city")
    devices = "device,kind\n" + "".join(f"load-{i},lock\n" for i in range(1, 6))
    box.configure(broker.port, [box.mqtt_platform(city.port)], {"10-load.yaml": SOURCE, "20-rules.yaml": RULES}, devices)
    return box, broker, platform


def check_effects(t, box, platform, count, what):
    def counted():
        return sum(i["count"] for i in box.ask(do="incidents", limit=1000, rule="every-message"))
    try:
        sandbox.wait_for(lambda: counted() >= count, 15, "every message's effect", every=0.05)
    except TimeoutError:
        pass
    time.sleep(0.2)  # room for one effect too many
    t.equal(counted(), count, f"{what}: messages counted")
    refusals = box.ask(do="incidents", limit=1000, rule="each-refusal")
    t.equal(sorted(int(i["by"]) for i in refusals), list(range(100, count + 1, 100)), f"{what}: incidents of the refusals")
    t.equal(box.status()["store"]["journal_rows"], count, f"{what}: rows in the journal")
    t.check(platform.wait(lambda: {i["by"] for i in platform.latest().values() if i["rule"] == "each-refusal"} == {i["by"] for i in refusals}, 15),
            f"{what}: the platform does not have every incident")


def test_killed_at_each_point(t):
    for point in POINTS:
        box, broker, platform = small_box(t, "point")
        # The store is written a few times before the daemon serves.
        box.start(fault=f"{point}=kill@{5 if 'commit' in point else 2}")
        broker.publish(numbered(1, FEW // 2))
        try:
            code = box.daemon.wait(2)
        except subprocess.TimeoutExpired:
            # The point was passed once only: some more work for it.
            broker.publish(numbered(FEW // 2 + 1, FEW))
            code = box.daemon.wait(10)
        else:
            broker.publish(numbered(FEW // 2 + 1, FEW))
        t.equal(code, -signal.SIGKILL, f"{point}: how the daemon ended")
        box.start()
        check_effects(t, box, platform, FEW, point)
        t.equal(platform.violations[:3], [], f"{point}: violations")
        box.stop()
        platform.stop()
        for process in box.processes:
            box.end(process)


def test_disk_full(t):
    """Nothing is acknowledged that is not on disk; when there is room again it goes on by itself."""
    box, broker, platform = small_box(t, "full")
    box.start(fault="store.commit=fail+@5")
    publish_in_parts(box, broker)
    trouble = sandbox.wait_for(lambda: [x for x in box.status()["troubles"] if "store" in x["what"]], 10, "a trouble in the status")
    t.check("acknowledged" in trouble[0]["what"], f"trouble: {trouble}")
    t.equal(box.cli("status").returncode, 1, "exit code of status")
    box.kill()
    box.start()
    check_effects(t, box, platform, FEW, "after the restart")
    t.equal(box.status()["troubles"], [], "troubles after the restart")


def test_disk_full_for_a_moment(t):
    box, broker, platform = small_box(t, "moment")
    box.start(fault="store.commit=fail@3")
    publish_in_parts(box, broker)
    check_effects(t, box, platform, FEW, "after one commit failed")
    t.equal(box.status()["store"]["commit_failures"] >= 1, True, "a commit has failed")
    t.equal(box.status()["troubles"], [], "troubles when it is over")
