# SPDX-License-Identifier: Apache-2.0
"""The whole of it through a real broker: beside a plain C program on the same messages, and at rest."""
import json
import os
import statistics
import subprocess
import time

import sandbox
import standin
import work
from inside import Inside

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "200000"))
STEADY_RATE = 1000
STEADY_SECONDS = int(os.environ.get("BENCH_SECONDS", "20"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
TOPIC = "zigbee2mqtt/+"


def cpu_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("write_bytes"))


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt"))


def rss(pid):
    return sandbox.fields(pid)[0]


def own(pid):
    """Of the resident memory, what is no page of a file: heap, stack, and what the loader wrote into the libraries' pages."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon"))


def middle(values, digits=2):
    return round(statistics.median(values), digits)


def spread(values, digits=2):
    return [round(min(values), digits), round(max(values), digits)]


class Live:
    def __init__(self, bench):
        self.bench = bench
        self.plain = os.path.join(bench.build, "tests", "bench", "plain")

    def box(self, rules=None, devices=300, platforms=(), store_extra="", endless=False):
        box = sandbox.Sandbox(self.bench.build, "bench")
        broker = sandbox.Broker(box, endless=endless).start()
        made = platforms(box, broker) if callable(platforms) else platforms
        # The load makes one device of every few hundred messages a second: no limit a device here.
        box.configure(broker.port, platforms=made, rules={"10-source.yaml": work.SOURCE, "20-rules.yaml": rules or work.all_look(100)}, devices=work.registry(devices),
                      limits="device_rate: 0", store_extra=store_extra)
        return box, broker

    def load(self, box, broker, rate, count):
        return box.simulate(broker.port, "--registry", box.path("config", "devices.csv"), "--rate", rate, "--count", count, "--quiet", log=f"load-{time.monotonic_ns()}")

    # -- one reading each ----------------------------------------------------------------------------------------------------------

    def plain_once(self, mode, rate, count):
        box, broker = self.box()
        try:
            more = [box.path("plain.db")] if mode == "journal" else []
            p = box.spawn([self.plain, mode, "127.0.0.1", str(broker.port), TOPIC, str(count), *more], "plain", stdout=subprocess.PIPE)
            if p.stdout.readline().strip() != b"ready":
                raise RuntimeError(box.tail("plain"))
            self.load(box, broker, rate, count)
            out = json.loads(p.stdout.readline())
            return {"cpu": out["cpu_us"] / out["messages"], "rate": out["messages"] * 1e6 / out["wall_us"], "rss": out["rss"]}
        finally:
            box.close()

    def gengfu_once(self, rate, count, rules=None, devices=300):
        box, broker = self.box(rules, devices)
        try:
            box.start(log_level="warn")
            pid = box.daemon.pid
            time.sleep(0.5)
            top, cpu, began = rss(pid), cpu_ns(pid), time.monotonic()
            p = self.load(box, broker, rate, count)
            while True:
                status = box.status()
                top = max(top, rss(pid))
                if status["messages"]["received"] >= count:
                    break
                if p.poll() not in (None, 0):
                    raise RuntimeError(box.tail("daemon"))
                time.sleep(0.2 if rate > 10000 else 1)
            return {"cpu": (cpu_ns(pid) - cpu) / 1000 / count, "rate": count / (time.monotonic() - began), "rss": top, "commits": status["store"]["commits"]}
        finally:
            box.close()

    def compare(self, name, rate, count):
        """In turn, so that a slow minute of the machine meets all."""
        figures = {k: [] for k in ("null", "rule", "journal", "gengfu")}
        for _ in range(RUNS):
            for mode in ("null", "rule", "journal"):
                figures[mode].append(self.plain_once(mode, rate, count))
            figures["gengfu"].append(self.gengfu_once(rate, count))
        what = {"runs": RUNS, "messages": count}
        for mode, readings in figures.items():
            who = mode if mode == "gengfu" else f"plain_{mode}"
            cpu = [r["cpu"] for r in readings]
            self.bench.figure(f"{name}.{who}.cpu", middle(cpu), "us/message", spread=spread(cpu), **what)
            if rate > 10000:
                self.bench.figure(f"{name}.{who}.rate", middle([r["rate"] for r in readings], 0), "messages/s")
            self.bench.figure(f"{name}.{who}.rss", middle([r["rss"] / 1e6 for r in readings]), "MB")
        for mode in ("null", "journal"):
            self.bench.figure(f"{name}.ratio_to_{mode}", middle([g["cpu"] / f["cpu"] for g, f in zip(figures["gengfu"], figures[mode])]), f"gengfu/plain {mode}")
        if rate > 10000:
            self.bench.figure(f"{name}.rate_to_journal", middle([g["rate"] / f["rate"] for g, f in zip(figures["gengfu"], figures["journal"])]), "gengfu/plain journal")
        if rate <= 10000:
            self.bench.figure(f"{name}.gengfu.commits", middle([r["commits"] for r in figures["gengfu"]], 0), "commits", seconds=count / rate)
        return figures

    # -- figures ---------------------------------------------------------------------------------------------------------------------

    def flood(self):
        inside = Inside(self.bench)
        try:
            parts = inside.floor()
        finally:
            inside.close()
        figures = self.compare("flood", 200000, MESSAGES)
        floor = [r["cpu"] + parts for r in figures["null"]]
        self.bench.figure("flood.floor", middle(floor), "us/message", note="plain_null, cJSON in an arena, a row in SQLite")
        self.bench.figure("flood.ratio_to_floor", middle([g["cpu"] / f for g, f in zip(figures["gengfu"], floor)]), "gengfu/floor")

    def steady(self):
        self.compare("steady", STEADY_RATE, STEADY_RATE * STEADY_SECONDS)

    def idle(self):
        box = sandbox.Sandbox(self.bench.build, "bench")
        broker = sandbox.Broker(box).start()
        try:
            box.configure(broker.port)
            began = time.monotonic()
            box.start(log_level="warn")
            self.bench.figure("start.shipped_rules", round((time.monotonic() - began) * 1000), "ms", note="to the first answered status, polled every 20 ms")
            pid = box.daemon.pid
            time.sleep(2)
            a, cpu = switches(pid), cpu_ns(pid)
            time.sleep(20)
            self.bench.figure("idle.wakeups", round((switches(pid) - a) / 20, 2), "1/s")
            self.bench.figure("idle.cpu", round((cpu_ns(pid) - cpu) / 20e6, 3), "ms/s")
            self.bench.figure("idle.rss.shipped_rules", round(rss(pid) / 1e6, 2), "MB", own=round(own(pid) / 1e6, 2), note="own: not pages of libraries and the program")
            size = os.path.getsize(box.program)
            stripped = box.path("stripped")
            if subprocess.run(["strip", "-o", stripped, box.program], check=False).returncode == 0:
                size = os.path.getsize(stripped)
            self.bench.figure("program.stripped", round(size / 1e6, 3), "MB")
        finally:
            box.close()
        for rules, devices in ((10, 10), (10000, 300)):
            self.at_rest(rules, devices)

    def at_rest(self, rules, devices):
        box, _ = self.box(work.all_look(rules), devices)
        try:
            box.start(log_level="warn")
            time.sleep(2)
            pid = box.daemon.pid
            self.bench.figure(f"idle.rss.rules_{rules}", round(rss(pid) / 1e6, 2), "MB", own=round(own(pid) / 1e6, 2), devices=devices)
        finally:
            box.close()

    def large(self):
        """A thousand rules, three thousand devices, and a journal: memory under load, and a start that does not grow with it."""
        box, broker = self.box(work.all_look(1000), 3000)
        inside = Inside(self.bench)
        try:
            starts = {}
            for what in ("empty", "full"):
                began = time.monotonic()
                box.start(log_level="warn")
                starts[what], size = (time.monotonic() - began) * 1000, os.path.getsize(box.store)
                if what == "empty":
                    pid, count = box.daemon.pid, 20000
                    p = self.load(box, broker, STEADY_RATE, count)
                    sandbox.wait_for(lambda: box.status()["messages"]["received"] >= count or p.poll() not in (None, 0), count / STEADY_RATE + 60, "the messages", 1)
                    self.bench.figure("large.rss", round(rss(pid) / 1e6, 2), "MB", rules=1000, devices=3000)
                    box.stop()
                    os.unlink(box.store)
                    inside.fill(box.store, inside.rules("rules: []\n", 3000), inside.messages(3000))
                self.bench.figure(f"large.start.{what}", round(starts[what]), "ms", rules=1000, devices=3000, store=size)
            self.bench.figure("large.start.ratio", round(starts["full"] / starts["empty"], 2), "full to empty")
        finally:
            inside.close()
            box.close()

    def hour(self):
        """The example neighbourhood's hour through the shipped rules, as the demo plays it: where its configuration and its store are. The caller closes the box."""
        box = sandbox.Sandbox(self.bench.build, "bench")
        broker = sandbox.Broker(box).start()
        box.configure(broker.port)
        scale = 75
        box.start(log_level="warn", scale=scale, clock=sandbox.STORY_START)
        sim = box.simulate(broker.port, "--registry", box.path("config", "devices.csv"), "--story", "--scale", scale, "--clock-start", sandbox.STORY_START, "--length", "1h", "--quiet")
        if sim.wait(300) != 0:
            raise RuntimeError(box.tail("simulate"))
        box.stop()
        return box

    def backtest(self):
        box = self.hour()
        inside = Inside(self.bench)
        try:
            inside.backtest((box.config, box.store))
        finally:
            inside.close()
            box.close()

    def bytes(self):
        """What reaches the disk for an event at a hundred events a second, WAL included."""
        rate, seconds = 100, 30
        inside = Inside(self.bench)
        box, broker = self.box()
        try:
            box.start(log_level="warn")
            pid = box.daemon.pid
            before = written(pid)
            self.load(box, broker, rate, rate * seconds)
            sandbox.wait_for(lambda: box.status()["messages"]["received"] >= rate * seconds, seconds + 20, "the messages", 1)
            time.sleep(1)
            status = box.status()
            wrote = (written(pid) - before) / (rate * seconds)
            box.stop()
            out, _ = inside.once("repeat", 1, box.store, 1000, inside.fresh(".db"))
            sizes = {"message": status["broker"]["bytes"] / status["broker"]["messages"], "event": out["bytes"] / out["rounds"]}
            self.bench.figure("bytes.per_event", round(wrote), "bytes", rate=rate, commits=status["store"]["commits"], note="write_bytes of /proc/PID/io")
            for what, size in sizes.items():
                self.bench.figure(f"bytes.ratio_to_{what}", round(wrote / size, 2), f"bytes written/{what}", bytes=round(size))
            self.bench.figure("bytes.store_after", os.path.getsize(box.store), "bytes", events=rate * seconds)
        finally:
            inside.close()
            box.close()

    def latency(self):
        """From just before the publish of a message that raises an incident to a platform's having read it, beside 1,000 ordinary messages a second."""
        for how in ("mqtt", "https"):
            platform = None

            def platforms(box, broker):
                nonlocal platform
                box.certificates()
                secret_file, secret = box.secret()
                platform = standin.Platform(box.dir, secret=secret)
                if how == "https":
                    port = platform.start_https(0, box.path("server.pem"), box.path("server.key"))
                    return [box.https_platform(port, secret_file)]
                platform.start_mqtt("127.0.0.1", broker.port)
                return [box.mqtt_platform(broker.port)]
            box, broker = self.box(platforms=platforms)
            try:
                self.latency_of(how, box, broker, platform)
            finally:
                platform.stop()
                box.close()

    def latency_of(self, how, box, broker, platform):
        import paho.mqtt.client as mqtt
        box.start(log_level="warn")
        self.load(box, broker, STEADY_RATE, STEADY_RATE * (STEADY_SECONDS + 4))
        sender = mqtt.Client(client_id="sender")
        sender.connect("127.0.0.1", broker.port)
        sender.loop_start()
        time.sleep(2)
        sent = {}
        body = json.dumps({"action": work.REFUSED, "lock_state": "locked", "battery": 90})
        n = STEADY_SECONDS * 20
        for i in range(n):
            sent[f"probe-{i}"] = time.monotonic()
            sender.publish(f"zigbee2mqtt/probe-{i}", body, qos=1)
            time.sleep(0.05)
        time.sleep(2)
        status = box.status()
        seen = {}
        for channel in platform.channels.values():
            for at, _, envelope in channel.deliveries:
                seen.setdefault(envelope["data"]["by"], at)
        took = sorted((seen[d] - t) * 1000 for d, t in sent.items() if d in seen)
        what = {"messages": len(took), "of": n, "rate": STEADY_RATE}
        self.bench.figure(f"latency.{how}.p50", round(took[len(took) // 2], 2), "ms", **what)
        self.bench.figure(f"latency.{how}.p99", round(took[int(len(took) * 0.99)], 2), "ms", **what)
        self.bench.figure(f"latency.{how}.commit.p50", round(status["store"]["commit_p50_us"] / 1000, 2), "ms", note="of it, the commit's share: the upper bound of its power of two")
        self.bench.figure(f"latency.{how}.commit.p99", round(status["store"]["commit_p99_us"] / 1000, 2), "ms")
        sender.disconnect()
        sender.loop_stop()
