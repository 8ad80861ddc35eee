# SPDX-License-Identifier: Apache-2.0
"""The system calls that systemd/gengfu.service allows, by name, so that tests can run the daemon under the very filter of the unit (tests/seccomp/launch)."""
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNIT = os.path.join(ROOT, "systemd", "gengfu.service")


# What the program tries and does not need. fchown: SQLite, only as root (as these tests may run; the unit does not). The clock: ProtectClock=, then a file says it.
FORESEEN = ["fchown", "adjtimex", "clock_adjtime"]


def missing(build):
    """What is lacking, as a sentence; "" when nothing."""
    if not os.path.exists(os.path.join(build, "tests/seccomp/launch")):
        return "not built: tests/seccomp/launch (package libseccomp-dev)"
    return "" if shutil.which("systemd-analyze") else "systemd-analyze is not installed (package systemd)"


def groups():
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True).stdout
    found, name = {}, None
    for line in text.splitlines():
        line = re.sub(r"\x1b\[[0-9;]*m", "", line)
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif line.startswith("    ") and name and not line.strip().startswith("#"):
            found[name].append(line.strip())
    return found


def resolve(names, known):
    calls = set()
    for name in names:
        calls |= resolve(known[name], known) if name.startswith("@") else {name}
    return calls


def allowed(unit=UNIT):
    """SystemCallFilter= lines in their order: the first one says what is allowed, those that begin with ~ take away."""
    known = groups()
    with open(unit, encoding="utf-8") as f:
        lines = re.findall(r"^SystemCallFilter=(~?)(.*)$", f.read(), re.M)
    calls = resolve(["@default"], known)
    for minus, names in lines:
        calls = calls - resolve(names.split(), known) if minus else calls | resolve(names.split(), known)
    return sorted(calls)


def lines(unit=UNIT):
    """For tests/seccomp/launch."""
    calls = allowed(unit)
    return calls + [f"?{name}" for name in FORESEEN if name not in calls]
