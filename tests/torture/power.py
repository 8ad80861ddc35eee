# SPDX-License-Identifier: Apache-2.0
"""Power cuts. The daemon's store lies on a VFS (shim.c) that writes down every operation; a cut is a SIGKILL, after which the files are made anew from what was
synced, and of the later writes any may be there, or not, or in part. What is in nobody's sync is nobody's to rely on."""
import os
import signal
import struct
import subprocess
import time

from bench import scenario

HEAD = struct.Struct("=cBIq")  # as in shim.c
SECTOR = 512


class Disk:
    """The store's files as they are on the platters."""

    def __init__(self, box, shim, dice):
        self.box, self.shim, self.dice = box, shim, dice
        self.files = {}      # path -> bytearray, as synced
        self.dropped = self.torn = self.kept = 0

    def operations(self):
        try:
            with open(self.shim.log, "rb") as f:
                log = f.read()
        except FileNotFoundError:
            return
        at = 0
        while at + HEAD.size <= len(log):
            op, path_len, length, offset = HEAD.unpack_from(log, at)
            at += HEAD.size
            path = log[at:at + path_len].decode()
            at += path_len
            data = log[at:at + length] if op == b"w" else b""
            if op == b"w" and len(data) < length:
                return  # it was killed over this record: the write never came
            if offset > 1 << 30:
                raise RuntimeError(f"the shim's log makes no sense: {op} at {offset} of {path}")
            at += len(data)
            yield op, path, offset, data

    @staticmethod
    def apply(image, op, offset, data):
        if op == b"t":
            del image[offset:]
            image.extend(bytes(offset - len(image)))
        else:
            image.extend(bytes(max(0, offset + len(data) - len(image))))
            image[offset:offset + len(data)] = data

    def cut(self):
        """After the SIGKILL. What was never synced is decided by the dice: all gone, all there, or each for itself; the last one that is there may be torn."""
        pending = {}
        for op, path, offset, data in self.operations():
            image = self.files.setdefault(path, bytearray())
            if op == b"s":
                for write in pending.pop(path, ()):
                    self.apply(image, *write)
            else:
                pending.setdefault(path, []).append((op, offset, data))
        for path, writes in pending.items():
            manner = self.dice.choice(["none", "all", "some", "some", "torn", "torn"])
            last = self.dice.randrange(len(writes))
            for i, (op, offset, data) in enumerate(writes):
                if manner == "none" or (manner == "some" and self.dice.random() < 0.5) or (manner == "torn" and i > last):
                    self.dropped += 1
                    continue
                if manner == "torn" and i == last and len(data) > 1:
                    data = data[:self.dice.randrange(1, len(data))] if self.dice.random() < 0.5 else data[:max(1, len(data) // SECTOR // 2) * SECTOR]
                    self.torn += 1
                else:
                    self.kept += 1
                self.apply(self.files[path], op, offset, data)
        for path, image in self.files.items():
            with open(path, "wb") as f:
                f.write(image)
        for extra in (self.box.store + "-shm", self.shim.log):
            if os.path.exists(extra):
                os.unlink(extra)


def begin(b):
    b.up(shim=True, start=False)
    b.shim.writing = True
    b.start()
    b.flow(0.2)
    return Disk(b.box, b.shim, b.dice)


def end(b, disk):
    b.box.wait_ready()
    b.effect()
    v = b.settle()
    b.facts.append(f"{disk.dropped:,} writes that were not synced never arrived, {disk.kept:,} did, {disk.torn:,} did in part")
    return v


def cut(b, disk, times):
    """The daemon is dead, or dies now."""
    if b.box.daemon.poll() is None:
        b.box.kill()
    b.check(b.box.daemon.returncode == -signal.SIGKILL, f"the daemon ended with {b.box.daemon.returncode}: {b.box.tail('daemon', 3)}")
    b.shim.set(kill_any=0, kill_main=0)
    disk.cut()
    b.over()
    b.start(wait=False)
    b.once_done(times)


@scenario("power cut at random moments", times=60, long=200, quick=8)
def power_at_random(b, times):
    disk = begin(b)
    for _ in range(times):
        time.sleep(b.dice.uniform(0.02, 0.35))
        cut(b, disk, times)
    return end(b, disk)


@scenario("power cut at the Nth write or sync after the start", times=60, long=200, quick=8)
def power_at_nth(b, times):
    disk = begin(b)
    for _ in range(times):
        b.shim.set(kill_any=b.dice.randint(1, 60))
        try:
            b.box.daemon.wait(60)
        except subprocess.TimeoutExpired:
            b.failures.append("the write at which the power was to fail never came")
            break
        cut(b, disk, times)
    return end(b, disk)


@scenario("power cut while the log is moved into the file", times=30, long=100, quick=4)
def power_in_checkpoint(b, times):
    disk = begin(b)
    for _ in range(times):
        b.box.wait_ready()
        time.sleep(b.dice.uniform(0.02, 0.2))
        # A stop in order ends with the write-ahead log moved into the file: it dies on one of those writes.
        b.shim.set(kill_main=b.dice.randint(1, 12))
        b.box.daemon.send_signal(signal.SIGTERM)
        try:
            code = b.box.daemon.wait(60)
        except subprocess.TimeoutExpired:
            b.failures.append("it did not stop")
            break
        if code == 0:  # fewer writes than that: the cut comes right after the end
            b.box.daemon.returncode = -signal.SIGKILL
        cut(b, disk, times)
    return end(b, disk)
