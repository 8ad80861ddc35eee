# SPDX-License-Identifier: Apache-2.0
"""A rule file with ten different mistakes gets ten errors, each with its place, a caret and what would be right, in one run; and the daemon refuses it."""
import re

import lib

TEN = """rules:
  - rule: one
    on: probe
    when: evnt.level > 10
    clear: auto
    incident: {severity: minor, title: x}
  - rule: two
    on: probe
    whenn: event.level > 10
    clear: auto
    incident: {severity: minor, title: x}
  - rule: three
    on: probe
    when: event.level > 10
    incident: {severity: minor, title: x}
  - rule: four
    on: probe
    when: event.level > 10
    clear: auto
    incident: {severity: mnor, title: x}
  - rule: five
    on: probe
    when: event.level > 10
    for: 10 minits
    clear: auto
    incident: {severity: minor, title: x}
  - rule: six
    on: probe
    when: event.level > (10
    clear: auto
    incident: {severity: minor, title: x}
  - rule: seven
    on: probe
    when: event.level > 10
    clear: auto
    incident: {severity: minor, category: 'Z-99-99', title: x}
  - rule: eight
    on: probe
    during: nigt
    when: event.level > 10
    clear: auto
    incident: {severity: minor, title: x}
  - rule: nine
    on: probe
    when: size('level')
    clear: auto
    incident: {severity: minor, title: x}
  - rule: one
    on: probe
    when: size(event.level, 2) > 10
    clear: auto
    incident: {severity: minor, title: x}
time_intervals:
  night: {times: [{start_time: sunset, end_time: sunrise}]}
"""


def test_ten_mistakes_in_one_run(t):
    box = t.box("mistakes")
    box.configure(1883, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-ten.yaml": TEN}, lib.PROBES)
    done = box.cli("check", box.config)
    text = done.stdout + done.stderr
    t.equal(done.returncode, 1, "exit code of check")
    places = re.findall(r"20-ten\.yaml:(\d+):(\d+): (?!warning)", text)
    lines = sorted({int(line) for line, _ in places})
    t.check(len(places) >= 10, f"{len(places)} errors with a place, wanted at least 10:\n{text}")
    t.check(text.count("^") >= 10, f"{text.count('^')} carets")
    rules_hit = sum(1 for a, b in zip([2, 7, 12, 16, 21, 27, 32, 37, 43, 48], [7, 12, 16, 21, 27, 32, 37, 43, 48, 54]) if any(a <= n < b for n in lines))
    t.equal(rules_hit, 10, f"rules with an error (lines {lines})\n{text}")
    for cure in ("event", "when", "minor", "night"):
        t.check(re.search(rf"did you mean '?{cure}", text), f"no hint that '{cure}' was meant\n{text}")
    box.start(wait=False)
    t.check(box.daemon.wait(10) != 0, "the daemon runs a broken set")
    t.check("20-ten.yaml" in box.log("daemon"), "the daemon does not name the file")
