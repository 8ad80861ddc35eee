# SPDX-License-Identifier: Apache-2.0
"""A private place to run the whole of it: a directory, free ports, a broker, certificates, the daemon, simulated devices. Used by the demo and the
end-to-end tests. Everything started here dies with us, also when we are killed, and the directory goes with it."""
import base64
import ctypes
import grp
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import unit_filter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GATEWAY = "gw-lanxi"
STORY_START = "2026-01-10T20:00:00+08:00"
STORY_SECONDS = 3600
PATIENCE = int(os.environ.get("GENGFU_PATIENCE", "1"))  # so many times as long as usual: tests/run --patience
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """What this machine lacks, as one sentence; "" when nothing."""
    lacking = [f"{program} ({package})" for program, package in (("mosquitto", "mosquitto"), ("openssl", "openssl"))
               if not shutil.which(program) and not os.path.exists(f"/usr/sbin/{program}")]
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError:
        lacking.append("paho.mqtt for python3 (python3-paho-mqtt)")
    return f"not installed: {', '.join(lacking)}; `make deps` installs it from Debian" if lacking else ""


def with_paho():
    """The distribution's python3 has paho; another one that comes first in PATH may not. Call it first thing."""
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError:
        if os.path.exists("/usr/bin/python3") and os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
            os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds, what, every=0.02):
    """What the condition returned, as soon as that is true; else an error that says what was waited for."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds * PATIENCE} s for {what}")
        time.sleep(every)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Refused(Exception):
    """The daemon answered with an error."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class Broker:
    def __init__(self, box, name="broker", tls=False, password=None, endless=False, extra=()):
        """endless: its queue has no ceiling, whatever the shipped snippet says. extra: lines of its configuration."""
        self.box, self.name, self.tls = box, name, tls
        self.port = free_port()
        self.dir = os.path.join(box.dir, name)
        os.makedirs(self.dir)
        self.process = None
        self.password = password
        lines = [f"listener {self.port} 127.0.0.1", f"persistence_location {self.dir}/", "log_dest stderr", "log_type error", "log_type warning"]
        lines += [line for line in shipped_limits() if not (endless and line.startswith("max_queued_bytes"))]
        if os.geteuid() == 0:
            lines.append("user root")
        if tls:
            lines += [f"cafile {box.path('ca.pem')}", f"certfile {box.path('server.pem')}", f"keyfile {box.path('server.key')}", "require_certificate true"]
        if password:
            user, secret = password
            with open(os.path.join(self.dir, "passwords"), "w", encoding="ascii") as f:
                f.write(f"{user}:{secret}\n")
            os.chmod(f.name, 0o600)
            subprocess.run(["mosquitto_passwd", "-U", f.name], check=True)
            lines += [f"password_file {f.name}", "allow_anonymous false"]
        else:
            lines.append("allow_anonymous true")
        lines += extra
        self.conf = os.path.join(self.dir, "mosquitto.conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = self.box.spawn([program, "-c", self.conf], self.name)

        def up():
            if self.process.poll() is not None:
                raise RuntimeError(f"mosquitto ended: {self.box.tail(self.name)}")
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(up, 10, "mosquitto")
        return self

    def stop(self, sig=signal.SIGTERM):
        self.box.end(self.process, sig)

    def publish(self, messages, qos=1):
        """[(topic, payload[, retain])], each acknowledged by the broker."""
        import paho.mqtt.client as mqtt
        client = mqtt.Client(client_id=f"test-{os.getpid()}-{time.monotonic_ns()}")
        client.max_inflight_messages_set(1000)
        if self.password:
            client.username_pw_set(*self.password)
        if self.tls:
            client.tls_set(self.box.path("ca.pem"), self.box.path("client.pem"), self.box.path("client.key"))
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        infos = [client.publish(m[0], m[1], qos=qos, retain=len(m) > 2 and m[2]) for m in messages]
        for info in infos:
            info.wait_for_publish(30)
        client.disconnect()
        client.loop_stop()


def shipped_limits():
    """The lines of the broker snippet that we ship, so that what is tested is what is recommended."""
    wanted = ("max_queued_messages", "max_inflight_messages", "max_queued_bytes", "set_tcp_nodelay", "autosave_interval", "autosave_on_changes", "persistence",
              "persistent_client_expiration", "queue_qos0_messages", "message_size_limit")
    lines = []
    folder = os.path.join(ROOT, "systemd")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if "mosquitto" in name and name.endswith(".conf"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                lines += [line.strip() for line in f if line.split(" ")[0].strip() in wanted]
    return lines or ["max_queued_messages 0", "max_inflight_messages 0", "set_tcp_nodelay true", "persistence true", "autosave_interval 60"]


def flow_mapping(defaults, given):
    """A YAML flow mapping as text: the defaults, but those that are given."""
    names = {part.split(":")[0].strip() for part in given.split(",")}
    return "{" + ", ".join([part for part in defaults.split(", ") if part.split(":")[0] not in names] + [given]) + "}"


class Sandbox:
    def __init__(self, build, name="test"):
        self.program = os.path.abspath(os.path.join(build, "gengfu"))
        if not os.path.exists(self.program):
            raise FileNotFoundError(f"{self.program} is not there: make")
        self.dir = tempfile.mkdtemp(prefix=f"gengfu-{name}-")
        self.config = os.path.join(self.dir, "config")
        self.socket = os.path.join(self.dir, "gengfu.sock")
        self.store = os.path.join(self.dir, "gengfu.db")
        self.processes = []
        self.daemon = None
        self.keep = False

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # -- processes ---------------------------------------------------------------------------------------------------------------

    def spawn(self, command, log, **kwargs):
        with open(self.path(f"{log}.log"), "ab") as f:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=kwargs.pop("stdout", f), stderr=f, cwd=self.dir, start_new_session=True,
                                       preexec_fn=_die_with_parent, env=dict(os.environ, GENGFU_ALLOW_ROOT="1", **kwargs.pop("env", {})), **kwargs)
        self.processes.append(process)
        return process

    def end(self, process, sig=signal.SIGTERM, seconds=20):
        """Ends one process of ours; its exit code."""
        if process is None or process.poll() is not None:
            return process.returncode if process else None
        process.send_signal(sig)
        try:
            return process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise TimeoutError(f"{process.args[0]} did not end within {seconds * PATIENCE} s of signal {sig}") from None

    def log(self, name):
        try:
            with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def tail(self, name, lines=15):
        return "\n".join(self.log(name).splitlines()[-lines:])

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    # -- certificates ------------------------------------------------------------------------------------------------------------

    def certificates(self, env=None):
        """An authority of our own, a server for 127.0.0.1 and localhost, a client."""
        def openssl(*args):
            subprocess.run(["openssl", *args], cwd=self.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env and dict(os.environ, **env))
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=gengfu test authority")
        for who, subject, extra in (("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1"), ("client", "/CN=gengfu", "extendedKeyUsage=clientAuth")):
            openssl("req", *new, "-keyout", f"{who}.key", "-out", f"{who}.csr", "-subj", subject)
            with open(self.path(f"{who}.ext"), "w", encoding="ascii") as f:
                f.write(extra + "\n")
            openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", f"{who}.ext", "-out",
                    f"{who}.pem")
            os.chmod(self.path(f"{who}.key"), 0o600)

    def secret(self):
        """A Standard Webhooks secret in a file; (path, bytes)."""
        raw = os.urandom(24)
        path = self.path("webhook.secret")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
            f.write("whsec_" + base64.b64encode(raw).decode() + "\n")
        return path, raw

    # -- configuration -----------------------------------------------------------------------------------------------------------

    def configure(self, broker_port, platforms=(), rules=None, devices=None, broker_extra="", limits="", store_extra="", clock="any"):
        """A configuration directory: the shipped rules, or {file name: text} in their place. platforms: YAML flow mappings as text."""
        if rules is None:
            shutil.copytree(os.path.join(ROOT, "rules"), self.config)
        else:
            os.makedirs(os.path.join(self.config, "rules.d"), exist_ok=True)
            for name, text in rules.items():
                self.write(os.path.join("config", "rules.d", name), text)
            self.write("config/devices.csv", devices or "device,kind\n")
            shutil.copy(os.path.join(ROOT, "rules", "codes.csv"), self.config)
        text = (f"gateway: {{id: {GATEWAY}, name: 澜溪社区, lat: 30.0490, lon: 119.9050, zone: Asia/Shanghai, clock: {clock}}}\n"
                f"broker: {{host: 127.0.0.1, port: {broker_port}{broker_extra}}}\n"
                f"store: {{path: {self.store}{store_extra}}}\n"
                f"control: {{socket: {self.socket}, group: {grp.getgrgid(os.getegid()).gr_name}}}\n")
        if limits:
            text += f"limits: {{{limits}}}\n"
        if platforms:
            text += "platforms:\n" + "".join(f"  - {p}\n" for p in platforms)
        self.write("config/gengfu.yaml", text)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def mqtt_platform(self, port, extra=""):
        """A platform's entry; what `extra` names takes the place of what stands here."""
        return flow_mapping("platform: city, type: mqtt, host: 127.0.0.1, client_id: gengfu-city, receipt_timeout: 5s, retry_min: 200ms, retry_max: 2s", f"port: {port}{extra}")

    def https_platform(self, port, secret_file, extra=""):
        return flow_mapping("platform: district, type: https, retry_min: 200ms, retry_max: 2s, timeout: 5s",
                            f"url: 'https://localhost:{port}/incidents', secret_file: {secret_file}, tls: {{ca: {self.path('ca.pem')}}}{extra}")

    # -- the daemon --------------------------------------------------------------------------------------------------------------

    def under_filter(self, command, action):
        """The command under the unit's system call filter. action: eperm, as the unit does, or kill."""
        names = self.path("allowed-calls")
        if not os.path.exists(names):
            with open(names, "w", encoding="ascii") as f:
                f.write("\n".join(unit_filter.lines()) + "\n")
        return [os.path.join(os.path.dirname(self.program), "tests/seccomp/launch"), action, names, *command]

    def start(self, scale=None, clock=None, wait=True, log_level="info", connected=True, fault=None, env=None, calls=os.environ.get("GENGFU_TEST_FILTER")):
        command = [self.program, "run", "--config", self.config, "--log", log_level]
        if scale:
            command += ["--time-scale", str(scale)]
        if clock:
            command += ["--clock-start", clock]
        env = dict(env or {}, **({"GENGFU_FAULT": fault} if fault else {}))
        if calls:
            command = self.under_filter(command, calls)
            if sanitized(self.program):  # it looks for leaks by ptrace, which the filter forbids, and waits for ever
                env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.daemon = self.spawn(command, "daemon", env=env)
        if wait:
            self.wait_ready(connected)
        return self.daemon

    def wait_ready(self, connected=True, seconds=60):
        def ready():
            if self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.daemon.returncode}: {self.tail('daemon')}")
            try:
                status = self.status()
            except (OSError, Refused):
                return False
            return not connected or status["broker"]["connected"]
        wait_for(ready, seconds, "the daemon")

    def stop(self, sig=signal.SIGTERM):
        code = self.end(self.daemon, sig)
        return code

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def ask(self, **request):
        """The control socket, spoken to directly: the lines of the answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60 * PATIENCE)
            s.connect(self.socket)
            s.sendall(json.dumps(request).encode() + b"\n")
            lines = []
            with s.makefile("rb") as f:
                for line in f:
                    item = json.loads(line)
                    if item.get("end"):
                        if item.get("code"):
                            raise Refused(item["code"], item.get("error") or "")
                        return lines
                    lines.append(item)
        raise OSError("the daemon hung up in the middle of an answer")

    def status(self):
        return self.ask(do="status")[0]

    def wait_client(self, seconds=10):
        """Until a program has connected to the control socket: each connection stands in the list behind the one that listens."""
        def connected():
            with open("/proc/net/unix", encoding="ascii", errors="replace") as f:
                return sum(line.split()[-1] == self.socket for line in f) > 1
        wait_for(connected, seconds, "a client of the control socket")

    def cli(self, *args, check=None, **kwargs):
        """gengfu with --config of this place: a CompletedProcess with text. check: the exit code that is wanted."""
        done = subprocess.run([self.program, args[0], "--config", self.config, *args[1:]], capture_output=True, text=True, errors="replace", timeout=60 * PATIENCE,
                              stdin=subprocess.DEVNULL, env=dict(os.environ, GENGFU_ALLOW_ROOT="1", NO_COLOR="1"), **kwargs)
        if check is not None and done.returncode != check:
            raise AssertionError(f"gengfu {' '.join(args)}: exit code {done.returncode}, wanted {check}\n{done.stdout}{done.stderr}")
        return done

    def listing(self, *args):
        """The objects that `gengfu … --json` prints."""
        return [json.loads(line) for line in self.cli(*args, "--json").stdout.splitlines() if line.strip()]

    # -- devices -----------------------------------------------------------------------------------------------------------------

    def simulate(self, port, *args, log="simulate"):
        return self.spawn([self.program, "simulate", "--port", str(port), *[str(a) for a in args]], log)

    def until_clock(self, stamp, scale, early=0.0):
        """Sleeps until the daemon's own clock shows the stamp (seconds since 1970), `early` real seconds before."""
        from datetime import datetime
        now = datetime.fromisoformat(self.status()["now"]).timestamp()
        time.sleep(max(0.0, (stamp - now) / scale - early))


def sanitized(program):
    """Built with AddressSanitizer: then memory and time say nothing of the program itself."""
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


def fields(pid):
    """RSS and CPU seconds of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        rss = next((int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS")), 0)
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        parts = f.read().rsplit(")", 1)[1].split()
    return rss, (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
