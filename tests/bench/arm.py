# SPDX-License-Identifier: Apache-2.0
"""What can be learnt of a gateway's ARM core without one: the program built for it with Debian's compiler and libraries, run under qemu, which counts its instructions (tests/cross/count.c). Instructions in
user space, as callgrind's are; neither time, nor cache, nor kernel, and no memory that is resident, for qemu's own is in that. Heap is what malloc gave out, within the other machine."""
import os
import shutil
import subprocess

import work
from inside import EVENT, EXPRESSIONS, Inside

MACHINES = {"arm64": ("aarch64-linux-gnu", "qemu-aarch64"), "armhf": ("arm-linux-gnueabihf", "qemu-arm")}


class Arm:
    def __init__(self, bench):
        self.bench = bench

    def arm(self):
        """For each machine: the way of a message, a room more each time; an expression; heap of a rule and a device; the stripped program."""
        for machine, (triplet, qemu) in MACHINES.items():
            here = os.path.join(self.bench.build, machine)
            program = os.path.join(here, "build", "tests", "bench", "inside")
            plugin = os.path.join(self.bench.build, "count.so")
            if not (shutil.which(qemu) and os.path.exists(program) and os.path.exists(plugin)):
                self.bench.skip(f"arm.{machine}", "make bench-arm builds it, and brings qemu")
                continue
            self.machine(machine, triplet, Inside(self.bench, program), (qemu, "-L", os.path.join(here, "root"), "-plugin", plugin))

    def machine(self, machine, triplet, inside, wrap):
        def counted(name, mode, n, *args, **more):
            self.bench.figure(f"arm.{machine}.{name}", round(inside.instructions(mode, n, *args, wrap=wrap)), "instructions", **more)

        def heap(rules):
            out, _ = inside.once("load", 1, rules, wrap=wrap)
            return out["heap"]
        try:
            lock, cam, rules = inside.messages(), inside.messages(kind=work.camera), inside.rules(work.all_look(100))
            counted("floor.cjson", "cjson", 2000, lock)
            counted("sources", "map", 2000, rules, lock)
            counted("sources.frigate", "map", 1000, rules, cam)
            counted("sources+rules", "engine", 2000, rules, lock, rules=100, devices=300)
            counted("sources+rules+store", "store", 2000, rules, lock, lambda: inside.fresh(".db"), 200, rules=100, devices=300, batch=200)
            counted("expression.two_comparisons", "eval", 5000, EXPRESSIONS["two_comparisons"], EVENT)
            few, many = heap(inside.rules(work.all_look(100))), heap(inside.rules(work.all_look(1000)))
            self.bench.figure(f"arm.{machine}.heap.rule", round((many - few) / 900), "bytes")
            few, many = heap(inside.rules(work.all_look(10), 300)), heap(inside.rules(work.all_look(10), 3000))
            self.bench.figure(f"arm.{machine}.heap.device", round((many - few) / 2700), "bytes", note="a row of the registry")
            stripped = inside.fresh(".stripped")
            subprocess.run([f"{triplet}-strip", "-o", stripped, os.path.join(self.bench.build, machine, "build", "gengfu")], check=True)
            self.bench.figure(f"arm.{machine}.program.stripped", round(os.path.getsize(stripped) / 1e6, 3), "MB")
        finally:
            inside.close()
