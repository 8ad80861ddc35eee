# SPDX-License-Identifier: Apache-2.0
"""What was published, what came of it, and what should have. The rules of the bench (bench.RULES) give every numbered message a known effect: each counts into the
one incident of its device, each that is marked raises an incident of its own, named after its number."""
import bisect
import threading
import time
from collections import Counter

class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent, self.confirmed = set(), set()  # by the devices; by the broker, to the devices
        self.acknowledged = set()                 # by the daemon, to the broker
        self.devices = 20
        self.mark = 10                            # each so-many-th message raises an incident of its own
        self.timed, self.sent_at = False, {}
        self.handed_over = 0
        self.past = 0                             # serials up to this one are not looked at
        self.counted = True                       # the counting rule is there
        self.times = []                           # monotonic times of acknowledgements, in order
        self.faults_over = []                     # [(monotonic, "daemon" | channel name)]

    def device_of(self, serial):
        return f"t{serial % self.devices}"

    def message(self, serial):
        mark = "true" if serial % self.mark == 0 else "false"
        return f"torture/{self.device_of(serial)}", f'{{"seq":{serial},"mark":{mark}}}'.encode()

    def note_sent(self, serial):
        self.sent.add(serial)
        if self.timed:
            self.sent_at[serial] = time.monotonic()

    def note_confirmed(self, serial):
        self.confirmed.add(serial)

    def note_acknowledged(self, serial):
        with self.lock:
            self.acknowledged.add(serial)
            self.times.append(time.monotonic())

    def forget(self):
        """What was sent so far is owed no more."""
        self.past = max(self.sent, default=0)
        for name in ("sent", "confirmed", "acknowledged"):
            setattr(self, name, {n for n in getattr(self, name) if n > self.past})

    def fault_over(self, by="daemon"):
        """Now the fault is over: how long until something new is confirmed? By the daemon (a PUBACK), or by a channel of the platform."""
        self.faults_over.append((time.monotonic(), by))

    def longest_recovery(self, channels):
        """The longest of those that were given the time: a fault with another one before anything was confirmed has no recovery of its own."""
        longest, unrecovered = 0.0, 0
        times = {"daemon": self.times}
        for name, channel in channels.items():
            times[name] = [at for at, _, _ in channel.deliveries]
        for k, (at, by) in enumerate(self.faults_over):
            i = bisect.bisect_left(times[by], at)
            effect = times[by][i] if i < len(times[by]) else None
            following = next((other for other, whose in self.faults_over[k + 1:] if whose == by), None)
            if effect is None:
                unrecovered += following is None
            elif following is None or effect < following:
                longest = max(longest, effect - at)
        return longest, unrecovered


class Verdict:
    """The comparison at the end of a scenario."""

    def __init__(self):
        self.acknowledged = self.lost = self.missing = self.duplicates = 0
        self.broker_lost = self.broker_again = 0   # by nature: see the scenario
        self.recovery = None
        self.details = []                          # sentences about everything that is not as it should be

    def say(self, sentence):
        if len(self.details) < 12:
            self.details.append(sentence)


def some(values):
    values = sorted(values)
    return ", ".join(map(str, values[:8])) + (f" … ({len(values)})" if len(values) > 8 else "")


def compare(ledger, journal, incidents, channels, violations, broker_may_lose=False):
    """journal: serials in the store, with repetitions. incidents: documents as the daemon shows them. channels: {name: {incident: data}} of the platforms."""
    v = Verdict()
    seen = Counter(n for n in journal if n > ledger.past)
    if ledger.past:
        incidents = [i for i in incidents if i["rule"] == "each-marked" and int(i["by"]) > ledger.past]
        channels = {name: {k: d for k, d in latest.items() if d["rule"] == "each-marked" and int(d["by"]) > ledger.past} for name, latest in channels.items()}
    owed = set(ledger.acknowledged)
    v.acknowledged = len(owed | ledger.confirmed)
    lost = owed - seen.keys()
    left = ledger.confirmed - seen.keys() - lost
    if broker_may_lose:
        v.broker_lost = len(left)
    else:
        lost |= left
    v.lost = len(lost)
    if lost:
        v.say(f"events lost: {some(lost)}; acknowledged by the daemon: {some(lost & owed) or 'none of them'}")
    again = {n: c - 1 for n, c in seen.items() if c > 1}
    repeated = sum(again.values())
    if broker_may_lose:
        v.broker_again = repeated
    elif repeated:
        v.duplicates += repeated
        v.say(f"events twice in the journal: {some(again)}")
    unknown = seen.keys() - ledger.sent
    if unknown:
        v.duplicates += len(unknown)
        v.say(f"events that nobody sent: {some(unknown)}")

    # What must have come of what is in the store.
    want_counts = Counter()
    for n, c in seen.items() if ledger.counted else ():
        want_counts[ledger.device_of(n)] += c
    got_counts, marked = Counter(), Counter()
    for i in incidents:
        if i["rule"] == "each-message":
            if i["by"] in got_counts:
                v.duplicates += 1
                v.say(f"two incidents of each-message for {i['by']}")
            got_counts[i["by"]] += i["count"]
        elif i["rule"] == "each-marked":
            marked[int(i["by"])] += i["count"]
    for device in sorted(want_counts.keys() | got_counts.keys()):
        d = got_counts[device] - want_counts[device]
        if d:
            v.say(f"{device}: counted {got_counts[device]}, wanted {want_counts[device]}")
            v.lost += max(0, -d)
            v.duplicates += max(0, d)
    want_marked = {n for n in seen if n % ledger.mark == 0}
    gone, extra = want_marked - marked.keys(), marked.keys() - want_marked
    v.missing += len(gone)
    v.duplicates += len(extra)
    if gone:
        v.say(f"incidents missing: {some(gone)}")
    if extra:
        v.say(f"incidents too many: {some(extra)}")
    twice = [n for n in marked if marked[n] != seen[n]]
    if twice:
        v.duplicates += len(twice)
        v.say(f"incidents counted otherwise than their events: {some(twice)}")
    ours = [(i["rule"], i["by"]) for i in incidents if i["rule"].startswith("each-")]
    if len(ours) > len(set(ours)):
        v.duplicates += len(ours) - len(set(ours))
        v.say(f"{len(ours) - len(set(ours))} incidents with the same rule and key")

    numbers = Counter(i["number"] for i in incidents)
    if len(numbers) < len(incidents):
        v.duplicates += len(incidents) - len(numbers)
        v.say(f"numbers given twice: {some(n for n, c in numbers.items() if c > 1)}")

    # What the platforms have.
    stand = {i["id"]: (i["revision"], i["count"]) for i in incidents}
    for name, latest in channels.items():
        there = {k: (d["revision"], d["count"]) for k, d in latest.items()}
        absent = stand.keys() - there.keys()
        old = {k for k in stand.keys() & there.keys() if there[k] != stand[k]}
        strange = there.keys() - stand.keys()
        v.missing += len(absent) + len(old)
        v.duplicates += len(strange)
        if absent:
            v.say(f"platform {name} never got {len(absent)} incidents: {some(absent)}")
        if old:
            v.say(f"platform {name} has an old revision of {len(old)}: " + ", ".join(f"{k} {there[k]} for {stand[k]}" for k in sorted(old)[:4]))
        if strange:
            v.say(f"platform {name} has {len(strange)} incidents that the daemon does not know: {some(strange)}")
    if violations:
        v.duplicates += len(violations)
        v.say(f"{len(violations)} violations of the contract at the platform: {violations[:3]}")
    return v
