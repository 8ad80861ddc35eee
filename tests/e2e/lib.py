# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share. A test is a function test_…(t) in tests/e2e/*.py; `t` gives it sandboxes that are cleared away afterwards, and checks
that go on after a failure, so that one run tells everything that is wrong."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import sandbox  # noqa: E402
import standin  # noqa: E402

# One source and a handful of rules for the tests that need no neighbourhood.
PROBE_SOURCE = """sources:
  - source: probe
    topic: probe/{device}
    events:
      - kind: probe
        device: topic.device
        fields:
          level: payload.level
          seq: payload.?seq.orValue(0)
"""
PROBE_RULES = """rules:
  - rule: high
    about: The level is above ten.
    on: probe
    when: event.level > 10
    clear: event.level < 5
    incident: {severity: moderate, title: "${device.id} 过高"}
"""
PROBES = "device,kind,name\n" + "".join(f"p{i},probe,探头{i}\n" for i in range(1, 51))


class Skip(Exception):
    pass


def short(value):
    text = repr(value)
    return text if len(text) <= 600 else text[:590] + f"… ({len(text)} characters)"


class Test:
    """Handed to each test."""

    def __init__(self, build, verbose, shared):
        self.build, self.verbose, self.shared = build, verbose, shared
        self.failures = []
        self.boxes = []
        self.closers = []

    def box(self, name):
        box = sandbox.Sandbox(self.build, name)
        self.boxes.append(box)
        return box

    def later(self, function):
        """Called when the test is over, last first."""
        self.closers.append(function)

    def note(self, text):
        if self.verbose:
            print(f"        {text}", flush=True)

    def check(self, condition, sentence):
        if not condition:
            self.failures.append(sentence)
        return bool(condition)

    def equal(self, got, want, what):
        return self.check(got == want, f"{what}: {short(got)}, wanted {short(want)}")

    def platform(self, box, script=None, secret=None):
        platform = standin.Platform(box.dir, sandbox.GATEWAY, script=script, secret=secret)
        self.later(platform.stop)
        return platform

    def close(self):
        for function in reversed(self.closers):
            function()
        for box in self.boxes:
            box.close()


def probe_box(t, name, platforms=True, rules=None, **kwargs):
    """A broker, a platform's broker with the stand-in, and a daemon's configuration with the probe source. Returns (box, broker, platform)."""
    box = t.box(name)
    broker = sandbox.Broker(box).start()
    platform = None
    entries = []
    if platforms:
        city = sandbox.Broker(box, "city").start()
        platform = t.platform(box)
        platform.start_mqtt("127.0.0.1", city.port, "city")
        entries = [box.mqtt_platform(city.port)]
    box.configure(broker.port, entries, {"10-probe.yaml": PROBE_SOURCE, "20-rules.yaml": rules or PROBE_RULES}, PROBES, **kwargs)
    return box, broker, platform


def probe(device, level, **more):
    import json
    return (f"probe/{device}", json.dumps({"level": level, **more}))


def settle(function, seconds=30, still=3.0):
    """The value of function() once it has stood still for a while."""
    end, value, since = time.monotonic() + seconds, None, time.monotonic()
    while time.monotonic() < end:
        now = function()
        if now != value:
            value, since = now, time.monotonic()
        elif time.monotonic() - since > still:
            break
        time.sleep(0.1)
    return value
