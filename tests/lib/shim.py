# SPDX-License-Identifier: Apache-2.0
"""The part of the daemon's process that a test holds in its hand: its wall clock, and the file system below SQLite (tests/torture/shim.c, preloaded)."""
import os
import struct

CONTROL = ["clock_offset", "kill_any", "kill_main", "fail_write", "fail_sync", "fail_read", "fail_stay", "code", "operations", "failures"]  # as in shim.c


class Shim:
    def __init__(self, box, build):
        self.library = os.path.abspath(os.path.join(build, "tests/torture/shim.so"))
        self.path, self.log = box.path("shim"), box.path("shim.log")
        with open(self.path, "wb") as f:
            f.write(bytes(8 * len(CONTROL)))
        self.file = open(self.path, "r+b", buffering=0)
        self.writing = False

    def set(self, **values):
        for name, value in values.items():
            self.file.seek(8 * CONTROL.index(name))
            self.file.write(struct.pack("=q", value))

    def get(self, name):
        self.file.seek(8 * CONTROL.index(name))
        return struct.unpack("=q", self.file.read(8))[0]

    def environment(self):
        env = {"LD_PRELOAD": self.library, "GENGFU_SHIM": self.path}
        if self.writing:
            env["GENGFU_SHIM_LOG"] = self.log
        return env
