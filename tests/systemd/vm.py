# SPDX-License-Identifier: Apache-2.0
"""A Debian with systemd in a virtual machine, with gengfu installed as `make install` does it: made once (debootstrap), booted by qemu, spoken to over a line of its own,
and cut off like by a power failure: a killed qemu takes along all that its kernel had not written."""
import base64
import gzip
import itertools
import os
import platform
import shutil
import socket
import subprocess
import threading
import time

import sandbox

SUITE = "bookworm"
PACKAGES = ("systemd systemd-sysv udev dbus kmod initramfs-tools linux-image-cloud-amd64 libuv1 libmosquitto1 libsqlite3-0 libcjson1 libyaml-0-2 libcurl4 libssl3 libpcre2-8-0 "
            "liblz4-1 tzdata iproute2 procps").split()
HOST = "10.0.2.2"  # as the machine inside sees the one outside
AGENT = """#!/bin/bash
# Runs what comes over the second serial line, answers with the output and the exit code.
exec 3<>/dev/ttyS1
stty raw -echo <&3
while true; do
    read -r id command <&3 || { sleep 1; continue; }
    output=$(bash -c "$(base64 -d <<<"$command")" 2>&1 </dev/null; echo ":$?")
    printf '\\n=%s %s\\n' "$id" "$(gzip -c <<<"$output" | base64 -w0)" >&3
done
"""
AGENT_UNIT = """[Unit]
Description=the test's hand in the machine
[Service]
ExecStart=/usr/local/bin/agent
Restart=always
[Install]
WantedBy=multi-user.target
"""
NETWORK_UNIT = """[Unit]
Description=the way to broker and platform
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cd /sys/class/net; for n in e*; do ip link set "$n" up; ip address add 10.0.2.15/24 dev "$n"; done'
[Install]
WantedBy=multi-user.target
"""
# An emulated processor is slow: no patience runs out, and what a gateway does not need is left out.
PATIENCE = "[Manager]\nDefaultTimeoutStartSec=900s\nDefaultTimeoutStopSec=120s\n"
MASKED = """getty.target serial-getty@ttyS0.service systemd-logind.service systemd-update-utmp.service systemd-update-utmp-runlevel.service apt-daily.timer
    apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-networkd.service systemd-timesyncd.service ldconfig.service
    systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-pcrphase.service systemd-pcrphase-sysinit.service""".split()


def missing():
    if platform.machine() != "x86_64":
        return f"the machine is made for x86_64, not {platform.machine()}"
    if os.geteuid() != 0:
        return "it needs root, to make a file system of Debian's packages"
    lacking = [f"{program} ({package})" for program, package in (("qemu-system-x86_64", "qemu-system-x86"), ("debootstrap", "debootstrap"), ("mke2fs", "e2fsprogs"))
               if not shutil.which(program)]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


def write(root, name, text, mode=0o644):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def system(build):
    """The directory with Debian in it, made once."""
    root = os.path.abspath(build) + "-systemd/root"
    done = root + ".done"
    if not os.path.exists(done):
        os.makedirs(os.path.dirname(root), exist_ok=True)
        print(f"        a Debian of its own, once (in {root}) …", flush=True)
        with open(root + ".log", "w", encoding="utf-8") as log:
            subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root], stdout=log, stderr=log, check=True)
        write(root, "../root.done", "")
    return root


def image(box, build, files):
    """A disk with gengfu installed. files: {path: text}."""
    root = system(build)
    shutil.rmtree(os.path.join(root, "etc/gengfu"), ignore_errors=True)
    subprocess.run(["make", "-s", "-C", sandbox.ROOT, f"BUILD={os.path.abspath(build)}", f"DESTDIR={root}", "PREFIX=/usr", "install"], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(os.path.join(build, "tests/torture/journal"), os.path.join(root, "usr/local/bin/journal"))
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, stderr=subprocess.DEVNULL)
    write(root, "usr/local/bin/agent", AGENT, 0o755)
    write(root, "etc/systemd/system/agent.service", AGENT_UNIT)
    write(root, "etc/systemd/system/net.service", NETWORK_UNIT)
    write(root, "etc/systemd/system.conf.d/patience.conf", PATIENCE)
    write(root, "etc/fstab", "/dev/vda / ext4 defaults 0 1\n")
    write(root, "etc/hostname", "gateway\n")
    for name, text in files.items():
        write(root, name, text)
    for unit, name in (("/etc/systemd/system/agent.service", "agent.service"), ("/usr/lib/systemd/system/gengfu.service", "gengfu.service"),
                       ("/etc/systemd/system/net.service", "net.service")):
        link = os.path.join(root, "etc/systemd/system/multi-user.target.wants", name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.islink(link):
            os.symlink(unit, link)
    for unit in MASKED:
        if not os.path.islink(os.path.join(root, "etc/systemd/system", unit)):
            os.symlink("/dev/null", os.path.join(root, "etc/systemd/system", unit))
    for name in ("etc/.updated", "var/.updated"):  # nothing is to be brought up to date at the first boot
        write(root, name, "")
    path = box.path("disk.img")
    with open(path, "wb") as f:
        f.truncate(1500 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-d", root, path], check=True)
    for name in ("vmlinuz", "initrd.img"):
        newest = sorted(n for n in os.listdir(os.path.join(root, "boot")) if n.startswith(name + "-") and not n.endswith((".new", ".dpkg-bak")))[-1]
        shutil.copy(os.path.join(root, "boot", newest), box.path(name))
    return path


class Machine:
    def __init__(self, box, build, files):
        self.box = box
        self.disk = image(box, build, files)
        self.process = self.port = None
        self.ids = itertools.count(1)
        self.lock = threading.Lock()
        self.accelerators = ["kvm"] * os.access("/dev/kvm", os.W_OK) + ["tcg"]

    def boot(self, seconds=1800):
        """Until the agent answers; how long that took. Hardware that says it can and then shows nothing is not asked again."""
        while True:
            begun = time.monotonic()
            self.power_on()
            if self.accelerators[0] != "tcg" and not self.speaks(20):
                self.cut()
                del self.accelerators[0]
                continue
            # One question at a time: an emulated machine answers more slowly than one can ask.
            while True:
                try:
                    self.run("true", 30, any_answer=True)
                    return time.monotonic() - begun
                except TimeoutError:
                    if time.monotonic() - begun > seconds or self.process.poll() is not None:
                        raise RuntimeError(f"the machine does not come up: {self.box.tail('console', 5)}") from None

    def speaks(self, seconds):
        try:
            return sandbox.wait_for(lambda: self.process.poll() is not None or self.box.log("console"), seconds, "the console") and self.process.poll() is None
        except TimeoutError:
            return False

    def power_on(self):
        agent = self.box.path("agent.sock")
        for stale in (agent, self.box.path("console.log")):
            if os.path.exists(stale):
                os.unlink(stale)
        self.process = self.box.spawn(
            ["qemu-system-x86_64", "-machine", "q35,accel=" + self.accelerators[0], "-cpu", "max", "-m", "256", "-display", "none", "-nodefaults", "-no-reboot", "-kernel", self.box.path("vmlinuz"),
             "-initrd", self.box.path("initrd.img"), "-append", "root=/dev/vda rw console=ttyS0 panic=1 mitigations=off", "-drive", f"file={self.disk},if=virtio,format=raw",
             "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci", "-serial", f"file:{self.box.path('console.log')}",
             "-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-serial", "chardev:agent"], "qemu")
        sandbox.wait_for(lambda: os.path.exists(agent) or self.process.poll() is not None, 20, "qemu")
        if self.process.poll() is not None:
            raise RuntimeError(f"qemu ended: {self.box.tail('qemu')}")
        self.port = socket.socket(socket.AF_UNIX)
        self.port.connect(agent)
        self.rest = b""

    def cut(self):
        """The power fails."""
        self.process.kill()
        self.process.wait()
        self.port.close()

    def run(self, command, seconds=300, any_answer=False):
        """(exit code, output) of a shell command inside. any_answer: an earlier question's will do."""
        with self.lock:
            ident = str(next(self.ids))
            self.port.sendall(f"{ident} {base64.b64encode(command.encode()).decode()}\n".encode())
            end = time.monotonic() + seconds
            while True:
                line, found, rest = self.rest.partition(b"\n")
                if found:
                    self.rest = rest
                    got, _, body = line.decode(errors="replace").partition(" ")
                    if got == "=" + ident or (any_answer and got.startswith("=")):  # what does not begin so is our own line, echoed before there was an agent
                        output, _, code = gzip.decompress(base64.b64decode(body)).decode(errors="replace").rstrip("\n").rpartition(":")
                        return int(code), output
                    continue
                self.port.settimeout(max(0.01, end - time.monotonic()))
                try:
                    data = self.port.recv(65536)
                except TimeoutError:
                    raise TimeoutError(f"waited {seconds} s for: {command}") from None
                if not data:
                    raise RuntimeError(f"the machine is gone: {self.box.tail('console', 5)}")
                self.rest += data

    def say(self, command, seconds=300):
        """The output of a command that must succeed."""
        code, output = self.run(command, seconds)
        if code:
            raise AssertionError(f"{command}: exit code {code}: {output.strip()[-600:]}")
        return output.strip()

    def show(self, name, unit="gengfu"):
        return self.say(f"systemctl show {unit} -p {name} --value")
