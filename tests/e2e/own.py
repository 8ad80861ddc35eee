# SPDX-License-Identifier: Apache-2.0
"""The daemon's own troubles, made for real: each becomes an incident that reaches the platform, and ends. Half of docs/failures.md is shown here."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from datetime import datetime

import lib
import sandbox
import shim
import unit_filter

SOON = """overrides:
  - {rule: gengfu-broker, for: 1s}
  - {rule: gengfu-platform, for: 1s}
  - {rule: gengfu-rules, for: 1s}
  - {rule: gengfu-disk, for: 1s}
  - {rule: gengfu-clock, for: 1s}
  - {rule: gengfu-store, keep_firing_for: 1s}
  - {rule: gengfu-flood, keep_firing_for: 1s}
"""


def box_with(t, name, soon=SOON, rules=None, **kwargs):
    box, broker, platform = lib.probe_box(t, name, rules=rules, **kwargs)
    box.write("config/rules.d/99-site.yaml", soon)
    return box, broker, platform


def of(platform, rule):
    return [d for d in platform.latest().values() if d["rule"] == rule]


def seen(platform, rule, condition="firing", count=1):
    return platform.wait(lambda: len([d for d in of(platform, rule) if d["condition"] == condition]) >= count, 20)


def from_file(box):
    """What the file platform was sent: the latest of each incident."""
    latest = {}
    try:
        with open(box.path("bench.jsonl"), encoding="utf-8") as f:
            for line in f:
                data = json.loads(line)["data"]
                latest[data["id"]] = data
    except FileNotFoundError:
        pass
    return list(latest.values())


def test_broker_lost(t):
    box, broker, platform = box_with(t, "lost")
    box.start(scale=10)
    broker.stop()
    t.check(seen(platform, "gengfu-broker"), "the platform does not hear that nothing is collected")
    t.equal(box.status()["troubles"][0]["what"], "the broker is not reachable", "first trouble in the status")
    # It is the same incident after a restart, and still one.
    box.stop()
    box.start(scale=10, connected=False)
    time.sleep(1.0)
    t.equal(len(of(platform, "gengfu-broker")), 1, "incidents of one loss, over a restart")
    broker.start()
    t.check(seen(platform, "gengfu-broker", "resolved"), "it does not end when the broker is back")
    t.equal([d["count"] for d in of(platform, "gengfu-broker")], [1], "counts")
    t.equal(platform.violations, [], "violations")


def test_broker_back_before_anybody_hears(t):
    """Back within the span, over a restart of ours in its middle: no incident, and none later."""
    box, broker, platform = box_with(t, "flap", SOON.replace("gengfu-broker, for: 1s", "gengfu-broker, for: 10m"))
    box.start(scale=10)
    broker.stop()
    sandbox.wait_for(lambda: [r for r in box.ask(do="rules") if r["rule"] == "gengfu-broker"][0]["pending"], 10, "the span to begin")
    box.stop()
    broker.start()
    box.start(scale=10)
    sandbox.wait_for(lambda: not [r for r in box.ask(do="rules") if r["rule"] == "gengfu-broker"][0]["pending"], 10, "the span to be given up")
    t.equal(of(platform, "gengfu-broker"), [], "incidents")


def test_platform_away(t):
    box = t.box("away")
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = t.platform(box)
    platform.start_mqtt("127.0.0.1", city.port, "city")
    bench = f"{{platform: bench, type: file, path: {box.path('bench.jsonl')}}}"
    box.configure(broker.port, [box.mqtt_platform(city.port), bench], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES, "99-site.yaml": SOON}, lib.PROBES)
    box.start(scale=10)
    sandbox.wait_for(lambda: box.status()["platforms"][0]["reachable"], 10, "the platform")
    city.stop()

    def told(condition):
        return [d for d in from_file(box) if d["rule"] == "gengfu-platform" and d["condition"] == condition]
    sandbox.wait_for(lambda: told("firing"), 20, "the other platform to hear that the city is away")
    t.check("city" in told("firing")[0]["title"], f"the title does not name the platform: {told('firing')[0]['title']}")
    city.start()
    sandbox.wait_for(lambda: told("resolved"), 30, "the end of it")
    t.check(seen(platform, "gengfu-platform", "resolved"), "the city does not hear of it when it is back")
    t.equal(platform.violations, [], "violations")


BROKEN = "rules:\n  - rule: high\n    on: probe\n    when: event.level >\n    incident: {severity: moderate, title: x}\n"


def test_broken_rules_at_the_start(t):
    """The mains fail while somebody edits: the last good set runs, until a good one is there."""
    box, broker, platform = box_with(t, "edited")
    box.start(scale=10)
    good = box.status()["rules"]["hash"]
    t.equal(box.stop(), 0, "exit code")
    box.write("config/rules.d/20-rules.yaml", BROKEN)
    box.write("config/devices.csv", "device;kind\nnonsense\n")
    with open(unit_filter.UNIT, encoding="utf-8") as f:
        for ignored, command in re.findall(r"^ExecStartPre=(-?)/usr/bin/gengfu (.*)$", f.read(), re.M):
            done = box.cli(*[word.replace("/etc/gengfu", box.config) for word in command.split()])
            t.check(ignored or done.returncode == 0, f"with the unit it would not come to a start: gengfu {command} ends with {done.returncode}")
    broker.publish([lib.probe("p1", 50)])
    box.start(scale=10)
    t.check(platform.wait(lambda: of(platform, "high"), 10), "the last good set does not work")
    t.check(seen(platform, "gengfu-rules"), "nobody hears that the rules are broken")
    trouble = box.status()["troubles"][0]
    t.check("last good set" in trouble["what"] and "devices.csv" in trouble["why"], f"trouble: {trouble}")
    t.check("last good set" in box.log("daemon"), "the log does not say it")
    # Another start, and a reload of what is still broken, change nothing.
    box.stop()
    box.start(scale=10)
    t.equal(box.cli("reload").returncode, 3, "exit code of a reload of the broken set")
    t.check(box.status()["rules"]["fell_back"], "the last good set was given up")
    box.write("config/rules.d/20-rules.yaml", lib.PROBE_RULES)
    box.write("config/devices.csv", lib.PROBES)
    box.cli("reload", check=0)
    t.equal(box.status()["rules"]["hash"], good, "hash of the mended set")
    t.check(seen(platform, "gengfu-rules", "resolved"), "it does not end when the rules are mended")
    t.equal(len(of(platform, "gengfu-rules")), 1, "incidents of one mistake")
    t.check(not box.status()["rules"]["fell_back"], "still said to be the last good set")
    t.equal(platform.violations, [], "violations")


def test_broken_configuration_at_the_start(t):
    """gengfu.yaml says who we are and where the store is: with a broken one nothing can be run, nor with rules that were never good."""
    box, broker, platform = box_with(t, "who")
    box.start()
    box.stop()
    sound = open(box.path("config/gengfu.yaml"), encoding="utf-8").read()
    box.write("config/gengfu.yaml", sound.replace("broker:", "brokr:"))
    daemon = box.start(wait=False)
    t.check(daemon.wait(10) != 0, "it runs with a broken gengfu.yaml")
    t.check("brokr" in box.tail("daemon"), "the log does not say what is broken")
    os.unlink(box.path("config/gengfu.yaml"))
    daemon = box.start(wait=False)
    t.check(daemon.wait(10) != 0 and "who this gateway is" in box.tail("daemon", 3), f"without a gengfu.yaml: {box.tail('daemon', 3)}")
    box.write("config/gengfu.yaml", sound)
    box.start()
    os.unlink(box.path("config/gengfu.yaml"))
    ran = box.cli("reload", "--socket", box.socket)
    t.check(ran.returncode == 3 and "who this gateway is" in ran.stderr, f"a reload without gengfu.yaml: {ran}")
    box.stop()
    box.write("config/gengfu.yaml", sound)
    box.write("config/rules.d/20-rules.yaml", BROKEN)
    os.unlink(box.store)
    daemon = box.start(wait=False)
    t.check(daemon.wait(10) != 0, "it runs with broken rules and no others")
    t.check("no earlier set" in box.tail("daemon") and "20-rules.yaml" in box.tail("daemon"), f"the log: {box.tail('daemon', 3)}")


def test_refused_reload(t):
    box, broker, platform = box_with(t, "refused")
    box.start(scale=10)
    box.write("config/rules.d/30-new.yaml", BROKEN.replace("rule: high", "rule: new"))
    box.daemon.send_signal(signal.SIGHUP)
    t.check(seen(platform, "gengfu-rules"), "nobody hears of it")
    os.unlink(box.path("config/rules.d/30-new.yaml"))
    box.cli("reload", check=0)
    t.check(seen(platform, "gengfu-rules", "resolved"), "it does not end")


# ---- a full disk ----------------------------------------------------------------------------------------------------------------------

def small_disk(t, box, size):
    """A file system of its own for the store."""
    place = box.path("disk")
    os.makedirs(place)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], capture_output=True).returncode != 0:
        raise lib.Skip("cannot mount a tmpfs here")
    t.later(lambda: subprocess.run(["umount", "-l", place], capture_output=True))
    box.store = os.path.join(place, "gengfu.db")
    return place


def fill(path):
    with open(path, "wb") as f:
        block = b"x" * 4096
        try:
            while True:
                f.write(block)
                f.flush()
        except OSError:
            pass
        try:
            f.close()
        except OSError:
            pass


def test_disk_full_is_told(t):
    box, city = t.box("small"), None
    place = small_disk(t, box, "16m")
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = t.platform(box)
    platform.start_mqtt("127.0.0.1", city.port, "city")
    box.configure(broker.port, [box.mqtt_platform(city.port)], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES, "99-site.yaml": SOON}, lib.PROBES,
                  store_extra=", low_space: 0MB")
    box.start()
    t.check(os.path.getsize(box.store + "-reserve") == 4 << 20, "the reserve is not there")
    fill(os.path.join(place, "filler"))
    sent = 0
    end = time.monotonic() + 20
    while not of(platform, "gengfu-store") and time.monotonic() < end:
        broker.publish([lib.probe(f"p{i % 50 + 1}", 50, pad=os.urandom(600).hex()) for i in range(200)])
        sent += 200
        time.sleep(0.3)
    t.check(seen(platform, "gengfu-store"), "the platform does not hear of the full disk while it is full")
    t.check("full" in box.status()["troubles"][0]["what"], f"first trouble: {box.status()['troubles'][:1]}")
    # What comes now waits at the broker; commands are still taken.
    before = box.status()["broker"]["messages"]
    broker.publish([lib.probe("p7", 51) for _ in range(50)])
    time.sleep(1.5)
    t.equal(box.status()["broker"]["messages"], before, "messages read while the disk is full")
    number = of(platform, "gengfu-store")[0]["number"]
    t.check(box.ask(do="command", command={"incident": number, "action": "acknowledge", "by": "test"})[0]["ok"], "a command is refused while the disk is full")
    # Killed and started in this state: nothing changes, nothing is told twice.
    box.kill()
    box.start()
    time.sleep(1.2)
    t.check(box.status()["store"]["full"], "forgot that the disk is full")
    os.unlink(os.path.join(place, "filler"))
    t.check(seen(platform, "gengfu-store", "resolved"), "it does not end when there is room")
    sandbox.wait_for(lambda: sum(i["count"] for i in box.ask(do="incidents", rule="high")) >= sent + 50, 20, "every message's effect")
    t.equal(sum(i["count"] for i in box.ask(do="incidents", rule="high")), sent + 50, "messages counted")
    t.check(os.path.getsize(box.store + "-reserve") == 4 << 20, "the reserve was not taken again")
    t.equal(len(of(platform, "gengfu-store")), 1, "incidents of one full disk")
    t.equal(box.status()["troubles"], [], "troubles when it is over")
    t.equal(platform.violations, [], "violations")


def test_disk_full_without_acknowledgements(t):
    """Messages at QoS 0 are held back by no acknowledgement: the room that the reserve left is not for them either."""
    box = t.box("small0")
    place = small_disk(t, box, "16m")
    broker = sandbox.Broker(box).start()
    box.configure(broker.port, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, store_extra=", low_space: 0MB")
    box.start()
    box.stop()
    filler = os.path.join(place, "filler")
    os.unlink(box.store + "-reserve")
    fill(filler)
    os.truncate(filler, os.path.getsize(filler) - (2 << 20))
    box.start()
    t.check(box.status()["store"]["full"], "it does not see that there is no room for the reserve")
    for i in range(8):
        broker.publish([lib.probe("p1", i)], qos=0)
        time.sleep(0.1)
    got = box.status()["broker"]["qos0"]
    t.check(got < 4, f"{got} of 8 messages were read while the disk is full")
    os.unlink(filler)
    sandbox.wait_for(lambda: not box.status()["store"]["full"], 10, "room")
    broker.publish([lib.probe("p2", 50)], qos=0)
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] == 1, 10, "the watch to go on")


def test_low_space(t):
    box = t.box("low")
    place = small_disk(t, box, "16m")
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = t.platform(box)
    platform.start_mqtt("127.0.0.1", city.port, "city")
    box.configure(broker.port, [box.mqtt_platform(city.port)], {"10-probe.yaml": lib.PROBE_SOURCE, "99-site.yaml": SOON}, lib.PROBES, store_extra=", low_space: 6MB")
    box.start(scale=60)
    with open(os.path.join(place, "filler"), "wb") as f:
        f.write(b"x" * (7 << 20))
    t.check(seen(platform, "gengfu-disk"), "nobody hears that room is low")
    os.unlink(os.path.join(place, "filler"))
    t.check(seen(platform, "gengfu-disk", "resolved"), "it does not end")


# ---- floods and the like ----------------------------------------------------------------------------------------------------------------

def test_flood(t):
    """One device as fast as it goes beside fifty ordinary ones: these are heard at once and whole, the loud one's last word is what stands."""
    box, broker, platform = box_with(t, "flood", limits="device_rate: 4, device_burst: 100")
    box.start(scale=5)
    loud = 8000
    broker.publish([lib.probe("loud", 7, seq=n) for n in range(loud // 2)])
    broker.publish([lib.probe(f"p{i}", 50) for i in range(1, 51)])
    t.check(platform.wait(lambda: len(of(platform, "high")) == 50, 10), f"{len(of(platform, 'high'))} of 50 neighbours were heard")
    broker.publish([lib.probe("loud", 7, seq=n) for n in range(loud // 2, loud)] + [lib.probe("loud", 20, seq=loud)])
    t.check(seen(platform, "gengfu-flood"), "nobody hears of the flood")
    t.check("loud" in of(platform, "gengfu-flood")[0]["title"], "the title does not name the device")
    sandbox.wait_for(lambda: box.ask(do="devices", device="loud")[0]["fields"].get("seq") == loud, 10, "the loud one's last word")
    t.check(platform.wait(lambda: len(of(platform, "high")) == 51, 10), "the loud one's last word raised nothing")
    row = box.ask(do="devices", device="loud")[0]
    t.equal(row["events"] + row["thinned"], loud + 1, "events heard and thinned of the loud one")
    t.check(row["thinned"] > loud // 2, f"thinned {row['thinned']}")
    t.check(any("more than they may" in x["what"] for x in box.status()["troubles"]), "status does not name the flood")
    t.check(seen(platform, "gengfu-flood", "resolved"), "the flood does not end")
    t.equal(box.ask(do="devices", device="p1")[0]["thinned"], 0, "thinned of a neighbour")
    t.equal(platform.violations, [], "violations")


NEWS = """sources:
  - source: news
    topic: news/{device}
    events:
      - {kind: news, fields: {text: payload.text}, emit: {on_change: [text]}}
"""


def test_flood_and_kill(t):
    """Killed while the last word waits in the limiter: it was acknowledged, so the next run has it, and its source knows that it has been told."""
    # Each reading is a transaction of its own: what status counts has been acknowledged when we hear of it.
    box, broker, platform = box_with(t, "drown", limits="device_rate: 1, device_burst: 10", broker_extra=", commit_wait: 0s")
    box.write("config/rules.d/15-news.yaml", NEWS)
    box.start()
    broker.publish([lib.probe("loud", 7, seq=n) for n in range(200)] + [lib.probe("loud", 20, seq=200)])
    broker.publish([("news/herald", json.dumps({"text": f"news {n}"})) for n in range(300)])
    sandbox.wait_for(lambda: box.status()["thinned"] > 200 and box.status()["broker"]["messages"] == 501, 10, "the flood")
    time.sleep(0.2)
    box.kill()
    box.start()
    broker.publish([("news/herald", json.dumps({"text": "news 299"}))])
    sandbox.wait_for(lambda: box.ask(do="devices", device="loud")[0]["fields"].get("seq") == 200, 10, "the last word of the run before")
    t.check(platform.wait(lambda: of(platform, "high"), 10), "it raised nothing")
    sandbox.wait_for(lambda: box.status()["broker"]["messages"] == 1, 10, "the message after the kill")
    row = [row for row in box.ask(do="sources") if row["source"] == "news"][0]
    t.equal((row["messages"], row["events"], row["nothing"]), (1, 0, 1), "messages, events and repeats of what waited and was told again")


def test_not_understood(t):
    box, broker, platform = box_with(t, "odd")
    box.start(scale=200)
    broker.publish([("probe/p1", "{nonsense") for _ in range(300)])
    t.check(seen(platform, "gengfu-messages"), "nobody hears that messages are not understood")
    t.check(seen(platform, "gengfu-messages", "resolved"), "it does not end")


ERRS = """rules:
  - rule: errs
    on: probe
    when: event.level / event.seq > 10
    clear: auto
    incident: {severity: minor, title: x}
"""


def test_rule_errs_all_the_time(t):
    box, broker, platform = box_with(t, "errs", rules=ERRS, limits="device_rate: 0")
    box.start(scale=200)
    broker.publish([lib.probe("p1", 50) for _ in range(150)])
    t.check(seen(platform, "gengfu-rule"), "nobody hears of it")
    t.check("errs" in of(platform, "gengfu-rule")[0]["title"] and "zero" in of(platform, "gengfu-rule")[0]["text"], f"{of(platform, 'gengfu-rule')[0]}")
    t.check(seen(platform, "gengfu-rule", "resolved"), "it does not end")


def test_outbox_gives_way(t):
    box, broker, platform = box_with(t, "shed", store_extra=", outbox_max_bytes: 64KB", limits="device_rate: 0")
    box.start(scale=600)
    time.sleep(0.5)
    platform.control({"city": "deaf"})
    for _ in range(6):
        broker.publish([lib.probe(f"p{i}", 50) for i in range(1, 51)] + [lib.probe(f"p{i}", 1) for i in range(1, 51)])
        time.sleep(0.2)
    sandbox.wait_for(lambda: box.ask(do="incidents", rule="gengfu-outbox"), 30, "the incident of the messages that gave way")
    platform.control({"city": "ok"})
    t.check(platform.wait(lambda: of(platform, "gengfu-outbox"), 30), "the platform does not hear that messages gave way")
    t.check(platform.wait(lambda: of(platform, "gengfu-outbox")[0]["condition"] == "resolved", 30), "it does not end an hour after the last")


# ---- the clock ------------------------------------------------------------------------------------------------------------------------

HELD = """rules:
  - rule: high
    on: probe
    when: event.level > 10
    clear: event.level < 5
    incident: {severity: moderate, title: "${device.id} 过高", due: {acknowledge: 30m}}
  - rule: held
    on: probe
    when: event.level > 40
    for: 4s
    clear: event.level < 5
    incident: {severity: moderate, title: "${device.id} 持续", text: "${duration(now - since)}"}
"""


def wall_of(t, box):
    """The wall clock of the daemon alone, moved by a library that is preloaded into it."""
    wall = shim.Shim(box, t.build)
    if not os.path.exists(wall.library):
        raise lib.Skip("make torture-programs")
    return wall


def seconds_off(n):
    return int(n * 1000000)


def stamp(text):
    return datetime.fromisoformat(text).timestamp()


def journal(box):
    db = sqlite3.connect(f"file:{box.store}?mode=ro", uri=True)
    rows = [row[0] / 1000 for row in db.execute("SELECT arrived FROM journal ORDER BY id")]
    db.close()
    return rows


def four_seconds(text):
    """Two clocks that are read one after the other do not agree to the millisecond."""
    return text.startswith("3秒99") or text.startswith("4秒")


def test_clock_comes_late(t):
    """A box without RTC starts in 1970; the time comes after a while. Spans do not notice, stamps are put right, the platform is told."""
    box, broker, platform = box_with(t, "rtc", rules=HELD)
    wall = wall_of(t, box)
    wall.set(clock_offset=seconds_off(600 - time.time()))
    box.start(env=wall.environment())
    begun, now = time.monotonic(), time.time()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: of(platform, "high"), 10), "no incident in 1970")
    first = of(platform, "high")[0]
    t.equal(first["time_quality"], "unsynced", "quality of its stamps")
    t.check(first["times"]["raised"].startswith("1970-"), f"raised {first['times']['raised']}")
    t.check("clock" in box.status()["troubles"][0]["what"], "status does not name the clock")
    wall.set(clock_offset=seconds_off(0))
    broker.publish([lib.probe("p2", 1)])
    t.check(platform.wait(lambda: of(platform, "high")[0]["time_quality"] == "corrected", 10), "its stamps were not put right")
    right = of(platform, "high")[0]
    t.check(abs(stamp(right["times"]["raised"]) - now) < 5, f"raised {right['times']['raised']}")
    t.check(abs(stamp(right["due"]["acknowledge"]) - now - 1800) < 5, f"due {right['due']}")
    t.check(all(abs(stamp(h["at"]) - now) < 10 for h in right["history"]), f"history {right['history']}")
    t.equal((right["revision"], right["number"]), (2, first["number"]), "revision and number")
    t.check(all(abs(row - now) < 10 for row in journal(box)), f"the journal's rows: {journal(box)}")
    t.check(platform.wait(lambda: of(platform, "held"), 10), "the hold was lost over the leap")
    t.check(3.5 < time.monotonic() - begun < 7, f"the hold of four seconds took {time.monotonic() - begun:.1f}")
    t.check(four_seconds(of(platform, "held")[0]["text"]), f"how long it held: {of(platform, 'held')[0]['text']}")
    t.equal(box.status()["troubles"], [], "troubles when the time has come")
    # It is still so after a restart.
    box.stop()
    box.start(env=wall.environment())
    broker.publish([lib.probe("p1", 1)])
    t.check(platform.wait(lambda: of(platform, "high")[0]["condition"] == "resolved", 10), "it was not resolved")
    t.equal(of(platform, "high")[0]["time_quality"], "corrected", "quality after a restart")
    t.equal(platform.violations, [], "violations")


def test_clock_is_set_back_and_forward(t):
    """An hour back, then a year forward: a hold of four seconds takes four seconds, and says so."""
    box, broker, platform = box_with(t, "leaps", rules=HELD)
    wall = wall_of(t, box)
    box.start(env=wall.environment())
    for n, seconds in enumerate((-3600, 365 * 86400)):
        begun = time.monotonic()
        broker.publish([lib.probe(f"p{n + 1}", 50)])
        time.sleep(0.5)
        wall.set(clock_offset=seconds_off(seconds))
        broker.publish([lib.probe("p9", 1)])
        t.check(platform.wait(lambda: len(of(platform, "held")) == n + 1, 10), f"{seconds}: the hold was lost")
        t.check(3.5 < time.monotonic() - begun < 7, f"{seconds}: the hold of four seconds took {time.monotonic() - begun:.1f}")
        last = [d for d in of(platform, "held") if d["device"] == f"p{n + 1}"][0]
        t.check(four_seconds(last["text"]), f"{seconds}: how long it held: {last['text']}")
    t.check(re.search("clock: set back by (1h|59m59s)", box.log("daemon")), "the log does not tell that the clock was set")  # by a millisecond
    t.equal(platform.violations, [], "violations")


def test_nobody_vouches_for_the_clock(t):
    """clock: ntp, on a machine whose kernel was told nothing."""
    import ctypes
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256)) != 5:
        raise lib.Skip("this machine's clock is synchronised")
    box, broker, platform = box_with(t, "ntp", clock="ntp")
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: of(platform, "high"), 10), "no incident")
    t.equal(of(platform, "high")[0]["time_quality"], "unsynced", "quality of its stamps")
    t.check(seen(platform, "gengfu-clock"), "nobody hears that nothing vouches for the clock")
