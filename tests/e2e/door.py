# SPDX-License-Identifier: Apache-2.0
"""Who may do what: two platforms that must not meet, commands applied once, the audit trail, the control socket."""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import lib
import sandbox
import standin
import unit_filter


def platform_of(t, box, city, name):
    directory = box.path(name)
    os.makedirs(directory)
    platform = standin.Platform(directory, sandbox.GATEWAY, prefix=name)
    t.later(platform.stop)
    platform.start_mqtt("127.0.0.1", city.port, name)
    return platform


def two_platforms(t):
    """`one` is sent what comes of p1, `two` what comes of p2; `two` may only acknowledge and note. Both are at the same broker."""
    box = t.box("two")
    broker, city = sandbox.Broker(box).start(), sandbox.Broker(box, "city").start()
    one, two = platform_of(t, box, city, "one"), platform_of(t, box, city, "two")
    entries = [f"{{platform: {name}, type: mqtt, host: 127.0.0.1, port: {city.port}, prefix: {name}, when: incident.by == '{device}', retry_min: 200ms, retry_max: 2s{more}}}"
               for name, device, more in (("one", "p1", ""), ("two", "p2", ", commands: [acknowledge, note]"))]
    box.configure(broker.port, entries, {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES)
    box.start()
    broker.publish([lib.probe("p1", 50), lib.probe("p2", 50)])
    t.check(one.wait(lambda: one.latest(), 10) and two.wait(lambda: two.latest(), 10), "no incidents")
    return box, one, two


def say(t, platform, incident, command_id, **command):
    """Publishes a command; its answer."""
    platform.client.publish(f"{platform.prefix}/{platform.gateway}/commands", json.dumps({"id": command_id, "incident": incident, **command}), qos=1)
    platform.wait(lambda: platform.answer_to(command_id), 10)
    return platform.answer_to(command_id) or {}


def test_platforms_do_not_meet(t):
    box, one, two = two_platforms(t)
    (first, mine), (second, _) = next(iter(one.latest().items())), next(iter(two.latest().items()))
    t.equal(([d["by"] for d in one.latest().values()], [d["by"] for d in two.latest().values()]), (["p1"], ["p2"]), "what each was sent")

    # What it is not sent does not exist for it, under any of its names.
    for n, name in enumerate((first, mine["number"], first[:12], mine["number"][:-1])):
        answer = say(t, two, name, f"steal-{n}", action="acknowledge")
        t.equal(answer.get("ok"), False, f"a command for another's incident as {name}")
        t.check("no incident" in answer.get("error", ""), f"the refusal tells more than it should: {answer}")
    answer = say(t, two, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "unknown", action="acknowledge")
    t.check("no incident" in answer.get("error", ""), f"another sentence for what does not exist at all: {answer}")
    t.equal(one.latest()[first]["handling"], "new", "handling after another's commands")

    # What it may not do is refused; what it may is done.
    answer = say(t, two, second, "close-1", action="close", disposition="real")
    t.check(not answer.get("ok") and "may not close" in answer.get("error", ""), f"an action that is not allowed: {answer}")
    answer = say(t, one, first, "same-id", action="acknowledge")
    t.equal(answer.get("ok"), True, "one's own acknowledge")
    answer = say(t, two, second, "same-id", action="acknowledge")
    t.equal(answer.get("ok"), True, "the same command id from another platform")
    t.check(two.wait(lambda: two.latest()[second]["handling"] == "acknowledged", 10), "the second platform's command was taken for the first one's")

    # Once, over a restart too.
    revision = two.latest()[second]["revision"]
    box.stop()
    box.start()
    two.client.publish(f"two/{two.gateway}/commands", json.dumps({"id": "same-id", "incident": second, "action": "note", "note": "again"}), qos=1)
    time.sleep(1.5)
    t.equal(two.latest()[second]["revision"], revision, "revision after the same command id came again")

    # No faster than is allowed.
    for n in range(60):
        two.client.publish(f"two/{two.gateway}/commands", json.dumps({"id": f"fast-{n}", "incident": second, "action": "note", "note": "x"}), qos=1)
    t.check(two.wait(lambda: two.answer_to("fast-59"), 20), "no answer to the last of many")
    refused = [n for n in range(60) if "commands a second" in (two.answer_to(f"fast-{n}") or {}).get("error", "")]
    t.check(10 <= len(refused) <= 45, f"{len(refused)} of 60 commands at once were refused")


def edit(box, text):
    with sqlite3.connect(box.store) as db:
        db.executescript(text)


def test_audit_trail(t):
    box, one, two = two_platforms(t)
    incident, doc = next(iter(one.latest().items()))
    answer = say(t, one, incident, "c-1", action="acknowledge", by="坐席12")
    t.check(re.fullmatch(r"\d+:[0-9a-f]{64}", answer.get("audit", "")), f"no head of the audit trail in the answer: {answer}")
    box.cli("handle", doc["number"], check=0)
    box.cli("reload", check=0)
    trail = box.listing("audit")
    who = f"uid:{os.getuid()} ("
    t.equal([e["what"] for e in trail], ["reload", "handle", "acknowledge", "started"], "entries, latest first")
    t.check(trail[0]["who"].startswith(who) and trail[1]["who"].startswith(who), f"the caller's uid and name: {trail[:2]}")
    t.equal(trail[2]["who"], "platform:one", "who acknowledged")
    t.check("c-1" in trail[2]["detail"] and incident in trail[2]["detail"], f"detail: {trail[2]['detail']!r}")
    t.equal(f"{trail[2]['entry']}:{trail[2]['hash']}", answer["audit"], "the head that the platform was told")
    head = box.cli("audit", "--head", check=0).stdout.strip()
    t.equal(head, f"{trail[0]['entry']}:{trail[0]['hash']}", "--head")
    t.check(f"audit {head}: {who}" in box.log("daemon"), "the log does not hold the entry and its head")
    t.check("ENTRY" in box.cli("audit", "--since", "1h", check=0).stdout, "the table")
    box.cli("audit", "--verify", check=0)
    box.cli("audit", "--verify", "--noted", answer["audit"], check=0)
    box.cli("audit", "--verify", "--noted", "17", check=2)
    box.stop()
    before = box.path("before.db")
    with sqlite3.connect(box.store) as db, sqlite3.connect(before) as copy:
        db.backup(copy)
    edit(box, "UPDATE audit SET who = 'platform:two' WHERE what = 'acknowledge'")
    told = box.cli("audit", "--verify", check=1)
    t.check(f"entry {trail[2]['entry']} does not follow" in told.stderr, f"an edit is not named: {told.stderr}")
    # A trail that was begun anew is whole in itself; the head that somebody noted says otherwise.
    edit(box, "DELETE FROM audit; DELETE FROM meta WHERE name = 'audit_last'")
    for _ in range(4):
        box.start()
        box.stop()
    box.cli("audit", "--verify", check=0)
    told = box.cli("audit", "--verify", "--noted", answer["audit"], check=1)
    t.check("written anew" in told.stderr, f"a new chain is not shown: {told.stderr}")
    box.cli("audit", "--verify", "--store", before, "--noted", head, check=0)


def test_under_the_units_filter(t):
    """What the daemon does in a day, under the filter of the unit: a call that is not allowed fails as it would there."""
    lacking = unit_filter.missing(t.build)
    if lacking:
        raise lib.Skip(lacking)
    box = t.box("filter")
    box.certificates()
    secret_file, secret = box.secret()
    broker = sandbox.Broker(box, tls=True).start()
    city = sandbox.Broker(box, "city").start()
    over_mqtt = t.platform(box)
    over_mqtt.start_mqtt("127.0.0.1", city.port, "city")
    os.makedirs(box.path("https"))
    over_https = standin.Platform(box.path("https"), sandbox.GATEWAY, secret=secret, seconds_tolerance=120)
    t.later(over_https.stop)
    port = over_https.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
    tls = f", tls: {{ca: {box.path('ca.pem')}, cert: {box.path('client.pem')}, key: {box.path('client.key')}}}"
    box.configure(broker.port, [box.mqtt_platform(city.port), box.https_platform(port, secret_file), f"{{platform: bench, type: file, path: {box.path('bench.jsonl')}}}"],
                  {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, broker_extra=tls)
    names = box.under_filter(["chown", "0", box.path("ca.pem")], "kill")
    t.equal(subprocess.run(names, check=False).returncode, -signal.SIGSYS, "a call that is not allowed, under the filter")
    t.equal(subprocess.run(box.under_filter(["true"], "kill"), check=False).returncode, 0, "a program that does nothing, under the filter")

    box.start(calls="eperm")
    broker.publish([lib.probe("p1", 50)])
    t.check(over_mqtt.wait(lambda: over_mqtt.latest(), 10), "nothing over MQTT")
    t.check(over_https.wait(lambda: over_https.latest(), 10), "nothing over HTTPS")
    sandbox.wait_for(lambda: os.path.exists(box.path("bench.jsonl")), 5, "the file platform")
    number = next(iter(over_mqtt.latest().values()))["number"]
    for command in (("ack", number), ("reload",), ("audit",), ("devices",), ("sources", "--unmatched"), ("outbox",), ("rules",), ("status", "--trace"), ("show", number)):
        box.cli(*command, check=0)
    broker.stop()
    sandbox.wait_for(lambda: not box.status()["broker"]["connected"], 10, "the loss of the broker")
    broker.start()
    sandbox.wait_for(lambda: box.status()["broker"]["connected"], 20, "the broker again")
    box.write("config/gengfu.yaml", open(box.path("config", "gengfu.yaml"), encoding="utf-8").read() + "limits: {max_devices: 5000}\n")
    box.cli("reload", check=0)
    sandbox.wait_for(lambda: box.status()["broker"]["connected"], 20, "the broker after a reload")
    os.kill(box.daemon.pid, signal.SIGUSR1)
    broker.publish([lib.probe("p2", 50)])
    t.check(over_https.wait(lambda: len(over_https.latest()) == 2, 10), "the second incident")
    t.equal(box.stop(), 0, "exit code")


def test_unit_is_closed(t):
    if not shutil.which("systemd-analyze"):
        raise lib.Skip("systemd-analyze is not installed (package systemd)")
    told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit_filter.UNIT], capture_output=True, text=True, check=False)
    line = told.stdout.strip().splitlines()[-1:] or [told.stderr]
    t.equal(told.returncode, 0, f"systemd-analyze security: {line[0]}")
    with open(unit_filter.UNIT, encoding="utf-8") as f:
        unit = f.read()
    t.check(not re.search(r"^PrivateUsers=", unit, re.M), "with PrivateUsers= nobody could tell who used the control socket")
    t.check(re.search(r"^LimitCORE=0$", unit, re.M), "the unit would leave core dumps")
