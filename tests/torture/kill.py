# SPDX-License-Identifier: Apache-2.0
"""SIGKILL: at random moments, and at every place where a program could have done one thing and not yet the other."""
import glob
import signal
import sqlite3
import subprocess
import time

from bench import scenario

# Migrations that can be taken back, so that a file of today becomes one of yesterday: version -> what undoes it.
UNDO = {4: "DROP TABLE published", 5: "DROP TABLE ruleset", 6: "DROP TABLE told"}


@scenario("kill -9 at random moments", times=100, long=320, quick=10)
def kill_at_random(b, times):
    b.up(https=True)
    b.flow(0.2)
    for _ in range(times):
        # Some die while they start, the others in the middle of their work.
        time.sleep(b.dice.uniform(0.005, 0.3))
        b.crash()
        b.start(wait=False)
        b.once_done(times)
    b.box.wait_ready()
    b.effect()
    return b.settle()


def die_over_and_over(b, point, times, fault, provoke=lambda i: None):
    """The daemon kills itself at the point; the next one is started with the same order. fault(): the order."""
    for i in range(times):
        provoke(i)
        try:
            code = b.box.daemon.wait(60)
        except subprocess.TimeoutExpired:
            b.failures.append(f"{point} was not passed within a minute")
            break
        b.over()
        b.check(code == -signal.SIGKILL, f"{point}: the daemon ended with {code}: {b.box.tail('daemon', 3)}")
        b.once_done(times)
        b.start(wait=False, fault=fault() if i + 1 < times else None)
    b.box.wait_ready()
    b.effect()
    return b.settle()


def kill_at(b, point, times, https=False):
    """At the Nth pass of a point that traffic passes by itself."""
    b.up(https=https)
    b.crash()
    b.start(wait=False, fault=f"{point}=kill@{b.dice.randint(2, 5)}")  # some points are passed at the start already
    b.flow()
    return die_over_and_over(b, point, times, lambda: f"{point}=kill@{b.dice.randint(1, 4)}")


def point(name, words, times, quick=2, long=0, **kwargs):
    """A scenario for a named point that traffic passes by itself."""
    def run(b, n):
        return kill_at(b, name, n, **kwargs)
    run.__name__ = "kill-" + name.replace(".", "-").replace("_", "-")
    scenario(words, times=times, quick=quick, long=long)(run)


point("ingest.after_read", "killed after reading a batch", 30, long=70)
point("store.before_commit", "killed before COMMIT", 30, long=70, quick=0)
point("store.after_commit", "killed after COMMIT", 30, long=70)
point("daemon.after_commit", "killed between COMMIT and the PUBACKs", 30, long=70, quick=0)
point("mqtt.before_ack", "killed before writing the PUBACKs", 30, long=70)
point("forward.before_send", "killed before sending to the platform", 30, long=70, quick=0, https=True)
point("forward.after_send", "killed after sending, before the receipt", 30, long=70, https=True)
point("forward.before_confirm", "killed with the receipt in hand, before it is noted", 30, long=70, https=True)


def reload_rules(b):
    """Another rule comes or goes: what stands must stay as it is. The answer does not matter, the daemon dies over it."""
    path = "config/rules.d/30-more.yaml"
    b.reloads = getattr(b, "reloads", 0) + 1
    b.box.write(path, f"rules:\n  - rule: more-{b.reloads}\n    about: Never.\n    on: tick\n    when: event.seq < 0\n    clear: manual\n"
                      "    incident: {severity: minor, title: nothing}\n")
    try:
        b.box.ask(do="reload")
    except (OSError, ValueError):
        pass


def reload_point(name, words, times, quick=1, long=0):
    def run(b, n):
        def provoke(_):
            b.box.wait_ready()
            reload_rules(b)
        return kill_at_first(b, name, n, provoke)
    run.__name__ = "kill-" + name.replace(".", "-").replace("_", "-")
    scenario(words, times=times, quick=quick, long=long)(run)


def kill_at_first(b, name, times, provoke):
    b.up(start=False)
    b.start(fault=f"{name}=kill")
    b.flow()
    return die_over_and_over(b, name, times, lambda: f"{name}=kill", provoke)


reload_point("reload.before_commit", "killed in a reload, before it is on disk", 15, long=40)
reload_point("reload.after_commit", "killed in a reload, after it is on disk", 15, long=40, quick=0)


def make_older(path, versions=1):
    """Takes the latest migrations back; the version that the file has then, and the one that it had."""
    with sqlite3.connect(path) as db:
        newest = db.execute("PRAGMA user_version").fetchone()[0]
        for version in range(newest, newest - versions, -1):
            if version not in UNDO:
                raise NotImplementedError(f"tests/torture/kill.py, UNDO: how is migration {version} taken back?")
            db.executescript(f"{UNDO[version]}; DELETE FROM migration WHERE version = {version}; PRAGMA user_version = {version - 1};")
    db.close()
    return newest - versions, newest


@scenario("killed in the middle of a migration", times=15, long=40, quick=2)
def kill_in_migration(b, times):
    b.up(counted=False)  # an older file cannot hold counts that the platform has not been told yet
    b.flow(0.3)
    b.effect()
    for _ in range(times):
        b.box.stop()
        step = b.dice.randint(1, len(UNDO))
        make_older(b.box.store, len(UNDO))
        b.start(wait=False, fault=f"migrate.mid=kill@{step}")
        code = b.box.daemon.wait(60)
        b.over()
        b.check(code == -signal.SIGKILL, f"the daemon ended with {code}: {b.box.tail('daemon', 3)}")
        b.start()
        b.effect()
        b.once_done(times)
    b.check(not glob.glob(b.box.store + ".damaged*"), "a migration that was broken off left a store that was set aside as damaged")
    return b.settle()
