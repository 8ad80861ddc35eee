# SPDX-License-Identifier: Apache-2.0
"""A wall clock that jumps (shim.c moves it for the daemon alone). Durations must not notice; what goes by the time of day must follow at once; nothing waits for a time
that went away."""
import calendar
import json
import time

import sandbox
import standin
from bench import scenario

HOLD = 2.0
MORE = """  - rule: held
    about: The level is above ten for so long.
    on: hold
    when: event.level > 10
    for: 2s
    clear: event.level < 5
    incident: {severity: severe, title: "${device.id} 持续"}
  - rule: by-night
    about: Somebody at night.
    on: hold
    during: dark
    when: event.level > 10
    clear: event.level < 5
    incident: {severity: severe, title: "${device.id} 夜间"}
time_intervals:
  dark: {times: [{start_time: sunset, end_time: sunrise}]}
"""
SOURCE = """  - source: hold
    topic: hold/{device}
    events:
      - kind: hold
        device: topic.device
        fields:
          level: payload.level
"""
ZONE = 8 * 3600


class Clock:
    def __init__(self, b):
        self.b, self.devices = b, 0

    def leap(self, seconds):
        b = self.b
        b.shim.set(clock_offset=b.shim.get("clock_offset") + int(seconds * 1000000))

    def set_to(self, stamp):
        self.b.shim.set(clock_offset=int((stamp - time.time()) * 1000000))

    def now(self):
        return time.time() + self.b.shim.get("clock_offset") / 1e6

    def next(self):
        self.devices += 1
        return f"h{self.devices}"

    def send(self, device, level):
        self.b.broker.publish([(f"hold/{device}", json.dumps({"level": level}))])
        return time.monotonic()

    def seen(self, rule, device):
        with self.b.platform.lock:
            for at, _, envelope in self.b.platform.first_seen:
                if envelope["data"]["rule"] == rule and envelope["data"].get("device") == device:
                    return at, envelope["data"]
        return None

    def duration_over(self, leap):
        """A hold begins, the clock leaps, the hold ends when it would have. Its incident."""
        device = self.next()
        begun = self.send(device, 50)
        time.sleep(0.5)
        leap()
        self.b.over()
        at, data = sandbox.wait_for(lambda: self.seen("held", device), 20, f"the hold of {device} to end")
        self.b.check(HOLD - 0.4 < at - begun < HOLD + 1.5, f"a duration of {HOLD} s took {at - begun:.1f} s over the leap")
        self.b.effect()
        return data


def begin(b, start=None, **kwargs):
    b.up(shim=True, start=False, rules=MORE, more_sources=SOURCE, registry_more="".join(f"h{i},hold\n" for i in range(1, 61)), **kwargs)
    clock = Clock(b)
    if start is not None:
        clock.set_to(start)
    b.start()
    b.flow(0.3)
    return clock


def raised_at(b, clock, data, quality="synced"):
    """The stamp of an incident is of the clock that was then, and says how good that is."""
    stamp = standin.rfc3339(data["times"]["raised"])
    b.check(abs(stamp - clock.now()) < 10, f"raised is {data['times']['raised']}, which is {stamp - clock.now():.0f} s from the clock that it was raised by")
    b.check(data["time_quality"] == quality, f"time_quality is {data['time_quality']}, wanted {quality}")


def put_right(b, clock, early):
    """What was stamped before the time came is told anew, with the right stamps."""
    def corrected():
        data = b.platform.latest("city").get(early["id"])
        return data and data["time_quality"] == "corrected" and data
    data = sandbox.wait_for(corrected, 10, f"{early['number']} with corrected stamps")
    late = clock.now() - standin.rfc3339(data["times"]["raised"])
    b.check(0 < late < 60, f"an incident of 1970 was put right to {late:.0f} s ago")


@scenario("clock set back an hour", times=2, long=4, quick=1)
def clock_back(b, times):
    clock = begin(b, https=True, mqtt=False)
    for _ in range(times):
        # What waits for its next try must not wait an hour longer.
        b.platform.control({"district": "down"})
        time.sleep(0.6)

        def leap():
            clock.leap(-3600)
            b.platform.control({"district": "ok"})
            b.over("district")
        data = clock.duration_over(leap)
        raised_at(b, clock, data)
        b.once_done(times)
    return b.settle()


@scenario("clock set forward a year", times=1, long=3)
def clock_forward(b, times):
    clock = begin(b)
    for _ in range(times):
        raised_at(b, clock, clock.duration_over(lambda: clock.leap(365 * 86400)))
        b.once_done(times)
    if not b.quick:
        time.sleep(32)  # once around the upkeep: what is a year old by such a clock has not been kept a year
        b.effect()
    return b.settle()


@scenario("clock set forward a year, and back", times=1, long=3)
def clock_forward_and_back(b, times):
    clock = begin(b, https=True)
    for _ in range(times):
        clock.duration_over(lambda: clock.leap(365 * 86400))
        raised_at(b, clock, clock.duration_over(lambda: clock.leap(-365 * 86400)))
        b.over("city")
        b.over("district")
        b.effect(by="city")
        b.once_done(times)
    return b.settle()


@scenario("start in 1970, the right time comes later", times=1, long=3, quick=1)
def clock_1970(b, times):
    clock = begin(b, start=30.0)
    for i in range(times):
        if i:
            b.box.kill()
            clock.set_to(30.0 + i)
            b.start()
        b.check(any("clock" in x["what"] for x in b.box.status()["troubles"]), "status does not say that the clock is not set")
        early = clock.duration_over(lambda: None)
        b.check(early["time_quality"] == "unsynced", f"an incident of 1970 says that its time is {early['time_quality']}")
        raised_at(b, clock, clock.duration_over(lambda: clock.set_to(time.time())))
        put_right(b, clock, early)
        b.check(not any("clock" in x["what"] for x in b.box.status()["troubles"]), "status still says that the clock is not set")
        b.once_done(times)
    return b.settle()


@scenario("clock leaps over midnight", times=2, long=4)
def clock_midnight(b, times):
    """To and fro: numbers begin anew with a day, and none is given twice."""
    noon = calendar.timegm((2027, 3, 1, 0, 0, 0)) - ZONE
    clock = begin(b, start=noon - 60)
    for i in range(times):
        step = 120 if i % 2 == 0 else -120
        raised_at(b, clock, clock.duration_over(lambda: clock.leap(step)))
        b.once_done(times)
    return b.settle()


@scenario("clock leaps over sunset and sunrise", times=2, long=4)
def clock_sunset(b, times):
    """What goes by the light of day goes by the clock that is now."""
    day = calendar.timegm((2027, 1, 10, 0, 0, 0)) - ZONE
    clock = begin(b, start=day + 12 * 3600)
    for i in range(times):
        before, after = clock.next(), clock.next()
        clock.send(before, 50)
        b.effect()
        time.sleep(0.3)
        b.check(not clock.seen("by-night", before), "an incident of the night by daylight")
        clock.send(before, 1)
        clock.set_to(day + i * 86400 + 22 * 3600)
        b.over()
        clock.send(after, 50)
        b.check(b.platform.wait(lambda: clock.seen("by-night", after), 10), "no incident of the night after the leap into it")
        clock.send(after, 1)
        clock.set_to(day + (i + 1) * 86400 + 12 * 3600)
        b.over()
        b.effect()
        b.once_done(times)
    return b.settle()
