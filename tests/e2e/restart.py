# SPDX-License-Identifier: Apache-2.0
"""Going away and coming back: the daemon, the broker, the rule set."""
import os
import signal
import time

import lib
import sandbox

HOLD = """rules:
  - rule: held
    about: The level is above ten for so long.
    on: probe
    when: event.level > 10
    for: 6s
    clear: event.level < 5
    on_downtime: count
    incident: {severity: severe, title: "${device.id} 持续过高"}
"""
ANOTHER = """rules:
  - rule: another
    about: Comes with a reload.
    on: probe
    when: event.level > 1000
    clear: event.level < 5
    incident: {severity: minor, title: "${device.id} 另一条"}
"""


def opened(platform, rule):
    return [d for d in platform.latest().values() if d["rule"] == rule]


def test_hold_survives_a_restart(t):
    box, broker, platform = lib.probe_box(t, "restart", rules=HOLD)
    box.start()
    begun = time.monotonic()
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.ask(do="rules")[0]["pending"] == 1, 5, "the hold to begin")
    time.sleep(1.5)
    t.equal(box.stop(), 0, "exit code after SIGTERM")
    t.check(not os.path.exists(box.socket), "the socket is left behind")
    time.sleep(1)
    box.start()
    t.equal(box.ask(do="rules")[0]["pending"], 1, "pending holds after the restart")
    t.check(platform.wait(lambda: opened(platform, "held"), 10), "the hold did not end in an incident")
    took = time.monotonic() - begun
    t.check(5.5 < took < 8.5, f"the incident came after {took:.1f} s, wanted about 6")
    # It is open over the next restart too, and ends by an event then.
    box.stop()
    box.start()
    t.equal(box.status()["incidents"]["open"], 1, "open incidents after the second restart")
    broker.publish([lib.probe("p1", 1)])
    t.check(platform.wait(lambda: opened(platform, "held")[0]["condition"] == "resolved", 10), "it was not resolved after the restart")
    t.equal(len(platform.latest()), 1, "incidents")
    t.equal(platform.violations, [], "violations")


def test_messages_wait_for_us(t):
    box, broker, platform = lib.probe_box(t, "away")
    box.start()
    t.equal(box.stop(), 0, "exit code")
    broker.publish([lib.probe(f"p{i}", 20) for i in range(1, 51)])
    box.start()
    t.check(platform.wait(lambda: len(platform.latest()) == 50, 20), f"{len(platform.latest())} of 50 incidents from what the broker kept for us")


def test_broker_restarts(t):
    box, broker, platform = lib.probe_box(t, "broker")
    box.start()
    broker.publish([lib.probe("p1", 20)])
    t.check(platform.wait(lambda: len(platform.latest()) == 1, 10), "no incident before")
    broker.stop()
    sandbox.wait_for(lambda: not box.status()["broker"]["connected"], 10, "the daemon to see that the broker is gone")
    t.check(any("broker" in trouble["what"] for trouble in box.status()["troubles"]), "status does not name the trouble")
    t.equal(box.cli("status").returncode, 1, "exit code of status with a trouble")
    broker.start()
    broker.publish([lib.probe("p2", 20)])
    t.check(platform.wait(lambda: len(platform.latest()) == 2, 40), "no incident after the broker came back")
    t.check(box.status()["broker"]["connected"], "not connected again")


def test_platform_broker_restarts(t):
    box, broker, platform = lib.probe_box(t, "cityaway")
    box.start()
    platform.control({"city": "deaf"})
    broker.publish([lib.probe("p1", 20), lib.probe("p2", 20)])
    time.sleep(1.0)
    t.check(box.status()["outbox"]["waiting"] >= 2, "messages without a receipt left the outbox")
    platform.control({"city": "ok"})
    t.check(platform.wait(lambda: len(platform.latest()) == 2, 30), "not sent again after the receipts came back")
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 15, "an empty outbox")


def test_reload(t):
    box, broker, platform = lib.probe_box(t, "reload", rules=HOLD)
    box.start()
    before = box.status()["rules"]
    begun = time.monotonic()
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.ask(do="rules")[0]["pending"] == 1, 5, "the hold to begin")

    # A broken set changes nothing and says why.
    box.write("config/rules.d/30-broken.yaml", "rules:\n  - rule: broken\n    on: probe\n    when: event.levell >\n    incident: {severity: huge, title: x}\n")
    done = box.cli("reload")
    t.equal(done.returncode, 3, "exit code of a refused reload")
    t.check("30-broken.yaml:" in done.stdout + done.stderr, f"the refusal names no place: {done.stdout}{done.stderr}")
    t.equal(box.status()["rules"]["hash"], before["hash"], "hash of the rules in force")
    box.daemon.send_signal(signal.SIGHUP)
    sandbox.wait_for(lambda: any("reload" in trouble["what"] for trouble in box.status()["troubles"]), 5, "the refused reload in the status")
    t.equal(box.status()["rules"]["hash"], before["hash"], "hash after SIGHUP with a broken set")

    # A good set with another rule; the hold of the untouched one goes on.
    time.sleep(max(0, 2.5 - (time.monotonic() - begun)))
    box.write("config/rules.d/30-broken.yaml", ANOTHER)
    os.rename(box.path("config/rules.d/30-broken.yaml"), box.path("config/rules.d/30-another.yaml"))
    box.cli("reload", check=0)
    rules = {r["rule"]: r for r in box.ask(do="rules")}
    t.equal(sorted(name for name, r in rules.items() if not r["builtin"]), ["another", "held"], "rules in force")
    t.equal(rules["held"]["pending"], 1, "pending holds after the reload")
    t.check(not box.status()["troubles"], f"troubles after a good reload: {box.status()['troubles']}")
    t.check(platform.wait(lambda: opened(platform, "held"), 10), "the hold did not end in an incident")
    took = time.monotonic() - begun
    t.check(5.5 < took < 8.0, f"the incident came after {took:.1f} s, wanted about 6: the hold began anew")
    broker.publish([lib.probe("p2", 2000)])
    t.check(platform.wait(lambda: opened(platform, "another"), 10), "the new rule does not work")

    # SIGHUP does the same; a rule that is gone ends its incidents.
    os.unlink(box.path("config/rules.d/30-another.yaml"))
    box.daemon.send_signal(signal.SIGHUP)
    t.check(platform.wait(lambda: opened(platform, "another")[0]["condition"] == "resolved", 10), "the incident of a rule that is gone was not resolved")
    t.equal(platform.violations, [], "violations")


def test_many_reloads_at_once(t):
    """A script in a loop: one reload for what came meanwhile, and the loop turns between two."""
    import sqlite3
    box, _, _ = lib.probe_box(t, "storm", platforms=False)

    def reloads():
        with sqlite3.connect(f"file:{box.store}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM audit WHERE what = 'reload'").fetchone()[0]
    box.start()
    for _ in range(300):
        box.daemon.send_signal(signal.SIGHUP)
        time.sleep(0.0001)
    before = reloads()
    box.write("config/rules.d/20-rules.yaml", lib.PROBE_RULES.replace("rule: high", "rule: higher"))
    box.daemon.send_signal(signal.SIGHUP)
    sandbox.wait_for(lambda: box.ask(do="rules")[0]["rule"] == "higher", 10, "the last of them")
    t.check(reloads() - before < 30, f"{reloads() - before} reloads after the last signals")


def test_reload_changes_sources(t):
    box, broker, platform = lib.probe_box(t, "sources")
    box.start()
    broker.publish([("other/p7", '{"level": 50}')])
    box.write("config/rules.d/11-other.yaml", lib.PROBE_SOURCE.replace("source: probe", "source: other").replace("probe/{device}", "other/{device}"))
    box.cli("reload", check=0)
    time.sleep(0.5)
    broker.publish([("other/p7", '{"level": 50}')])
    t.check(platform.wait(lambda: opened(platform, "high"), 10), "a source that came with a reload is not subscribed")


def test_reload_that_cannot_open_a_platform(t):
    """The broker is listened to all the same, it is said and tried again, and SIGTERM still ends it."""
    box, broker, platform = lib.probe_box(t, "reopen")
    lacking, secret = box.path("lacking/libcurl.so.4"), box.secret()[0]
    with open(box.path("config/gengfu.yaml"), encoding="utf-8") as f:
        before = f.read()

    def reload_in_vain():
        box.write("lacking/libcurl.so.4", "no library\n")
        box.write("config/gengfu.yaml", before)
        box.start(scale=30, env={"LD_LIBRARY_PATH": os.path.dirname(lacking)})
        box.write("config/gengfu.yaml", before + f"  - {{platform: district, type: https, url: 'https://localhost:{sandbox.free_port()}/', secret_file: {secret}}}\n")
        box.cli("reload", check=0)
        return sandbox.wait_for(lambda: [x["why"] for x in box.status()["troubles"] if "could not be opened" in x["what"]], 10, "the trouble in the status")[0]
    said = reload_in_vain()
    t.check("libcurl" in said, f"why: {said}")
    t.equal(box.stop(), 0, "exit code after SIGTERM without platforms")
    reload_in_vain()
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] == 1, 10, "an incident while the platforms cannot be opened")
    os.remove(lacking)
    t.check(platform.wait(lambda: opened(platform, "high"), 20), "nothing is sent once the platforms can be opened")
    t.check(not [x for x in box.status()["troubles"] if "could not be opened" in x["what"]], "the trouble does not end")


def tear(box, table):
    """Overwrites the first page of a table."""
    import sqlite3
    db = sqlite3.connect(box.store)
    size = db.execute("PRAGMA page_size").fetchone()[0]
    page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    db.close()
    with open(box.store, "r+b") as f:
        f.seek((page - 1) * size)
        f.write(b"\xff" * size)


def damaged(box):
    return [name for name in os.listdir(box.dir) if ".damaged-" in name and not name.endswith(("-wal", "-shm"))]


def box_with_damage(t, name):
    """One that raised an incident and was stopped, and then a page that every start reads is torn."""
    box, broker, platform = lib.probe_box(t, name)
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: opened(platform, "high"), 10), "no incident to begin with")
    t.equal(box.stop(), 0, "exit code after SIGTERM")
    tear(box, "state")
    return box, broker, platform


def test_damaged_store_is_set_aside_and_salvaged(t):
    """A page that the start reads is torn: the file is kept under another name, and what stands on other pages goes on."""
    box, broker, platform = box_with_damage(t, "damaged")
    box.start()
    t.equal(len(damaged(box)), 1, "damaged files that are kept")
    t.check("taken over from" in box.log("daemon"), "the log does not say what was taken over")
    open_ones = {i["rule"]: i for i in box.ask(do="incidents", open=True)}
    t.equal(sorted(open_ones), ["gengfu-damage", "high"], "open incidents: the one that was taken over, and our own")
    t.check(damaged(box)[0] in open_ones["gengfu-damage"]["text"], f"the incident does not name the file: {open_ones['gengfu-damage']['text']}")
    t.check(platform.wait(lambda: opened(platform, "gengfu-damage"), 10), "the platform does not hear of the damage")
    broker.publish([lib.probe("p2", 50)])
    t.check(platform.wait(lambda: any(d["device"] == "p2" for d in opened(platform, "high")), 10), "nothing is raised after the damage")


def test_killed_in_the_middle_of_a_salvage(t):
    """The mains fail again while the first start after the damage takes over what is left: the next start does it, and tells it once."""
    box, broker, platform = box_with_damage(t, "twice-cut")
    box.start(wait=False, fault="store.salvage=kill")
    t.equal(box.daemon.wait(10), -9, "exit code of the start that was killed")
    box.start()
    t.equal(len(damaged(box)), 1, "damaged files that are kept")
    t.equal(sorted(i["rule"] for i in box.ask(do="incidents", open=True)), ["gengfu-damage", "high"], "open incidents")
    t.equal(box.stop(), 0, "exit code after SIGTERM")
    box.start()
    t.equal(len([i for i in box.ask(do="incidents") if i["rule"] == "gengfu-damage"]), 1, "incidents of one damage, after another start")
    t.equal(platform.violations, [], "violations")


def test_damage_met_at_work_loses_no_message(t):
    """A page that only a new incident needs is torn: the daemon ends without acknowledging, and the next start raises it."""
    box, broker, platform = lib.probe_box(t, "torn")
    box.start()
    t.equal(box.stop(), 0, "exit code after SIGTERM")
    tear(box, "revision")
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.equal(box.daemon.wait(10), 3, "exit code when the damage was met")
    t.equal(len(damaged(box)), 1, "damaged files that are kept")
    box.start()
    t.check(platform.wait(lambda: opened(platform, "high"), 10), "the message that met the damage was lost")
    t.check(platform.wait(lambda: opened(platform, "gengfu-damage"), 10), "the platform does not hear of the damage")
    box.stop()
    box.start()
    t.equal(len([i for i in box.ask(do="incidents") if i["rule"] == "gengfu-damage"]), 1, "incidents of one damage, after another start")
    t.equal(platform.violations, [], "violations")


def test_damage_met_beside_the_way_of_a_message(t):
    """Pages that only the sending to a platform, or the upkeep, comes by: neither may try in vain for ever."""
    for table, name in (("published", "sending"), ("answer", "upkeep")):
        box, broker, platform = lib.probe_box(t, name)
        box.start()
        t.equal(box.stop(), 0, "exit code after SIGTERM")
        tear(box, table)
        box.start(scale=60)  # the upkeep comes twice a second
        broker.publish([lib.probe("p1", 50)])
        t.equal(box.daemon.wait(10), 3, f"exit code when the {name} met the damage")
        t.equal(len(damaged(box)), 1, "damaged files that are kept")
        box.start()
        t.check(platform.wait(lambda: opened(platform, "high") and opened(platform, "gengfu-damage"), 10), "the platform does not hear of the damage, and of what was before")
        sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 10, "the outbox to be empty")


def test_closed_incident_can_be_evaluated_after_a_restart(t):
    box, broker, platform = lib.probe_box(t, "evaluate")
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: opened(platform, "high"), 10), "no incident")
    number = opened(platform, "high")[0]["number"]
    box.ask(do="command", command={"incident": number, "action": "close", "disposition": "real"})
    box.stop()
    box.start()
    answer = box.ask(do="command", command={"incident": number, "action": "evaluate", "rating": 4})[0]
    t.check(answer.get("ok"), f"the evaluation was refused: {answer}")
    t.check(platform.wait(lambda: opened(platform, "high")[0].get("rating") == 4, 10), "the platform does not know of the evaluation")
    box.ask(do="command", command={"incident": number, "action": "reopen"})
    t.equal(box.ask(do="show", incident=number)[0]["handling"], "new", "handling after reopen")
    t.equal(platform.violations, [], "violations")


STATES = """sources:
  - source: door
    topic: door/{device}
    events:
      - kind: door
        fields: {open: payload.open, battery: payload.?battery}
        emit: {on_change: [open]}
  - source: car
    topic: car/{device}
    events:
      - {kind: car, fields: {plate: payload.plate}, dedupe: {key: payload.plate, within: 1h}}
"""


def source_counts(box, name):
    row = next(s for s in box.ask(do="sources") if s.get("source") == name)
    return row["events"], row["nothing"]


def test_retained_state_is_told_once(t):
    """What `on_change` and `dedupe` remember survives a stop and a kill -9: retained states that come again, and a car that is read again, make no second event."""
    box = t.box("memory")
    broker = sandbox.Broker(box).start()
    box.configure(broker.port, [], {"10-states.yaml": STATES, "20-probe.yaml": lib.PROBE_SOURCE, "30-rules.yaml": lib.PROBE_RULES}, lib.PROBES,
                  broker_extra=", protocol: 4")  # 3.1.1, which hands retained messages over at every subscription
    box.start()
    broker.publish([(f"door/p{i}", '{"open": false, "battery": 90}', True) for i in range(1, 9)] + [("car/p9", '{"plate": "浙A12345"}')])
    sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] == 9, 10, "the first events to be durable")
    for how in ("kill", "stop", "kill"):
        (box.kill if how == "kill" else box.stop)()
        box.start()
        broker.publish([("car/p9", '{"plate": "浙A12345"}')])
        sandbox.wait_for(lambda: sum(source_counts(box, "door")) >= 8 and sum(source_counts(box, "car")) >= 1, 10, "what comes again")
        t.equal(source_counts(box, "door")[0], 0, f"events of the doors after a {how}")
        t.equal(source_counts(box, "car")[0], 0, f"events of the car after a {how}")
    # A change is told, and only that one; a source that was changed while gengfu was stopped has forgotten.
    broker.publish([("door/p1", '{"open": true, "battery": 90}', True)])
    sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] == 10, 10, "the door that opens")
    t.equal(source_counts(box, "door")[0], 1, "events of the doors when one opens")
    box.kill()
    box.write("config/rules.d/10-states.yaml", STATES.replace("battery: payload.?battery}", "battery: payload.?battery, seen: true}"))
    for events in (8, 0):
        rows = box.status()["store"]["journal_rows"] if events == 0 else 10
        if events == 0:
            box.kill()
        box.start()
        sandbox.wait_for(lambda: sum(source_counts(box, "door")) >= 8, 10, "the retained states")
        t.equal(source_counts(box, "door")[0], events, "events of the doors, of the source that was changed")
        sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] == rows + events, 10, "them to be durable")


def subscribed(box):
    import json
    import sqlite3
    with sqlite3.connect(f"file:{box.store}?mode=ro", uri=True) as db:
        row = db.execute("SELECT body FROM state WHERE rule = '/subscribed'").fetchone()
    return sorted(json.loads(row[0])["filters"]) if row else None


def test_broker_forgets_us(t):
    """A broker without its memory numbers anew: what was acknowledged before must not make a new message look like one that comes again, and the loss is said."""
    box, broker, _ = lib.probe_box(t, "forgot", platforms=False)

    def heard(n):
        sandbox.wait_for(lambda: box.status()["events"] == n, 10, f"{n} events")
    box.start()
    t.equal(box.status()["broker"]["sessions_lost"], 0, "sessions that were lost")
    broker.publish([lib.probe("p1", 1)])  # the first of its session, and always the same
    heard(1)
    box.stop()
    broker.stop()
    os.remove(os.path.join(broker.dir, "mosquitto.db"))
    broker.start()
    box.start()
    t.equal(box.status()["broker"]["sessions_lost"], 1, "sessions that were lost")
    t.check("no session of ours any more" in box.log("daemon"), "the log does not say that the session was lost")
    box.kill()
    broker.publish([lib.probe("p1", 1)])
    box.start()
    heard(1)
    t.equal(box.status()["broker"]["duplicates"], 0, "messages that were taken for repetitions")


def test_sources_removed_while_stopped(t):
    """A source that was taken out while gengfu was stopped leaves no subscription in the broker's session: its messages do not come any more."""
    box, broker, _ = lib.probe_box(t, "leave", platforms=False)
    box.write("config/rules.d/10-states.yaml", STATES)
    box.start()
    broker.publish([("door/p1", '{"open": true}')])
    sandbox.wait_for(lambda: box.status()["store"]["journal_rows"] == 1, 10, "the door")
    t.equal(subscribed(box), ["car/+", "door/+", "probe/+"], "filters of the session")
    box.kill()
    os.remove(box.path("config", "rules.d", "10-states.yaml"))
    broker.publish([("door/p1", '{"open": false}')])  # the session still has it
    box.start()

    def settled():
        broker.publish([lib.probe("p1", 1)])  # any commit writes what the broker has confirmed
        return subscribed(box) == ["probe/+"]
    sandbox.wait_for(settled, 10, "the old filters to go", every=0.2)
    before = box.status()["messages"]["unmatched"]
    t.check(before <= 2, f"{before} messages of the removed sources, wanted at most the one that waited, and one that was not acknowledged")
    broker.publish([("door/p2", '{"open": true}'), ("car/p3", '{"plate": "x"}'), lib.probe("p2", 50)])
    sandbox.wait_for(lambda: any(i["device"] == "p2" for i in box.ask(do="incidents")), 10, "the incident behind them")
    t.equal(box.status()["messages"]["unmatched"], before, "messages that no source takes")
    box.stop()
    box.start()  # nothing is left to be given back
    t.equal(subscribed(box), ["probe/+"], "filters of the session after another start")
