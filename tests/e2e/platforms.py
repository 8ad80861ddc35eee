# SPDX-License-Identifier: Apache-2.0
"""Towards the platforms over HTTPS, and back: refusals, patience, dead letters, commands."""
import os
import time

import lib
import sandbox


def https_box(t, name, rules=None):
    box = t.box(name)
    box.certificates()
    secret_file, secret = box.secret()
    broker = sandbox.Broker(box).start()
    platform = t.platform(box, secret=secret)
    platform.tolerance = 120
    port = platform.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
    screen = f"{{platform: screen, type: file, path: {box.path('screen.jsonl')}, detail: public, when: incident.severity == 'extreme'}}"
    box.configure(broker.port, [box.https_platform(port, secret_file), screen], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": rules or lib.PROBE_RULES}, lib.PROBES)
    box.start()
    return box, broker, platform


def test_https_is_signed_and_retried(t):
    box, broker, platform = https_box(t, "https")
    channel = platform.channels["district"]
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: len(platform.latest()) == 1, 10), "nothing came over HTTPS")

    for mode in ("503", "down"):
        platform.control({"district": mode})
        refused = channel.refused
        device = "p2" if mode == "503" else "p3"
        broker.publish([lib.probe(device, 50)])
        t.check(platform.wait(lambda: channel.refused >= refused + 2, 15), f"{mode}: not tried again")
        t.check(box.status()["outbox"]["waiting"] == 1, f"{mode}: it left the outbox")
        sandbox.wait_for(lambda: any("district" in x["what"] for x in box.status()["troubles"]), 5, f"{mode}: a trouble in the status")
        platform.control({"district": "ok"})
        t.check(platform.wait(lambda: any(d["by"] == device for d in platform.latest().values()), 15), f"{mode}: never came")
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 10, "an empty outbox")
    t.equal(platform.violations, [], "violations")


def test_retry_after_is_honoured(t):
    box, broker, platform = https_box(t, "retryafter")
    channel = platform.channels["district"]
    platform.control({"district": "429", "retry_after": 3})
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: channel.refused >= 1, 10), "never asked")
    refused_at = time.monotonic()
    platform.control({"district": "ok"})
    t.check(platform.wait(lambda: platform.latest(), 15), "never came")
    waited = time.monotonic() - refused_at
    t.check(2.5 < waited < 8, f"asked again after {waited:.1f} s, Retry-After said 3")


def test_refused_for_good_is_a_dead_letter(t):
    box, broker, platform = https_box(t, "dead")
    platform.control({"district": "422"})
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.status()["outbox"]["dead"] == 1, 15, "a dead letter")
    dead = box.listing("outbox", "--dead")
    t.equal(len(dead), 1, "dead letters")
    t.check("422" in dead[0]["why"], f"why: {dead[0]['why']!r}")
    platform.control({"district": "ok"})
    box.cli("resend", dead[0]["number"], check=0)
    t.check(platform.wait(lambda: platform.latest(), 15), "resend did not send it")
    sandbox.wait_for(lambda: box.status()["outbox"]["dead"] == 0, 10, "no dead letters")
    ran = box.cli("resend", dead[0]["number"], "-p", "screen")
    t.check(ran.returncode == 3 and "is not for the platform" in ran.stderr, f"resend to a screen that it is not for: {ran}")
    box.cli("resend", dead[0]["number"], check=0)
    sandbox.wait_for(lambda: box.status()["outbox"]["waiting"] == 0, 10, "an empty outbox")
    screen = box.path("screen.jsonl")
    t.check(not os.path.exists(screen) or os.path.getsize(screen) == 0, "resend showed the screen what its 'when' keeps from it")


def test_commands_come_back(t):
    box, broker, platform = lib.probe_box(t, "commands")
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: platform.latest(), 10), "no incident")
    incident = next(iter(platform.latest()))

    def state():
        return platform.latest()[incident]
    ack = platform.command(incident, action="acknowledge")
    t.check(platform.wait(lambda: state()["handling"] == "acknowledged", 10), "acknowledge has no effect")
    t.check(platform.wait(lambda: platform.answer_to(ack), 10), "no answer to acknowledge")
    t.equal((platform.answer_to(ack) or {}).get("ok"), True, "answer to acknowledge")
    platform.command(incident, action="dispatch", ticket="T-1")
    t.check(platform.wait(lambda: state()["handling"] == "dispatched" and state().get("ticket") == "T-1", 10), "dispatch has no effect")
    revision = state()["revision"]

    # Once only, by the command's id.
    first = platform.command(incident, action="note", note="老王去看了")
    t.check(platform.wait(lambda: state()["revision"] > revision, 10), "a note has no effect")
    revision = state()["revision"]
    import json
    again = [c for c in platform.commands if c["id"] == first][0]
    platform.client.publish(f"{platform.prefix}/{platform.gateway}/commands", json.dumps(again), qos=1)
    time.sleep(1)
    t.equal(state()["revision"], revision, "revision after the same command came twice")

    # What cannot be is refused, in words.
    wrong = platform.command("01ARZ3NDEKTSV4RRFFQ69G5FAV", action="acknowledge")
    t.check(platform.wait(lambda: platform.answer_to(wrong), 10), "no answer to a command for an unknown incident")
    t.equal((platform.answer_to(wrong) or {}).get("ok"), False, "answer to a command for an unknown incident")
    t.check((platform.answer_to(wrong) or {}).get("error"), "a refusal without a reason")
    platform.client.publish(f"{platform.prefix}/{platform.gateway}/commands", json.dumps({"incident": incident, "action": "note", "note": "each time anew?"}), qos=1)
    t.check(platform.wait(lambda: platform.answer_to(""), 10), "no answer to a command without an id")
    t.check('"id" is missing' in (platform.answer_to("") or {}).get("error", ""), f"a command without an id: {platform.answer_to('')}")
    odd = platform.command(incident, action="explode")
    t.check(platform.wait(lambda: platform.answer_to(odd), 10), "no answer to an unknown action")

    # The shell can do the same.
    box.cli("handle", state()["number"], check=0)
    t.check(platform.wait(lambda: state()["handling"] == "handled", 10), "handle from the shell has no effect")
    broker.publish([lib.probe("p1", 1)])
    t.check(platform.wait(lambda: state()["condition"] == "resolved", 10), "not resolved")
    box.cli("close", state()["number"], "--disposition", "real", check=0)
    t.check(platform.wait(lambda: state()["handling"] == "closed" and state()["change"] == "closed", 10), "close from the shell has no effect")
    t.equal(box.cli("close", "gw-lanxi-20200101-0001").returncode, 3, "exit code for an incident that is not there")
    t.equal(platform.violations, [], "violations")
