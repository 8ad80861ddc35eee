# SPDX-License-Identifier: Apache-2.0
"""The demo's story, known by heart: which incidents it must make, when, how severe, and how they end; and that there are no others. The turns themselves
stand in src/sim/story.c. One platform (over MQTT) is there all the time; the other (over HTTPS) is away for a while in the middle."""
import os
import shutil
import time
from datetime import datetime

import lib
import sandbox

SCALE = 100
AWAY = (20, 45)  # minutes of the story in which the second platform does not answer
SLACK = 100      # seconds of neighbourhood time: one second of ours, for a machine that has other things to do

DESK = [
    {"rule": "sos", "by": "card-042", "on": "opened", "after": 0.3, "action": "acknowledge"},
    {"rule": "sos", "by": "card-042", "on": "updated", "handling": "acknowledged", "after": 0.3, "action": "dispatch", "ticket": "LX-2026-0117"},
    {"rule": "sos", "by": "card-042", "on": "updated", "handling": "dispatched", "after": 0.5, "action": "handle", "note": "网格员已上门，老人平安"},
    {"rule": "sos", "by": "card-042", "on": "updated", "handling": "handled", "after": 0.3, "action": "close", "disposition": "real"},
    {"rule": "sos", "by": "card-042", "on": "closed", "after": 0.3, "action": "evaluate", "rating": 5},
]

# rule, device (or key), severity, raised at, resolved at (None: still firing at the end), least count.  Times are minutes after 20:00.
TOLD = [
    ("sos", "card-042", "extreme", 6.0, "closed", 1),
    ("card-battery-low", "card-019", "minor", 9.0, 55.5, 2),
    ("lamp-battery-low", "lamp-1-07", "minor", 10.0, None, 1),
    ("lamp-out", "lamp-2-04", "minor", 13.0, 41.0, 2),
    ("fire-lane-blocked", "cam-lane-03", "severe", 13.34, 27.0, 1),
    ("lift-trapped", "lift-3-1", "extreme", 14.0, 38.0, 10),
    ("parking-full", "park-lake", "moderate", 16.0, 50.34, 10),
    ("lamp-charge-fault", "lamp-3-05", "minor", 20.0, 54.0, 2),
    ("barrier-stuck", "barrier-west-out", "moderate", 27.0, 44.0, 5),
    ("camera-offline", "cam-street-07", "minor", 28.0, 55.0, 1),
    ("door-forced", "door-4-2", "severe", 29.0, 59.0, 1),
    ("lift-light-out", "lift-5-2", "minor", 30.0, 57.0, 10),
    ("feeder-dark", "F6", "severe", 30.4, 55.0, 1),
    ("camera-blind", "cam-street-17", "moderate", 32.0, 53.0, 1),
    ("sos", "sos-05", "extreme", 33.0, None, 1),
    ("lamp-silent", "lamp-4-02", "minor", 35.0, 56.0, 1),
    ("access-guessing", "lock-2-1", "moderate", 37.42, None, 1),
    ("door-held", "contact-1-2", "minor", 40.07, 52.0, 1),
    ("ebike-indoors", "cam-lift-2-1", "moderate", 40.0, None, 1),
    ("ebike-indoors", "cam-stair-6-1", "moderate", 42.0, None, 1),
    ("elder-quiet", "card-087", "severe", 47.0, 58.34, 1),
    ("ebike-fire", "6幢1单元", "extreme", 49.0, None, 1),
]
# Either way is right: it is told before the greater incident takes it in, or not at all, depending on which rule comes first.
PERHAPS_TOLD = [("smoke", "smoke-6-1", "severe", 49.0, 58.0, 1)]
# The gateway's own trouble with the platform that is away: when it is noticed and when it is over depends on when something was to be sent, and on the back-off.
OWN = "gengfu-platform"
# Known to the gateway, kept from the platforms by a greater one.
KEPT = [("lift-fault", "lift-3-1", "moderate", 13.0, 38.0, 10)] + [(f"lamp-out", f"lamp-6-{n:02d}", "minor", 30.0 + n * 0.1, 50.0, 2) for n in range(1, 10)]

START = datetime.fromisoformat(sandbox.STORY_START).timestamp()


def minute(text):
    return (datetime.fromisoformat(text).timestamp() - START) / 60


def play(t):
    """Runs the story once for all tests of this file."""
    if "story" in t.shared:
        if isinstance(t.shared["story"], Exception):
            raise lib.Skip("the story could not be played, see the first of its tests")
        return t.shared["story"]
    box = sandbox.Sandbox(t.build, "story")
    t.shared.setdefault("closers", []).append(box.close)
    try:
        t.shared["story"] = run(t, box)
    except Exception as e:
        t.shared["story"] = e
        t.boxes.append(box)
        raise
    return t.shared["story"]


def run(t, box):
    box.certificates()
    secret_file, secret = box.secret()
    broker = sandbox.Broker(box).start()
    city = sandbox.Broker(box, "city").start()
    platform = lib.standin.Platform(box.dir, sandbox.GATEWAY, script=DESK, secret=secret)
    t.shared["closers"].append(platform.stop)
    https = platform.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
    platform.start_mqtt("127.0.0.1", city.port, "city")
    # The platform has its own limits of patience: one message at a time towards the second, so that the order can be seen.
    box.configure(broker.port, [box.mqtt_platform(city.port).replace("5s", "500s"),
                                box.https_platform(https, secret_file, ", in_flight: 1").replace("timeout: 5s", "timeout: 300s")])
    box.start(scale=SCALE, clock=datetime.fromtimestamp(START - 150, datetime.fromisoformat(sandbox.STORY_START).tzinfo).isoformat())
    box.until_clock(START, SCALE, early=0.03)
    sim = box.simulate(broker.port, "--registry", os.path.join(box.config, "devices.csv"), "--story", "--scale", SCALE, "--clock-start", sandbox.STORY_START,
                       "--length", "1h", "--quiet")
    box.until_clock(START + AWAY[0] * 60, SCALE)
    platform.control({"district": "down"})
    box.until_clock(START + AWAY[1] * 60, SCALE)
    waiting = [row for row in box.ask(do="outbox") if row["platform"] == "district"]
    mark = len(platform.channels["district"].deliveries)
    platform.control({"district": "ok"})
    code = sim.wait(120)
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 20, "an empty outbox after the story", every=0.1)
    incidents = box.ask(do="incidents", limit=10000)
    status = box.status()
    return {"box": box, "platform": platform, "sim": code, "incidents": incidents, "status": status, "waiting": waiting, "mark": mark,
            "shown": [box.ask(do="show", incident=i["id"])[0] for i in incidents], "people": box.cli("incidents").stdout,
            "unmatched": box.listing("sources", "--unmatched")}


def name_of(incident):
    return (incident["rule"], incident["by"])


def key_fits(incident, rule, key):
    return incident["rule"] == rule and key in (incident["by"], incident.get("device"))


def compare(t, incident, row):
    rule, key, severity, raised, resolved, count = row
    title = f"{rule} {key}"
    t.equal(incident["severity"], severity, f"{title}: severity")
    at = minute(incident["times"]["raised"])
    t.check(abs(at - raised) * 60 <= SLACK, f"{title}: raised at minute {at:.2f}, wanted {raised:.2f}")
    t.check(incident["count"] >= count, f"{title}: count {incident['count']}, wanted at least {count}")
    if resolved is None:
        t.equal(incident["condition"], "firing", f"{title}: condition")
    elif resolved == "closed":
        t.equal(incident["handling"], "closed", f"{title}: handling")
    else:
        t.equal(incident["condition"], "resolved", f"{title}: condition")
        end = minute(incident["times"]["resolved"]) if incident["times"].get("resolved") else -1
        t.check(abs(end - resolved) * 60 <= SLACK, f"{title}: resolved at minute {end:.2f}, wanted {resolved:.2f}")


def match(t, incidents, rows, what, optional=()):
    left = [i for i in incidents if i["rule"] != OWN]
    own = [(i["by"], i["severity"], i["condition"]) for i in incidents if i["rule"] == OWN]
    t.equal(own, [("district", "moderate", "resolved")], f"{what}: the platform that was away")
    for row in list(rows) + list(optional):
        found = [i for i in left if key_fits(i, row[0], row[1])]
        if row in optional and not found:
            continue
        if t.check(len(found) == 1, f"{what}: {len(found)} incidents of {row[0]} {row[1]}, wanted one"):
            compare(t, found[0], row)
        left = [i for i in left if i not in found]
    t.equal([name_of(i) for i in left], [], f"{what}: incidents that the story does not know")


def test_incidents_are_right(t):
    s = play(t)
    t.equal(s["sim"], 0, "exit code of simulate")
    match(t, s["platform"].latest("city").values(), TOLD, "at the platform", PERHAPS_TOLD)
    match(t, s["shown"], TOLD + KEPT + PERHAPS_TOLD, "at the gateway")
    t.equal(s["status"]["troubles"], [], "troubles at the end")


def test_messages_keep_the_contract(t):
    s = play(t)
    t.equal(s["platform"].violations[:8], [], "violations")
    for data in s["platform"].latest("city").values():
        title = f"{data['rule']} {data['by']}"
        t.check(any("\u4e00" <= c <= "\u9fff" for c in data["title"]), f"{title}: the title is not Chinese: {data['title']!r}")
        t.check("${" not in data["title"] + data.get("text", ""), f"{title}: a template was left as it stands: {data['title']!r} {data.get('text')!r}")
        place = data.get("place") or {}
        if data["rule"] == OWN:
            t.equal(place.get("name"), "澜溪社区", f"{title}: place")
            continue
        t.check(place.get("name") and place.get("grid"), f"{title}: place {place!r} has no name or no grid code")
        t.check(isinstance(place.get("lat"), (int, float)) and isinstance(place.get("lon"), (int, float)), f"{title}: place {place!r} has no coordinates")
        t.check((data.get("category") or {}).get("code"), f"{title}: no category")


def test_members_and_repeats(t):
    s = play(t)
    feeder = [i for i in s["shown"] if i["rule"] == "feeder-dark"]
    if t.check(len(feeder) == 1, f"{len(feeder)} feeder-dark"):
        lamps = {i["id"] for i in s["shown"] if i["rule"] == "lamp-out" and i["by"].startswith("lamp-6-")}
        t.equal(set(feeder[0].get("members") or []), lamps, "members of feeder-dark")
    told = [e for _, _, e in s["platform"].first_seen]
    t.check(not any(e["data"]["rule"] == "lamp-out" and e["data"]["by"].startswith("lamp-6-") for e in told), "a lamp of the dark feeder was told on its own")
    # Hundreds of repeats became counts, not messages.
    folded = sum(i["count"] - 1 for i in s["incidents"])
    t.check(folded > 100, f"only {folded} repeats were folded")
    revisions = sum(1 for e in told)
    t.check(revisions < len(TOLD) * 5, f"{revisions} revisions for {len(TOLD)} incidents")


def test_the_desk_answers(t):
    """N1: warned, acknowledged, dispatched, handled, closed, evaluated; each step back at the platform in order."""
    s = play(t)
    data = next((d for d in s["platform"].latest("city").values() if key_fits(d, "sos", "card-042")), None)
    if t.check(data, "no sos of card-042"):
        steps = [e["data"]["handling"] for _, _, e in s["platform"].first_seen if e["data"]["id"] == data["id"]]
        order = [h for i, h in enumerate(steps) if i == 0 or h != steps[i - 1]]
        t.equal(order, ["new", "acknowledged", "dispatched", "handled", "closed"], "handling, step by step")
        t.equal((data.get("ticket"), data.get("rating"), data.get("disposition")), ("LX-2026-0117", 5, "real"), "ticket, rating and disposition")
        t.check(any("网格员" in (h.get("note") or "") for h in data["history"]), "the note is not in the history")
    t.equal([a for a in s["platform"].answers if not a.get("ok")], [], "answers that refuse")
    t.equal(len(s["platform"].answers), len(s["platform"].commands), "answers")


def test_platform_away(t):
    """What waited comes most severe first, each incident once, as it then stood."""
    s = play(t)
    channel = s["platform"].channels["district"]
    waiting = {row["incident"]: row for row in s["waiting"]}
    t.check(len(waiting) >= 10, f"only {len(waiting)} incidents waited for the platform that was away")
    t.equal(len(s["waiting"]), len(waiting), "rows that waited (one an incident)")
    after = channel.deliveries[s["mark"]:]
    first = {}
    for position, (_, _, envelope) in enumerate(after):
        first.setdefault(envelope["data"]["id"], (position, envelope))
    t.equal([i for i in waiting if i not in first], [], "incidents that waited and never came")
    order = [envelope["data"]["severity"] for _, envelope in sorted(((p, e) for i, (p, e) in first.items() if i in waiting), key=lambda x: x[0])]
    ranks = [lib.standin.SEVERITIES.index(x) for x in order]
    t.equal(ranks, sorted(ranks), f"order of what had waited ({', '.join(order)})")
    for incident, row in waiting.items():
        if incident in first:
            t.check(first[incident][1]["data"]["revision"] >= row["revision"], f"{row['title']}: an old revision was sent")
    t.check(any(row["revision"] > 1 for row in waiting.values()), "nothing changed while it was away: the compaction is not shown")
    # In the end both platforms know the same.
    city, district = ({k: d["revision"] for k, d in s["platform"].latest(n).items()} for n in ("city", "district"))
    t.equal(district, city, "revisions at the two platforms")


def test_unknown_messages_are_shown(t):
    s = play(t)
    rows = {row["topic"]: row for row in s["unmatched"]}
    t.check("sensors/unknown/7" in rows, f"sensors/unknown/7 is not shown; shown are {sorted(rows)}")
    t.check(rows.get("tele/lamp-7-09/SENSOR", {}).get("outcome") == "broken", "the torn message of lamp-7-09 is not shown as broken")
    t.equal(sorted(set(rows) - {"sensors/unknown/7", "tele/lamp-7-09/SENSOR"}), [], "other topics that are not understood")
    t.check(s["status"]["messages"]["received"] > 7000, f"{s['status']['messages']['received']} messages")
    t.equal(s["status"]["unregistered_devices"], 0, "devices that are not in the registry")


def test_numbers_for_people(t):
    s = play(t)
    numbers = [i["number"] for i in s["shown"]]
    t.equal(len(set(numbers)), len(numbers), "numbers, each once")
    t.check(all(n.startswith("gw-lanxi-20260110-") for n in numbers), f"numbers: {numbers[:3]}")
    t.check(s["shown"] and s["shown"][0]["number"] in s["people"], "`gengfu incidents` does not show the first number")
    started = time.monotonic()
    text = s["box"].cli("show", numbers[0], check=0).stdout
    t.check(numbers[0] in text, "`gengfu show` does not show its number")
    t.check(time.monotonic() - started < 2, "`gengfu show` took over two seconds")


def test_the_journal_again_makes_the_same_incidents(t):
    """`gengfu backtest` beside the running daemon: the hour's journal through the same rules, and through rules in which a dark lamp is told after forty minutes: too late for the one that is mended, and for the circuit."""
    s = play(t)
    box = s["box"]
    span = ["--since", "2026-01-10", "--until", "2026-01-12T00:00"]
    done = box.cli("backtest", *span)
    summary = box.listing("backtest", *span)[-1]["summary"]
    t.equal(done.returncode, 0, f"exit code of backtest: {done.stdout}{done.stderr}")
    t.equal((summary["gone"], summary["came"], summary["unreadable"]), (0, 0, 0), f"what differs from what happened: {done.stdout}")
    t.check(summary["then"] == summary["now"] == summary["same"] >= len(TOLD), f"incidents: {summary}")
    t.check("sos" in done.stdout and "2026-01-10  then ##" in done.stdout, f"the table: {done.stdout}")
    box.write("other/rules.d/99-site.yaml", "overrides:\n  - rule: lamp-out\n    for: 40m\n")
    shutil.copytree(box.config, box.path("other"), dirs_exist_ok=True)
    done = box.cli("backtest", *span, "--rules", box.path("other"))
    rows = box.listing("backtest", *span, "--rules", box.path("other"))
    t.equal(done.returncode, 1, f"exit code when something differs: {done.stdout}{done.stderr}")
    t.equal(sorted((r["incident"], r["set"], r["rule"], r["by"]) for r in rows if r.get("incident") in ("gone", "came")),
            [("gone", "now", "feeder-dark", "F6"), ("gone", "now", "lamp-out", "lamp-2-04")], "what differs")
    t.check("gone" in done.stdout and "feeder-dark" in done.stdout, f"the list: {done.stdout}")
    t.equal(box.status()["troubles"], [], "troubles of the daemon meanwhile")
