# SPDX-License-Identifier: Apache-2.0
"""What a user might take instead, on the same work: the same messages through the same broker, one rule (1 % match), republished. None of them is durable, as they ship; gengfu is, and runs
the hundred rules. Who is not installed is skipped; `make bench-peers` installs them.

Four readings of each. A flood: as fast as publisher and broker can. A steady thousand a second. The rate that it sustains: the highest at which, for some seconds, every match has come out
half a second after the last message was sent; found by doubling and then by halving the step, one process all the way. And how fast it takes what has waited at the broker while it was away: no
publisher takes part in that, which on a machine of few cores is what limits the others."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import sandbox
import work
from live import MESSAGES, RUNS, STEADY_RATE, STEADY_SECONDS, TOPIC, middle

WAITING = MESSAGES // 2
TRIAL_SECONDS = 4   # of a rate, in the search for the one that is sustained
TRIAL_LATE = 0.5    # seconds that the last match may come after the last message was sent
TRIAL_FIRST, TRIAL_MOST, TRIAL_STEPS = 2000, 200000, 4

PAHO = """
import json, sys
import paho.mqtt.client as mqtt
c = mqtt.Client(client_id="peer", clean_session=len(sys.argv) < 4)
def on_message(c, u, m):
    if json.loads(m.payload).get("action") == sys.argv[2]:
        c.publish("peer/incidents", json.dumps({"incident": "refused", "topic": m.topic}), qos=1)
c.on_message = on_message
c.on_connect = lambda c, u, f, rc: c.subscribe("zigbee2mqtt/+", qos=1)
c.connect("127.0.0.1", int(sys.argv[1]))
c.loop_forever()
"""

JQ = """set -e; mosquitto_sub -p "$1" $3 -q 1 -t 'zigbee2mqtt/+' -F '{"topic":"%t","payload":%p}' |
jq -c --unbuffered 'select(.payload.action == "'"$2"'") | {incident: "refused", topic}' | mosquitto_pub -p "$1" -q 1 -t peer/incidents -l"""


def node_red_flow(port, kept):
    check = f"var p; try {{ p = JSON.parse(msg.payload); }} catch (e) {{ return null; }}\nif (p.action !== '{work.REFUSED}') return null;\n" \
            "msg.payload = JSON.stringify({incident: 'refused', topic: msg.topic}); msg.topic = 'peer/incidents'; return msg;"
    return [{"id": "t", "type": "tab", "label": "peer"},
            {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port), "clientid": "peer", "protocolVersion": "5", "keepalive": "60", "cleansession": not kept,
             "sessionExpiry": "3600" if kept else "", "autoConnect": True},
            {"id": "i", "z": "t", "type": "mqtt in", "topic": TOPIC, "qos": "1", "datatype": "utf8", "broker": "b", "wires": [["f"]]},
            {"id": "f", "z": "t", "type": "function", "func": check, "outputs": 1, "wires": [["o"]]},
            {"id": "o", "z": "t", "type": "mqtt out", "topic": "", "qos": "1", "retain": "false", "broker": "b", "wires": []}]


def family(pid):
    """The process and all below it: a pipeline is one peer."""
    out, stack = [], [pid]
    while stack:
        p = stack.pop()
        out.append(p)
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children", encoding="ascii") as f:
                    stack += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return out


def cpu_us(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total / 1000


def end(process, sig=signal.SIGTERM):
    """With all below it: who ends a shell does not end its pipeline."""
    for pid in family(process.pid) if process is not None else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def wake(port, came):
    """Until a peer has answered its first match: how long a start takes differs much."""
    topic, body = work.lock(0, 300, refused=True)

    def answered():
        subprocess.run(["mosquitto_pub", "-p", str(port), "-q", "1", "-t", topic, "-m", body], check=True)
        time.sleep(0.5)
        return came() > 0
    sandbox.wait_for(answered, 90, "the peer's first answer", 0.5)
    time.sleep(2)  # for what it still does after its start, and for the other answers


class Peers:
    def __init__(self, bench, live):
        self.bench, self.live = bench, live

    def found(self):
        """name -> (command for a port, whose session the broker keeps or not; why it cannot be had)."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        red = shutil.which("node-red") or os.path.join(root, "build", "peers", "node_modules", ".bin", "node-red")
        return {
            "plain_c": (lambda box, port, kept=False: [self.live.plain, "rule", "127.0.0.1", str(port), TOPIC, "0"], ""),
            "python_paho": (lambda box, port, kept=False: ["/usr/bin/python3", "-c", PAHO, str(port), work.REFUSED] + ["kept"] * kept, ""),
            "mosquitto_sub_jq": (lambda box, port, kept=False: ["bash", "-c", JQ, "jq", str(port), work.REFUSED, "-c -i peer" if kept else ""],
                                 "" if shutil.which("jq") and shutil.which("mosquitto_sub") else "jq and mosquitto_sub (mosquitto-clients) are not installed"),
            "node_red": (lambda box, port, kept=False: self.node_red(box, port, red, kept), "" if os.path.exists(red) and shutil.which("node") else "Node-RED is not installed"),
        }

    @staticmethod
    def node_red(box, port, program, kept):
        home = box.path("red")
        os.makedirs(home, exist_ok=True)
        box.write("red/flows.json", json.dumps(node_red_flow(port, kept)))
        box.write("red/settings.js", "module.exports = {flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: %d, httpAdminRoot: false, logging: {console: {level: 'warn'}}}\n" % sandbox.free_port())
        return [program, "--userDir", home]

    def once(self, command, rate, count):
        """CPU a message, rate and memory. What it publishes is counted: the work is done when every match has come out."""
        box, broker = self.live.box()
        p = None
        try:
            counter = box.spawn(["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "peer/incidents", "-t", "plain/incidents"], "counter", stdout=subprocess.PIPE)
            os.set_blocking(counter.stdout.fileno(), False)
            p = box.spawn(command(box, broker.port), "peer")
            wake(broker.port, lambda: len(counter.stdout.read() or b""))
            counter.stdout.read()
            before, began, out = cpu_us(family(p.pid)), time.monotonic(), 0
            load = self.live.load(box, broker, rate, count)
            top, still, last = 0, time.monotonic(), None
            while time.monotonic() - still < (5 if load.poll() is not None else 60):
                out += (counter.stdout.read() or b"").count(b"\n")
                now = cpu_us(family(p.pid))
                if now - before != last and (last is None or now - before - last > 2000):
                    still, last = time.monotonic(), now - before
                top = max(top, sum(sandbox.fields(q)[0] for q in family(p.pid)))
                if p.poll() is not None:
                    raise RuntimeError(f"ended: {box.tail('peer')}")
                time.sleep(0.05)
            return {"cpu": (cpu_us(family(p.pid)) - before) / count, "rate": count / (still - began), "rss": top, "out": out}
        finally:
            end(p)
            box.close()

    # -- the rate that is sustained ---------------------------------------------------------------------------------------------

    def trial(self, box, broker, rate, came, alive):
        """Whether this rate is kept: the publisher sent at it, and all that was to come has come in time. came(): matches so far. Gives also how fast the publisher really was."""
        count, before = rate * TRIAL_SECONDS, came()
        began = time.monotonic()
        load = self.live.load(box, broker, rate, count)
        load.wait(10 * TRIAL_SECONDS + 30)
        sent = time.monotonic() - began
        sandbox.wait_for(lambda: came() - before >= count // 100 or time.monotonic() - began - sent > TRIAL_LATE or not alive(), 5, "the matches", 0.02)
        kept = came() - before >= count // 100
        for _ in range(600):  # what is late must not count for the next one
            if came() - before >= count // 100 or not alive():
                break
            time.sleep(0.1)
        return kept and alive(), count / sent

    def sustained(self, box, broker, came, alive):
        """The highest rate that was kept. The publisher's own limit ends the search too: then it is at least that."""
        low, high, rate, steps = 0, None, TRIAL_FIRST, 0
        while rate <= TRIAL_MOST and steps < TRIAL_STEPS:
            kept, real = self.trial(box, broker, rate, came, alive)
            if kept and real < 0.9 * rate:
                return max(low, round(real)), True
            low, high = (rate, high) if kept else (low, rate)
            steps += high is not None
            if not alive():
                break
            rate = rate * 2 if high is None else (low + high) // 2
        return low, False

    def sustained_peer(self, command):
        box, broker = self.live.box()
        p = None
        try:
            out = box.path("matches")
            with open(out, "wb") as f:
                box.spawn(["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "peer/incidents", "-t", "plain/incidents", "-F", "x"], "counter", stdout=f)
            p = box.spawn(command(box, broker.port), "peer")
            wake(broker.port, lambda: os.path.getsize(out))
            return self.sustained(box, broker, lambda: os.path.getsize(out) // 2, lambda: p.poll() is None)
        finally:
            end(p)
            box.close()

    def sustained_gengfu(self):
        """Its matches become incidents of a device, which are raised once, so all messages must have been taken in. They go back to the broker's queue when they are not committed."""
        box, broker = self.live.box()
        try:
            box.start(log_level="warn")
            return self.sustained(box, broker, lambda: box.status()["messages"]["received"] // 100, lambda: box.daemon.poll() is None)
        finally:
            box.close()

    # -- what waited at the broker ----------------------------------------------------------------------------------------------

    def drained(self, taken, count, alive):
        """Messages a second between the first that is seen taken and the last. taken(): so many so far."""
        sandbox.wait_for(lambda: taken() > 0 or not alive(), 90, "the first message that waited", 0.01)
        first, began = taken(), time.monotonic()
        sandbox.wait_for(lambda: taken() >= count or not alive(), 300, "all that waited", 0.01)
        if not alive():
            raise RuntimeError("ended")
        return (count - first) / (time.monotonic() - began)

    def drained_peer(self, command):
        box, broker = self.live.box(endless=True)
        p = None
        try:
            out = box.path("matches")
            with open(out, "wb") as f:
                box.spawn(["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "peer/incidents", "-F", "x"], "counter", stdout=f)
            p = box.spawn(command(box, broker.port, True), "peer")
            wake(broker.port, lambda: os.path.getsize(out))
            end(p, signal.SIGKILL)
            before = os.path.getsize(out) // 2
            self.live.load(box, broker, 200000, WAITING).wait(120)
            p = box.spawn(command(box, broker.port, True), "peer")
            return self.drained(lambda: (os.path.getsize(out) // 2 - before) * 100, WAITING, lambda: p.poll() is None)
        finally:
            end(p)
            box.close()

    def drained_gengfu(self):
        box, broker = self.live.box(endless=True)
        try:
            box.start(log_level="warn")
            box.stop()
            self.live.load(box, broker, 200000, WAITING).wait(120)
            box.start(log_level="warn")
            return self.drained(lambda: box.status()["messages"]["received"], WAITING, lambda: box.daemon.poll() is None)
        finally:
            box.close()

    def tell_drained(self, name, take, *args):
        """The middle of several, or None."""
        try:
            rates = [take(*args) for _ in range(RUNS)]
        except (RuntimeError, TimeoutError) as e:
            self.bench.skip(f"peers.{name}.waiting", str(e))
            return None
        self.bench.figure(f"peers.{name}.waiting.rate", middle(rates, 0), "messages/s", messages=WAITING, runs=RUNS)
        return middle(rates, 0)

    def tell_sustained(self, name, found):
        rate, more = found
        self.bench.figure(f"peers.{name}.sustained", rate, "messages/s", **({"note": "the publisher's limit"} if more else {}))
        return rate

    def gengfu(self):
        figures = {}
        for what, rate, count in (("flood", 200000, MESSAGES), ("steady", STEADY_RATE, STEADY_RATE * STEADY_SECONDS)):
            readings = [self.live.gengfu_once(rate, count) for _ in range(RUNS)]
            figures[what] = middle([r["cpu"] for r in readings])
            figures[what + ".rss"] = middle([r["rss"] / 1e6 for r in readings])
            self.bench.figure(f"peers.gengfu.{what}.cpu", figures[what], "us/message", messages=count, runs=RUNS, rules=100, note="each message in the journal, committed before it is acknowledged")
            if what == "flood":
                self.bench.figure(f"peers.gengfu.{what}.rate", middle([r["rate"] for r in readings], 0), "messages/s")
            self.bench.figure(f"peers.gengfu.{what}.rss", figures[what + ".rss"], "MB")
        figures["waiting"] = self.tell_drained("gengfu", self.drained_gengfu)
        figures["sustained"] = self.tell_sustained("gengfu", self.sustained_gengfu())
        return figures

    def compare(self, ours, theirs):
        """The aims against Node-RED."""
        if not theirs:
            return
        if ours.get("waiting") and theirs.get("waiting"):
            self.bench.figure("peers.node_red.waiting.ratio", round(ours["waiting"] / theirs["waiting"], 2), "gengfu's rate to it")
        self.bench.figure("peers.node_red.sustained.ratio", round(ours["sustained"] / max(1, theirs["sustained"]), 2), "gengfu's rate to it")
        self.bench.figure("peers.node_red.steady.ratio", round(ours["steady"] / theirs["steady"], 2), "gengfu's CPU to it")
        self.bench.figure("peers.node_red.rss.ratio", round(ours["steady.rss"] / theirs["steady.rss"], 3), "gengfu's memory to it")

    def peers(self):
        ours = self.gengfu()
        theirs = {}
        for name, (command, why) in self.found().items():
            if why:
                self.bench.skip(f"peers.{name}", f"{why}; make bench-peers")
                continue
            figures = {}
            for what, rate, count in (("flood", 200000, MESSAGES // 4), ("steady", STEADY_RATE, STEADY_RATE * STEADY_SECONDS)):
                try:
                    readings = [self.once(command, rate, count) for _ in range(RUNS)]
                except (RuntimeError, TimeoutError) as e:
                    self.bench.skip(f"peers.{name}.{what}", str(e))
                    continue
                figures[what], figures[what + ".rss"] = middle([r["cpu"] for r in readings]), middle([r["rss"] / 1e6 for r in readings])
                self.bench.figure(f"peers.{name}.{what}.cpu", figures[what], "us/message", messages=count, runs=RUNS)
                if what == "flood":
                    self.bench.figure(f"peers.{name}.{what}.rate", middle([r["rate"] for r in readings], 0), "messages/s")
                self.bench.figure(f"peers.{name}.{what}.rss", middle([r["rss"] / 1e6 for r in readings]), "MB")
                self.bench.figure(f"peers.{name}.{what}.out", middle([r["out"] for r in readings], 0), "incidents", of=sum(1 for i in range(count) if i % 100 == 37))
            if name != "plain_c":  # its session is always a new one
                figures["waiting"] = self.tell_drained(name, self.drained_peer, command)
            try:
                figures["sustained"] = self.tell_sustained(name, self.sustained_peer(command))
            except TimeoutError as e:
                self.bench.skip(f"peers.{name}.sustained", str(e))
                continue
            if name == "node_red" and "steady" in figures:
                theirs = figures
        self.compare(ours, theirs)
