# SPDX-License-Identifier: Apache-2.0
"""Commit before acknowledge, proven: the daemon dies twenty times by SIGKILL at random moments while numbered messages flow, and afterwards every one of
them has had its effect exactly once, and the platform knows every incident as it stands."""
import os
import random
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
    incidents = box.ask(do="incidents", limit=10000)
    counts = {i["by"]: i["count"] for i in incidents if i["rule"] == "every-message"}
    refusals = [i["by"] for i in incidents if i["rule"] == "each-refusal"]
    t.equal(sum(counts.values()), COUNT, "messages counted")
    t.equal(counts, {f"load-{i}": COUNT // DEVICES for i in range(1, DEVICES + 1)}, "counts by device")
    t.equal(sorted(map(int, refusals)), list(range(100, COUNT + 1, 100)), "incidents of the refusals")
    t.equal(sum(i["count"] for i in incidents if i["rule"] == "each-refusal"), COUNT // 100, "counts of the refusals")
    t.equal(box.status()["store"]["journal_rows"], COUNT, "rows in the journal")

    # The platform has each incident's last revision; whatever came twice had the same key and the same contents.
    want = {i["id"]: i["revision"] for i in incidents}
    platform.wait(lambda: {k: d["revision"] for k, d in platform.latest().items()} == want, 30)
    t.equal({k: d["revision"] for k, d in platform.latest().items()}, want, "revisions at the platform")
    t.equal(platform.violations[:5], [], "violations of the contract")
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 10, "an empty outbox")
    t.note(f"{len(platform.channels['city'].deliveries)} deliveries, {platform.channels['city'].duplicates} of them repeated; broker sent again: see status")
    t.equal(box.stop(), 0, "exit code after SIGTERM")
