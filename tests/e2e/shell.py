# SPDX-License-Identifier: Apache-2.0
"""The commands against a living daemon: every listing for people and for programs, tail, exit codes; and simulate as a command."""
import json
import os
import subprocess
import time

import lib
import sandbox


def test_listings(t):
    few = "  - {rule: few, on: probe, when: event.level > 0, for: 1h, max_keys: 1, incident: {severity: minor, title: t}}\n"
    box, broker, platform = lib.probe_box(t, "shell", rules=lib.PROBE_RULES + few)
    box.start()
    broker.publish([lib.probe("p1", 50), lib.probe("stranger", 3), ("probe/p2", "no json")])
    t.check(platform.wait(lambda: platform.latest(), 10), "no incident")
    number = next(iter(platform.latest().values()))["number"]
    for command in (["status"], ["incidents"], ["incidents", "--open"], ["incidents", "--since", "1h"], ["show", number], ["devices"], ["devices", "--unknown"],
                    ["devices", "p1"], ["sources"], ["sources", "--unmatched"], ["rules"], ["outbox"], ["outbox", "--dead"], ["version"]):
        name = " ".join(command)
        done = box.cli(*command, "--json")
        t.check(done.returncode in (0, 1), f"{name} --json: exit code {done.returncode}: {done.stderr}")
        try:
            rows = [json.loads(line) for line in done.stdout.splitlines()]
        except ValueError as e:
            t.check(False, f"{name} --json: a line that is not an object: {e}")
            continue
        if command[0] not in ("outbox",):
            t.check(rows and all(isinstance(row, dict) for row in rows), f"{name} --json: {len(rows)} rows")
        people = box.cli(*command)
        t.check("\033" not in people.stdout, f"{name}: colour where there is no terminal")
    t.equal([row["device"] for row in box.listing("devices", "--unknown")], ["stranger"], "unknown devices")
    row = [row for row in box.listing("rules") if row["rule"] == "few"][0]
    t.equal((row["keys"], row["evicted"], row["dropped"]), (1, 1, 0), "keys of a rule that has room for one")
    line = [line.split() for line in box.cli("rules", check=0).stdout.splitlines() if line.startswith("few ")]
    t.check(line and line[0][-1] == "1", f"rules does not show the key that was pushed out: {line}")
    t.check(number in box.cli("incidents", check=0).stdout, "incidents does not show the number")
    for wrong, code in ((["nonsense"], 2), (["incidents", "--nonsense"], 2), (["show", "gw-lanxi-20200101-9999"], 3), (["incidents", "--since", "soon"], 2)):
        done = box.cli(*wrong)
        t.check(done.returncode == code or (code == 3 and done.returncode == 1), f"{' '.join(wrong)}: exit code {done.returncode}, wanted {code}")
        t.check(done.stderr.strip(), f"{' '.join(wrong)}: no word about what was wrong")
    box.stop()
    done = box.cli("status")
    t.equal(done.returncode, 3, "exit code of status without a daemon")
    t.check(done.stderr.strip(), "status without a daemon says nothing")


def test_tail(t):
    box, broker, platform = lib.probe_box(t, "tail")
    box.start()
    with open(box.path("tail.out"), "wb") as out:
        tail = box.spawn([box.program, "tail", "--config", box.config, "--json"], "tail", stdout=out)
    box.wait_client()
    broker.publish([lib.probe("p1", 50), lib.probe("p2", 3)])

    def lines():
        with open(box.path("tail.out"), encoding="utf-8") as f:
            return [json.loads(line) for line in f.read().splitlines()]
    sandbox.wait_for(lambda: len(lines()) >= 3, 10, "two events and an incident in the tail")
    text = json.dumps(lines(), ensure_ascii=False)
    t.check("p1" in text and "p2" in text and "high" in text, f"the tail shows {text[:600]}")
    tail.terminate()
    tail.wait(5)
    t.check(box.daemon.poll() is None, "the daemon went away with the tail")


def test_eval_and_source(t):
    box, _, _ = lib.probe_box(t, "eval", platforms=False)
    done = box.cli("eval", "event.level > 10 && device.kind == 'probe'", "--event", '{"level": 12}', "--device", '{"kind": "probe"}')
    t.equal((done.returncode, done.stdout.strip()), (0, "true"), "eval")
    done = subprocess.run([box.program, "source", "-", "--topic", "probe/p9", "--config", box.config, "--json"], input='{"level": 7}', capture_output=True, text=True, timeout=20)
    t.equal(done.returncode, 0, f"exit code of source: {done.stderr}")
    t.check('"p9"' in done.stdout and "7" in done.stdout, f"source says {done.stdout!r}")


def test_simulate(t):
    box = t.box("simulate")
    broker = sandbox.Broker(box).start()
    code = box.simulate(broker.port, "--rate", 5000, "--count", 5000, "--ledger", box.path("ledger"), "--quiet").wait(30)
    t.equal(code, 0, "exit code")
    with open(box.path("ledger"), encoding="ascii") as f:
        t.equal(sorted(int(line.split()[0]) for line in f), list(range(1, 5001)), "ledger")
    # A broker that goes away in the middle: everything comes all the same.
    sim = box.simulate(broker.port, "--rate", 2000, "--count", 4000, "--ledger", box.path("ledger2"), "--quiet")
    time.sleep(0.7)
    broker.stop()
    time.sleep(0.3)
    broker.start()
    t.equal(sim.wait(60), 0, "exit code after the broker restarted")
    with open(box.path("ledger2"), encoding="ascii") as f:
        t.equal(sorted({int(line.split()[0]) for line in f}), list(range(1, 4001)), "ledger after the broker restarted")
    # A story without its devices is refused in words.
    box.write("devices.csv", "device,kind,family\nlock-1-1,lock,z2m-lock\n")
    code = box.simulate(broker.port, "--registry", box.path("devices.csv"), "--story", log="refused").wait(10)
    t.equal(code, 3, "exit code of a story without its devices")
    t.check("card-087" in box.log("refused"), f"it said: {box.log('refused')}")
    t.check(os.path.exists(box.path("ledger")), "ledger is gone")
