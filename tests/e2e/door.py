# SPDX-License-Identifier: Apache-2.0
"""Who may do what: two platforms that must not meet, commands applied once, the audit trail, the control socket."""
import json
import os
import re
import resource
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

    # Once, over a restart too; and the answer is the same.
    revision, first_answer = two.latest()[second]["revision"], two.answer_to("same-id")
    two.answers.clear()
    box.stop()
    box.start()
    two.client.publish(f"two/{two.gateway}/commands", json.dumps({"id": "same-id", "incident": second, "action": "note", "note": "again"}), qos=1)
    t.check(two.wait(lambda: two.answer_to("same-id"), 20), "no answer to the command that came again")
    t.equal(two.answer_to("same-id"), first_answer, "the answer to the command that came again")
    t.check(first_answer.get("audit"), "no head of the audit trail in it")
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
    """What the daemon does in a day, under the filter of the unit: a call that is not allowed ends it."""
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

    box.start(calls="kill")
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


# -- secrets ---------------------------------------------------------------------------------------------------------------------

SECRETS = {"broker": "pw-Broker-7f3a91", "city": "pw-City-2c55d0", "token": "tok-District-88e1b7", "query": "q-Secret-41aa09"}


def test_secrets_stay_secret(t):
    """Every kind of secret, connections that fail and that succeed, the most talkative log; then every place that could have told is searched."""
    box = t.box("secrets")
    box.certificates()
    secret_file, _ = box.secret()
    with open(secret_file, encoding="ascii") as f:
        words = dict(SECRETS, webhook=f.read().strip().removeprefix("whsec_"))
    with open(box.path("client.key"), encoding="ascii") as f:
        words["key"] = f.read().splitlines()[1]
    for name in ("broker", "city", "token"):
        box.write(f"{name}.secret", words[name] + "\n")
        os.chmod(box.path(f"{name}.secret"), 0o600)
    broker = sandbox.Broker(box, tls=True, password=("gengfu", words["broker"])).start()
    city = sandbox.Broker(box, "city", password=("gengfu", "another")).start()  # refuses ours
    district = standin.Platform(box.dir, sandbox.GATEWAY)
    t.later(district.stop)
    port = district.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
    tls = f"tls: {{ca: {box.path('ca.pem')}, cert: {box.path('client.pem')}, key: {box.path('client.key')}}}"
    https = "{{platform: {}, type: https, url: 'https://localhost:{}/incidents?access={}', token_file: {}, secret_file: {}, tls: {{ca: {}}}, retry_min: 200ms, retry_max: 1s, poll: 1s}}"
    box.configure(broker.port, [
        f"{{platform: city, type: mqtt, host: 127.0.0.1, port: {city.port}, user: gengfu, password_file: {box.path('city.secret')}, retry_min: 200ms}}",
        https.format("district", port, words["query"], box.path("token.secret"), secret_file, box.path("ca.pem")),
        https.format("nobody", sandbox.free_port(), words["query"], box.path("token.secret"), secret_file, box.path("ca.pem")),
        https.format("unverified", port, words["query"], box.path("token.secret"), secret_file, box.path("client.pem"))],
        {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, broker_extra=f", user: gengfu, password_file: {box.path('broker.secret')}, {tls}")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    box.start(log_level="debug")
    broker.publish([lib.probe("p1", 50)])
    t.check(district.wait(lambda: district.latest(), 10), "the connections that should have succeeded did not")
    district.control({"district": "422"})
    broker.publish([lib.probe("p2", 50)])
    sandbox.wait_for(lambda: box.status()["outbox"]["dead"], 10, "a dead letter")
    t.check("Bearer ***" in str(box.ask(do="outbox", dead=True)), f"what the platform repeats is not seen at all: {box.ask(do='outbox', dead=True)}")
    sandbox.wait_for(lambda: len([p for p in box.status()["platforms"] if not p["reachable"]]) >= 3, 10, "three platforms that cannot be reached")
    said = {"the log": None, "the journal of the last lines": box.cli("status", "--trace").stdout}
    for command in (("status",), ("status", "--json"), ("outbox",), ("outbox", "--json"), ("outbox", "--dead", "--json"), ("incidents", "--json"), ("audit", "--json"), ("check",), ("run", "-n")):
        done = box.cli(*command)
        said["gengfu " + " ".join(command)] = done.stdout + done.stderr
    for name in ("cmdline", "environ"):
        with open(f"/proc/{box.daemon.pid}/{name}", "rb") as f:
            said[f"/proc/PID/{name}"] = f.read().decode(errors="replace")
    with open(f"/proc/{box.daemon.pid}/limits", encoding="ascii") as f:
        t.check(re.search(r"^Max core file size +0 +0 ", f.read(), re.M), "a core dump could be written")
    box.daemon.send_signal(signal.SIGQUIT)
    _, status = os.waitpid(box.daemon.pid, 0)
    t.check(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), "a core dump was written")
    box.daemon.returncode = -signal.SIGQUIT
    said["the log"] = box.log("daemon")
    for place, text in said.items():
        t.check(text or place == "gengfu check", f"{place}: nothing at all")
        for name, word in words.items():
            t.check(word not in text, f"{place} tells the secret of {name}")


# -- renewal -----------------------------------------------------------------------------------------------------------------------

def certificate(box, name, days="30", san="DNS:localhost,IP:127.0.0.1", ahead=""):
    """NAME.new.pem and .key, signed by the sandbox's authority."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=box.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.new.key", "-out", f"{name}.new.csr", "-subj", f"/CN=gengfu {name} 2")
    box.write(f"{name}.new.ext", f"subjectAltName={san}\n")
    openssl("x509", "-req", "-in", f"{name}.new.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", f"{name}.new.ext", "-out", f"{name}.new.pem")
    os.chmod(box.path(f"{name}.new.key"), 0o600)


def test_certificates_are_renewed_without_a_restart(t):
    """A client certificate that is about to run out is replaced while messages come; SIGHUP makes it known at once. Nothing is lost or counted twice."""
    box = t.box("renew")
    box.certificates()
    broker = sandbox.Broker(box, tls=True).start()
    certificate(box, "client", days="5")
    for end in ("pem", "key"):
        os.rename(box.path(f"client.new.{end}"), box.path(f"client.{end}"))
    tls = f", tls: {{ca: {box.path('ca.pem')}, cert: {box.path('client.pem')}, key: {box.path('client.key')}}}"
    box.configure(broker.port, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, broker_extra=tls)
    box.start()
    soon = [x for x in box.status()["troubles"] if "our certificate" in x["what"]]
    t.check(len(soon) == 1 and "runs out soon" in soon[0]["what"], f"a certificate that is good for five days more is not told of: {box.status()['troubles']}")
    connects = box.status()["broker"]["connects"]
    broker.publish([lib.probe("p3", 1, seq=i) for i in range(500)])
    certificate(box, "client")
    os.rename(box.path("client.new.pem"), box.path("client.pem"))
    box.cli("reload", check=0)
    time.sleep(0.5)
    t.equal(box.status()["broker"]["connects"], connects, "connects after half of a renewal")
    t.check("is not the key of" in box.log("daemon"), "half of a renewal is not said")
    os.rename(box.path("client.new.key"), box.path("client.key"))
    broker.publish([lib.probe("p3", 1, seq=500 + i) for i in range(250)])
    os.kill(box.daemon.pid, signal.SIGHUP)
    broker.publish([lib.probe("p3", 1, seq=750 + i) for i in range(250)] + [lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.status()["broker"]["connects"] == connects + 1, 10, "a connection with the new certificate")
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] == 1, 15, "an incident after the renewal")
    status = box.status()
    t.equal(status["events"], 1001, "events")
    t.equal([x for x in status["troubles"] if "certificate" in x["what"]], [], "troubles with certificates")


def test_what_is_not_verified_is_said(t):
    box = t.box("insecure")
    box.certificates()
    broker = sandbox.Broker(box, tls=True).start()
    tls = f", tls: {{verify: false, cert: {box.path('client.pem')}, key: {box.path('client.key')}}}"
    box.configure(broker.port, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, broker_extra=tls)
    box.start()
    t.check(any("is not verified" in x["what"] for x in box.status()["troubles"]), "the status says nothing of a connection that is not verified")
    checked = box.cli("check")
    t.check("without verification" in checked.stdout + checked.stderr, "check says nothing of a connection that is not verified")


# -- what devices say ------------------------------------------------------------------------------------------------------------

NASTY = ["plain\nline: <3>error: made up", "esc\x1b[2J\x1b]0;owned\x07", "c1\u009b31mred", "bidi\u202egnp.exe\u2066x", "nul\\u0000byte", 'quote"\\\'`$(id)', "{}{0}${device.id}{{x}}", "%s%n%99999d",
         '{"ok": true}', "a,b;c\td", "=cmd|' /C calc'!A0", "line\u2028sep\u2029", "plus+hash#slash/..", "long" + "x" * 5000]


def dangerous(text, newlines=True):
    """The first character that could command a terminal or turn what follows."""
    for c in text:
        code = ord(c)
        if (code < 32 and not (newlines and c == "\n")) or 0x7f <= code < 0xa0 or code in (0x2028, 0x2029) or 0x202a <= code <= 0x202e or 0x2066 <= code <= 0x2069:
            return f"U+{code:04X}"
    return ""


def test_what_devices_say_commands_nothing(t):
    """Names and values that mean harm, through everything that shows or sends them on: the log, every listing for people and for programs, topics, HTTP, files."""
    box = t.box("nasty")
    box.certificates()
    secret_file, secret = box.secret()
    broker, city = sandbox.Broker(box).start(), sandbox.Broker(box, "city").start()
    over_mqtt = t.platform(box)
    over_mqtt.start_mqtt("127.0.0.1", city.port, "city")
    os.makedirs(box.path("https"))
    over_https = standin.Platform(box.path("https"), sandbox.GATEWAY, secret=secret, seconds_tolerance=120)
    t.later(over_https.stop)
    port = over_https.start_https(0, box.path("server.pem"), box.path("server.key"), "district")
    source = """sources:
  - source: nasty
    topic: nasty
    events:
      - {kind: probe, device: payload.name, fields: {level: payload.level, said: payload.name}}
"""
    rules = """rules:
  - rule: high
    on: probe
    by: event.said
    when: event.level > 10
    clear: event.level < 5
    incident: {severity: moderate, title: "${event.said} 过高 ${device.id}", text: "${event.said}"}
"""
    box.configure(broker.port, [box.mqtt_platform(city.port), box.https_platform(port, secret_file), f"{{platform: bench, type: file, path: {box.path('bench.jsonl')}}}"],
                  {"10-nasty.yaml": source, "20-rules.yaml": rules}, lib.PROBES)
    tail = None
    box.start(log_level="debug")
    tail = box.spawn([box.program, "tail", "--config", box.config], "tail")
    box.wait_client()
    broker.publish([("nasty", json.dumps({"name": n.replace("\\u0000", "\x00") if "nul" in n else n, "level": 50})) for n in NASTY])
    broker.publish([("nasty", json.dumps({"name": "last", "level": 50})), ("unknown/topic/\u202e", b"\x1b[31m\xc2\x9b {}"), ("unknown/%s%n", b'{"a": "\\u001b[2J"}')])
    t.check(over_mqtt.wait(lambda: any(d["title"].startswith("last") for d in over_mqtt.latest().values()), 15), "what comes behind is not sent")
    t.check(over_https.wait(lambda: len(over_https.latest()) == len(over_mqtt.latest()), 15), "not all over HTTPS")
    incidents = list(over_mqtt.latest().values())
    t.check(len(incidents) >= 8, f"only {len(incidents)} incidents")
    t.equal(over_mqtt.violations + over_https.violations, [], "violations of the contract")
    with open(box.path("bench.jsonl"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    t.check(lines.pop() == "" and all(isinstance(json.loads(line), dict) for line in lines), "the file platform's lines")
    t.check(all("${" not in d["title"].replace("{}{0}${device.id}{{x}}", "") for d in incidents), "a name was read as a template")
    for d in incidents:  # the answer to an odd command must not carry anything either
        box.cli("note", d["number"], "x\x1b[2J\u202e", check=0)
    for command in (("incidents",), ("devices",), ("sources",), ("sources", "--unmatched"), ("outbox",), ("rules",), ("status",), ("status", "--trace"), ("audit",),
                    *(("show", d["number"]) for d in incidents)):
        done = box.cli(*command)
        t.equal(dangerous(done.stdout + done.stderr), "", f"gengfu {' '.join(command)} lets through")
    for command in (("incidents",), ("devices",), ("sources", "--unmatched"), ("outbox",), ("audit",)):
        text = box.cli(*command, "--json", check=0).stdout
        t.equal(dangerous(text), "", f"gengfu {' '.join(command)} --json lets through")
        t.check(all(isinstance(json.loads(line), dict) for line in text.splitlines()), f"gengfu {' '.join(command)} --json: a line that is no object")
    t.equal(dangerous(box.log("daemon")), "", "the log lets through")
    t.check(not re.search(r"^<3>|^line: <3>", box.log("daemon"), re.M), "a device wrote a line of the log of its own")
    box.end(tail)
    t.check("last" in box.log("tail"), "tail shows nothing")
    t.equal(dangerous(box.log("tail")), "", "tail lets through")


# -- whose files -----------------------------------------------------------------------------------------------------------------

def test_files_of_others_are_not_believed(t):
    """At the start and at a reload; the sentence says what to do."""
    box, broker, _ = lib.probe_box(t, "loose", platforms=False)
    rules = box.path("config", "rules.d", "20-rules.yaml")

    def refused(what, path, cure):
        for command in (("run", "-n"), ("check", box.config), ("check", "--json", box.config)):
            done = box.cli(*command)
            said = done.stdout + done.stderr
            t.check(done.returncode != 0 and path in said and cure in said, f"{what}: {command[0]}: {done.returncode} {said!r}")
    for path, loose, tight in ((rules, 0o666, 0o644), (box.path("config", "gengfu.yaml"), 0o646, 0o644), (box.path("config", "rules.d"), 0o777, 0o755), (box.config, 0o757, 0o755),
                               (box.path("config", "devices.csv"), 0o602, 0o644)):
        os.chmod(path, loose)
        refused(f"mode {loose:o}", path, f"chmod o-w '{path}'")
        os.chmod(path, tight)
    if os.geteuid() == 0:
        os.chown(rules, 65534, -1)
        refused("another's file", rules, f"chown root '{rules}'")
        os.chown(rules, 0, -1)
    # A link is as good as the place that it leads to.
    os.makedirs(box.path("open"), exist_ok=True)
    os.chmod(box.path("open"), 0o777)
    os.rename(rules, box.path("open", "rules.yaml"))
    os.symlink(box.path("open", "rules.yaml"), rules)
    refused("a link into an open directory", box.path("open"), "chmod o-w")
    os.chmod(box.path("open"), 0o755)
    box.cli("run", "-n", check=0)
    box.start()
    os.chmod(box.path("open", "rules.yaml"), 0o666)
    told = box.cli("reload", check=3)
    t.check("everybody may change it" in told.stderr, f"reload: {told.stderr!r}")
    t.check(not box.status()["rules"]["reload_ok"], "the status says nothing")
    os.chmod(box.path("open", "rules.yaml"), 0o644)
    box.cli("reload", check=0)
    # Nor do they come in by way of the last good set: gengfu.yaml says which store has it.
    box.stop()
    os.chmod(box.path("config", "gengfu.yaml"), 0o666)
    t.check(box.start(wait=False).wait(30) != 0, "it runs on with a gengfu.yaml that everybody may change")
    t.check("everybody may change it" in box.tail("daemon", 2), f"the log: {box.tail('daemon', 2)}")
