# SPDX-License-Identifier: Apache-2.0
"""What a disk can do: be full, fail, turn read-only, lose a page, lose its end; and files of another version."""
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import sandbox
from bench import Skip, scenario
from kill import make_older

FULL, WRITE_FAILS, SYNC_FAILS, READ_FAILS = 13, 778, 1034, 266  # SQLITE_FULL, SQLITE_IOERR_WRITE, …_FSYNC, …_READ


# ---- full ---------------------------------------------------------------------------------------------------------------------------

def mount(b, *command):
    """A small file system of the test's own for the store."""
    if os.geteuid() != 0:
        raise Skip("it needs root, to mount a file system")
    place = b.box.path("disk")
    os.makedirs(place)
    done = subprocess.run(["mount", *command, place], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"this machine lets nobody mount: {done.stderr.strip()}")

    def unmount():
        b.box.end(b.box.daemon)
        subprocess.run(["umount", "-l", place], check=False)
    b.later.append(unmount)
    b.box.store = os.path.join(place, "gengfu.db")
    return place


def fill(path, leave):
    """Takes all room but so many bytes."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(1 << 16))
        except OSError:
            pass
        f.truncate(max(0, f.tell() - leave))


@scenario("disk full, with a little more or less room each time", times=10, long=20, quick=1)
def disk_full(b, times):
    place = mount(b, "-t", "tmpfs", "-o", "size=48m", "tmpfs")
    b.up(rate=1000)
    b.flow(0.3)
    filler = os.path.join(place, "filler")
    for _ in range(times):
        fill(filler, b.dice.randrange(0, 60) * 4096)
        sandbox.wait_for(lambda: not b.box.status()["store"]["writable"], 60, "the disk to be full for the daemon")
        time.sleep(b.dice.uniform(0, 0.4))
        b.check(any("store" in x["what"] for x in b.box.status()["troubles"]), "status says nothing of it")
        os.unlink(filler)
        b.over()
        b.effect()
        b.once_done(times)
    return b.settle()


@scenario("killed while the disk is full", times=4, long=12)
def disk_full_killed(b, times):
    place = mount(b, "-t", "tmpfs", "-o", "size=48m", "tmpfs")
    b.up(rate=1000)
    b.flow(0.3)
    filler = os.path.join(place, "filler")
    for _ in range(times):
        fill(filler, b.dice.randrange(0, 60) * 4096)
        sandbox.wait_for(lambda: not b.box.status()["store"]["writable"], 60, "the disk to be full for the daemon")
        b.box.kill()
        os.unlink(filler)
        b.over()
        b.start(wait=False)
        b.effect()
        b.once_done(times)
    return b.settle()


# ---- failing ------------------------------------------------------------------------------------------------------------------------

def nth_fails(b, times, killed, code, **which):
    """The Nth operation from now on fails, for each N. killed: it goes on failing, and the daemon is killed over it."""
    b.up(shim=True, rate=300)
    b.flow(0.2)
    name = next(iter(which))
    for n in range(1, times + 1):
        failures = b.shim.get("failures")
        b.shim.set(code=code, fail_stay=int(killed))
        b.shim.set(**{name: n})
        sandbox.wait_for(lambda: b.shim.get("failures") > failures, 20, f"the {n}th {name[5:]} of the store", every=0.005)
        if killed:
            b.box.kill()
        b.shim.set(code=0, fail_stay=0)
        b.over()
        if killed:
            b.start()
        b.effect()
        b.once_done(times)
    return b.settle()


@scenario("disk full at the Nth write of the store, N = 1, 2, 3 …", times=10, long=25)
def disk_full_at_nth(b, times):
    return nth_fails(b, times, False, FULL, fail_write=1)


@scenario("I/O error at the Nth write of the store, then killed", times=16, long=40, quick=2)
def io_error_write(b, times):
    return nth_fails(b, times, True, WRITE_FAILS, fail_write=1)


@scenario("I/O error at the Nth sync of the store", times=4, long=10)
def io_error_sync(b, times):
    return nth_fails(b, times, False, SYNC_FAILS, fail_sync=1)


@scenario("I/O error at the Nth read while it starts, N = 1, 2, 3 …", times=20, long=40)
def io_error_read(b, times):
    b.up(shim=True)
    b.flow(0.3)
    refused = 0
    for n in range(1, times + 1):
        b.box.kill()
        b.shim.set(code=READ_FAILS, fail_read=n)
        b.start(wait=False)

        def decided():
            if b.box.daemon.poll() is not None:
                return True
            try:
                return b.box.status()["broker"]["connected"]
            except (OSError, sandbox.Refused, IndexError):
                return False
        sandbox.wait_for(decided, 20, "the daemon to start, or to say that it cannot")
        b.shim.set(code=0, fail_read=0)
        b.over()
        if b.box.daemon.poll() is not None:
            refused += 1
            b.check(b.box.daemon.returncode > 0, f"it ended with {b.box.daemon.returncode}")
            b.start()
        b.effect()
        b.once_done(times)
    b.facts.append(f"{refused} starts said why they could not go on and ended; the next one went on")
    b.check(not glob.glob(b.box.store + ".damaged*"), "a store that is sound was set aside")
    return b.settle()


@scenario("file system turns read-only after an error of its own", times=2, long=3,
          nature="A real ext4, made read-only by the kernel while no sync is under way: one that is may be confirmed by the kernel and then lost with its journal, which a program that only "
                 "writes and syncs sees as well (once in five times here). Nothing that runs on top can know.")
def disk_read_only(b, times):
    """Nothing but stopping the daemon and mounting it anew helps: that is the end of the fault."""
    image = b.box.path("image")
    with open(image, "wb") as f:
        f.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    place = mount(b, "-o", "loop,errors=remount-ro", image)
    b.up()
    b.flow(0.3)
    for _ in range(times):
        b.effect()
        device = os.path.basename(subprocess.run(["findmnt", "-no", "SOURCE", place], capture_output=True, text=True, check=True).stdout.strip())
        b.box.daemon.send_signal(signal.SIGSTOP)
        subprocess.run(["sync", "-f", place], check=True)
        with open(f"/sys/fs/ext4/{device}/trigger_fs_error", "w", encoding="ascii") as f:
            f.write("1")
        b.box.daemon.send_signal(signal.SIGCONT)
        sandbox.wait_for(lambda: not b.box.status()["store"]["writable"], 20, "the daemon to see it")
        time.sleep(0.3)
        b.check(any("store" in x["what"] for x in b.box.status()["troubles"]), "status says nothing of it")
        b.box.kill()
        subprocess.run(["umount", place], check=True)
        subprocess.run(["e2fsck", "-p", "-f", image], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, place], check=True)
        b.over()
        b.start()
        b.effect()
        b.once_done(times)
    return b.settle()


# ---- damaged ------------------------------------------------------------------------------------------------------------------------

def kept_alive(b, seconds=30):
    """What systemd does: when it ends by itself it is started again. Until something new is confirmed."""
    count, end = b.confirmed("daemon"), time.monotonic() + seconds
    starts = 0
    while b.confirmed("daemon") == count:
        if b.box.daemon.poll() is not None:
            starts += 1
            b.start(wait=False)
        if time.monotonic() > end:
            raise TimeoutError(f"no effect within {seconds} s of the damage, {starts} starts: {b.box.tail('daemon', 5)}")
        time.sleep(0.02)


def damaged(b, times, spoil, readable=0.0):
    """spoil(path) damages the file of a daemon that was killed. What stood there before the damage is owed by nobody, and counted; what comes after it is owed as ever; of what
    stood there such a share must have been taken over, and all of what spoil returns (the keys that SQLite itself still reads)."""
    b.up(counted=False)
    vanished = stood = aside = 0
    b.flow(0.5)
    for _ in range(times):
        v = b.settle()
        if v.lost or v.missing or v.duplicates:
            return v
        before = {i["by"] for i in b.box.ask(do="incidents", limit=1000000, rule="each-marked")}
        b.box.kill()
        legible = spoil(b.box.store) or set()
        b.over()
        b.start(wait=False)
        b.ledger.forget()
        b.flow(0.2)
        kept_alive(b)
        time.sleep(0.2)
        while True:  # a damaged page may be met late, and ends it once more
            try:
                b.box.wait_ready()
                break
            except RuntimeError:
                kept_alive(b)
        after = {i["by"] for i in b.box.ask(do="incidents", limit=1000000, rule="each-marked")}
        stood += len(before)
        vanished += len(before - after)
        b.check(not legible - after, f"{len(legible - after)} of {len(legible)} incidents that SQLite still reads after the damage are gone")
        aside = len(glob.glob(b.box.store + ".damaged*"))
        b.once_done(times)
    v = b.settle()
    b.check(vanished <= stood * (1 - readable), f"of {stood} incidents in damaged files {vanished} were not taken over")
    b.facts.append(f"{aside} files were set aside, none deleted; {vanished} of {stood} incidents that stood in the damaged files were not readable any more "
                   "(the platform had them)")
    return v


@scenario("a page of the store overwritten", times=8, long=16, quick=2)
def damage_page(b, times):
    def spoil(path):
        with sqlite3.connect(path) as db:  # what the log holds goes into the file first, else the damage lies under it
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = db.execute("PRAGMA page_size").fetchone()[0]
        db.close()
        pages = os.path.getsize(path) // size
        with open(path, "r+b") as f:
            f.seek(b.dice.randrange(pages) * size)
            f.write(b.dice.randbytes(size))
    return damaged(b, times, spoil, readable=0.2 if times >= 8 else 0.0)  # which page it is decides how much stood behind it


@scenario("the store cut short", times=4, long=8)
def damage_truncated(b, times):
    def spoil(path):
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        os.truncate(path, b.dice.randrange(1, os.path.getsize(path)))
    return damaged(b, times, spoil)


@scenario("the write-ahead log overwritten", times=4, long=6)
def damage_log(b, times):
    """Its checksums show it: what is behind the damage never was."""
    def spoil(path):
        size = os.path.getsize(path + "-wal")
        with open(path + "-wal", "r+b") as f:
            f.seek(b.dice.randrange(size))
            f.write(b.dice.randbytes(2000))
        if os.path.exists(path + "-shm"):
            os.unlink(path + "-shm")
        for end in ("", "-wal"):
            shutil.copy(path + end, b.box.path("legible.db" + end))
        db = sqlite3.connect(b.box.path("legible.db"))
        try:
            return {row[0] for row in db.execute("SELECT key FROM incident WHERE rule = 'each-marked'")}
        except sqlite3.DatabaseError:  # the tables themselves stood in the log
            return set()
        finally:
            db.close()
    return damaged(b, times, spoil)


# ---- another version ----------------------------------------------------------------------------------------------------------------

@scenario("a store from a newer version", times=2, long=3, quick=1)
def version_newer(b, times):
    b.up()
    b.flow(0.3)
    for _ in range(times):
        b.effect()
        b.box.stop()
        db = sqlite3.connect(b.box.store)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1}")
        db.commit()
        db.close()
        with open(b.box.store, "rb") as f:
            before = f.read()
        b.start(wait=False)
        code = b.box.daemon.wait(60)
        b.check(code == 3 and "newer" in b.box.tail("daemon", 2), f"it ended with {code}: {b.box.tail('daemon', 2)}")
        with open(b.box.store, "rb") as f:
            b.check(f.read() == before and not glob.glob(b.box.store + ".damaged*"), "it touched the file")
        db = sqlite3.connect(b.box.store)
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
        db.close()
        b.over()
        b.start()
        b.effect()
        b.once_done(times)
    return b.settle()


@scenario("a store from an older version", times=3, long=5, quick=1)
def version_older(b, times):
    b.up(counted=False)
    b.flow(0.3)
    for _ in range(times):
        b.effect()
        b.box.stop()
        _, newest = make_older(b.box.store, b.dice.choice([1, 2]))
        b.over()
        b.start()
        b.check(b.box.status()["store"]["schema"] == newest, "it was not brought up to date")
        b.check(not glob.glob(b.box.store + ".damaged*"), "a sound store was set aside as damaged")
        b.effect()
        b.once_done(times)
    return b.settle()
