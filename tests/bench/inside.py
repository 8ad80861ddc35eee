# SPDX-License-Identifier: Apache-2.0
"""What a message costs inside: each room alone, and against the number of rules, devices, the store's size. Wall times are of no use on a machine that others use too:
figures are CPU, the least of some runs, and instructions as callgrind counts them."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import work

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
STORE_BYTES = int(float(os.environ.get("BENCH_STORE_BYTES", "1e9")))
EXPRESSIONS = {
    "two_comparisons": "event.battery < 20.0 && event.user == 3",
    "state_change": "event.locked && event.action == 'lock'",
    "text": "event.action.startsWith('unlock_') && !(event.user in [1, 2, 3])",
    "regex": "event.action.matches('^unlock_failure_.*pin')",
    "optional": "event.?battery.orValue(100) < 20 || has(event.action)",
    "list": "[1, 2, 3, 4].exists(x, x == event.user)",
}
EVENT = json.dumps({"k": "lock", "d": "lock-1", "t": 1768046400000, "f": {"battery": 12.5, "user": 3, "locked": True, "action": "unlock_failure_invalid_pin"}})


class Inside:
    def __init__(self, bench, program=None):
        self.bench = bench
        self.program = program or os.path.join(bench.build, "tests", "bench", "inside")
        self.dir = tempfile.mkdtemp(prefix="gengfu-bench-")
        self.valgrind = shutil.which("valgrind")
        self.n = 0

    def close(self):
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def fresh(self, suffix=""):
        self.n += 1
        return self.path(f"{self.n}{suffix}")

    def rules(self, text, devices=300):
        return work.directory(self.fresh(), text, devices)

    def messages(self, devices=300, kind=work.lock):
        return work.messages(self.fresh(".txt"), max(3000, 2 * devices), devices, kind)

    def begin(self, *args, wrap=()):
        return subprocess.Popen([*wrap, self.program, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def once(self, *args, wrap=()):
        return self.end(self.begin(*args, wrap=wrap))

    def end(self, process):
        out, err = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(process.args)}: {err.strip()}")
        return json.loads(out.splitlines()[-1]), err

    def cpu(self, *args):
        """Least CPU of some runs, in us a round; and the last run's whole answer."""
        best, out = None, None
        for _ in range(RUNS):
            args_now = [a() if callable(a) else a for a in args]
            out, _ = self.once(*args_now)
            us = out["cpu_s"] * 1e6 / out["rounds"]
            best = us if best is None else min(best, us)
        return best, out

    def instructions(self, mode, count, *args, wrap=("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--instr-atstart=no"), at_once=True):
        """Of one round: what twice as many rounds add. None without valgrind. Both are counted at once, where they share no file: a count knows no hurry."""
        if not self.valgrind and wrap[0] == "valgrind":
            return None
        def said(err):
            return int(re.search(r"Collected : (\d+)", err).group(1))
        rounds = [(mode, n, *[a() if callable(a) else a for a in args]) for n in (count, 2 * count)]
        if at_once:
            total = [said(self.end(p)[1]) for p in [self.begin(*r, wrap=wrap) for r in rounds]]
        else:
            total = [said(self.once(*r, wrap=wrap)[1]) for r in rounds]
        if total[1] == 0:
            raise RuntimeError("inside was built without valgrind's header, which came later: remove it from the build and make it again")
        return (total[1] - total[0]) / count

    def room(self, name, mode, count, *args, counted=2000, **more):
        us, out = self.cpu(mode, count, *args)
        self.bench.figure(name, round(us, 3), "us", **more)
        n = self.instructions(mode, counted, *args)
        if n is not None:
            self.bench.figure(name + ".instructions", round(n), "instructions", **more)
        return us, out

    # -- figures -----------------------------------------------------------------------------------------------------------------

    def rooms(self):
        """The parts of the floor, then the way of a message, a room more each time."""
        lock, cam, rules = self.messages(), self.messages(kind=work.camera), self.rules(work.all_look(100))
        def db():
            return self.fresh(".db")
        self.room("inside.floor.cjson", "cjson", 100000, lock, bytes=250)
        self.room("inside.floor.journal", "journal", 100000, db, batch=200, bytes=300)
        self.room("inside.sources", "map", 50000, rules, lock)
        self.room("inside.sources.frigate", "map", 20000, rules, cam, bytes=1280)
        self.room("inside.sources+rules", "engine", 50000, rules, lock, rules=100, devices=300)
        self.room("inside.sources+programs", "engine", 50000, self.rules(work.all_look(100, programs=True)), lock, rules=100, devices=300)
        self.room("inside.sources+rules+store", "store", 50000, rules, lock, db, 200, rules=100, devices=300, batch=200)
        self.room("inside.sources+rules+store.frigate", "store", 20000, rules, cam, db, 200, rules=100, devices=300, batch=200)

    def floor(self):
        """What one message costs whoever parses it and keeps it, in us: cJSON in an arena, a row in SQLite."""
        return self.cpu("cjson", 100000, self.messages())[0] + self.cpu("journal", 100000, lambda: self.fresh(".db"), 200)[0]

    def growth(self):
        """Against the number of rules that look, of rules that are not concerned, of devices, and the size of the store."""
        lock = self.messages()
        for n in (10, 100, 1000, 10000):
            self.room(f"growth.rules_that_look.{n}", "engine", 100000 // max(1, n // 20), self.rules(work.all_look(n)), lock, counted=500)
        for how in ("value", "device", "list", "kind"):
            few, many = (self.room(f"growth.rules_not_concerned.{how}.{n}", "engine", 20000, self.rules(work.do_not_concern(n, how)), lock, counted=3000)[0] for n in (10, 10000))
            self.bench.figure(f"growth.rules_not_concerned.{how}.ratio", round(many / few, 2), "10,000 rules to 10")
        for n in (10, 300, 3000):
            self.room(f"growth.devices.{n}", "engine", 50000, self.rules(work.all_look(100), n), self.messages(n), devices=n, counted=6000)
        rules, db = self.rules(work.all_look(100)), self.fresh(".db")
        empty, _ = self.room("growth.store.empty", "store", 20000, rules, lock, lambda: self.fresh(".db"), 200)
        rows = self.fill(db, rules, lock)
        what = {"bytes": os.path.getsize(db), "rows": rows}
        full, _ = self.cpu("store", 20000, rules, lock, db, 200)
        self.bench.figure("growth.store.full", round(full, 3), "us", **what)
        n = self.instructions("store", 2000, rules, lock, db, 200, at_once=False)
        if n is not None:
            self.bench.figure("growth.store.full.instructions", round(n), "instructions", **what)
        self.bench.figure("growth.store.ratio", round(full / empty, 2), "full to empty")

    def fill(self, db, rules, messages):
        """A store of BENCH_STORE_BYTES whose journal ends now. Gives its events."""
        part, rows = self.fresh(".db"), 200000
        self.once("store", rows, rules, messages, part, 200)
        times = max(1, round(STORE_BYTES / os.path.getsize(part)))
        out, _ = self.once("repeat", times, part, rows, db)
        os.unlink(part)
        return out["rounds"]

    def backtest(self, hour=None):
        """Stored events a second through every rule: a hundred rules that all look at every event; and, given an hour of the neighbourhood (directory, store), the shipped rules."""
        rules, db = self.rules(work.all_look(100)), self.fresh(".db")
        self.once("store", 300000, rules, self.messages(), db, 200)
        us, out = self.cpu("replay", rules, db)
        self.bench.figure("backtest.rules_that_look.100", round(1e6 / us), "events/s of CPU", events=out["rounds"], note="each event is looked at by every rule")
        if hour is None:
            return
        config, store = hour
        long = self.fresh(".db")
        self.once("repeat", 75, store, 3600000, long)
        us, out = self.cpu("replay", config, long)
        self.bench.figure("backtest.shipped_rules", round(1e6 / us), "events/s of CPU", events=out["rounds"], incidents=out["extra"], rss=out["rss"], note="an hour of the example neighbourhood, 75 times")

    def patterns(self):
        lock, base = self.messages(), None
        for name, lines in {"none": [], **work.PATTERNS}.items():
            us, _ = self.cpu("engine", 50000, self.rules("rules:" + ("\n" + "\n".join(lines) if lines else " []") + "\n"), lock)
            if base is None:
                base = us
            else:
                self.bench.figure(f"pattern.{name}", round((us - base) * 1000), "ns/event", note="above sources alone")

    def expressions(self):
        for name, text in EXPRESSIONS.items():
            us, _ = self.cpu("compile", 5000, text)
            self.bench.figure(f"expression.{name}.compile", round(us, 2), "us", expression=text, note="text to program, in the rules' environment")
            n = self.instructions("compile", 500, text)
            if n is not None:
                self.bench.figure(f"expression.{name}.compile.instructions", round(n), "instructions", expression=text)
            us, _ = self.cpu("eval", 500000, text, EVENT)
            self.bench.figure(f"expression.{name}.eval", round(us * 1000, 1), "ns", expression=text)
            n = self.instructions("eval", 5000, text, EVENT)
            if n is not None:
                self.bench.figure(f"expression.{name}.eval.instructions", round(n), "instructions", expression=text)

    def memory(self):
        """Heap of a rule set, a rule, a device, a key with an open hold; and how long a set takes to load."""
        for n in (100, 1000, 10000):
            us, out = self.cpu("load", 1, self.rules(work.all_look(n)))
            self.bench.figure(f"load.rules.{n}", round(us / 1000, 1), "ms")
            self.bench.figure(f"memory.rule.of_{n}", round(out["heap"] / n), "bytes")
        heaps = {}
        for n in (300, 3000):
            us, out = self.cpu("load", 1, self.rules(work.all_look(10), n))
            self.bench.figure(f"load.devices.{n}", round(us / 1000, 1), "ms")
            heaps[n] = out["heap"]
        self.bench.figure("memory.device.registry", round((heaps[3000] - heaps[300]) / 2700), "bytes")
        keys = "rules:\n" + "\n".join(work.PATTERNS["for"]) + "\n"
        rss = {}
        for n in (300, 3000):
            out, _ = self.once("engine", 2 * n, self.rules(keys, n), self.messages(n))
            rss[n] = out["rss"]
        self.bench.figure("memory.device.with_state_and_key", round((rss[3000] - rss[300]) / 2700), "bytes", note="resident; registry, latest fields, one pending key")
