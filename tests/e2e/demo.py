# SPDX-License-Identifier: Apache-2.0
"""The demo as a user has it: it runs, it shows, and it leaves nothing behind."""
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import sandbox

RUN = os.path.join(sandbox.ROOT, "tests", "demo", "run")


def start(t, directory, *args):
    return subprocess.Popen([sys.executable, RUN, "--build", t.build, *args], cwd=sandbox.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, start_new_session=True, env=dict(os.environ, TMPDIR=directory, NO_COLOR="1"))


def processes(directory):
    """Whoever still works in the directory."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                command = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory in command and str(os.getpid()) not in path:
            found.append(command)
    return found


def test_runs_and_leaves_nothing(t):
    with tempfile.TemporaryDirectory(prefix="gengfu-e2e-demo-") as directory:
        process = start(t, directory, "--scale", "300")
        output, _ = process.communicate(timeout=90 * sandbox.PATIENCE)
        t.equal(process.returncode, 0, f"exit code; it said:\n{output[-1500:]}")
        lines = re.findall(r"^20:\d\d:\d\d  \S+ +(extreme|severe|moderate|minor) +gw-lanxi-20260110-\d+", output, re.M)
        t.check(len(lines) >= 35, f"{len(lines)} lines of incidents:\n{output}")
        for word in ("messages", "events", "incidents", "folded repeats", "latency", "memory"):
            t.check(re.search(rf"^  {word}\s+[\d.]+", output, re.M), f"no {word} in the summary:\n{output[-1500:]}")
        t.check("violation" not in output and "Traceback" not in output, output[-1500:])
        t.equal(processes(directory), [], "processes that are left")
        t.equal(os.listdir(directory), [], "files that are left")


def test_ctrl_c_leaves_nothing(t):
    with tempfile.TemporaryDirectory(prefix="gengfu-e2e-demo-") as directory:
        process = start(t, directory)
        sandbox.wait_for(lambda: len(processes(directory)) >= 3, 30, "the demo to run")
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30 * sandbox.PATIENCE)
        t.check("Traceback" not in output, output[-1500:])
        t.equal(processes(directory), [], "processes that are left")
        t.equal(os.listdir(directory), [], "files that are left")


def test_keep_tells_how_to_go_on(t):
    with tempfile.TemporaryDirectory(prefix="gengfu-e2e-demo-") as directory:
        process = start(t, directory, "--keep", "--scale", "600")
        try:
            said = ""
            while "Ctrl-C ends it" not in said:
                line = process.stdout.readline()
                if not t.check(line, f"it ended:\n{said[-1500:]}"):
                    return
                said += line
            command = re.search(r"^  (\S+) status --config (\S+)$", said, re.M)
            if t.check(command, f"no status command among the examples:\n{said[-1500:]}"):
                done = subprocess.run([command[1], "status", "--config", command[2]], capture_output=True, text=True, timeout=20 * sandbox.PATIENCE)
                t.check(done.returncode in (0, 1) and "gw-lanxi" in done.stdout, f"status: {done.returncode} {done.stdout}{done.stderr}")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30 * sandbox.PATIENCE)
        t.equal(processes(directory), [], "processes that are left")
        t.equal(os.listdir(directory), [], "files that are left")
