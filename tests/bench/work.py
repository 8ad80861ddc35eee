# SPDX-License-Identifier: Apache-2.0
"""The work that is measured: rule sets, registries and messages, the same for whoever is measured. Lock messages as Zigbee2MQTT sends them (some 260 bytes),
camera events as Frigate does (1.4 kB)."""
import json
import os

SOURCE = """sources:
  - source: lock
    topic: zigbee2mqtt/{device}
    match: has(payload.lock_state)
    events:
      - kind: lock
        device: topic.device
        fields:
          locked: payload.lock_state == 'locked'
          action: payload.?action.orValue('')
          user: payload.?action_user.orValue(-1)
          battery: payload.battery
  - source: camera
    topic: frigate/events
    match: has(payload.after)
    events:
      - kind: camera
        device: payload.after.camera
        fields:
          label: payload.after.label
          zone: "payload.after.?current_zones[?0].orValue('')"
          score: payload.after.top_score
          change: payload.type
"""

REFUSED = "unlock_failure_invalid_pin_or_id"


def rule(name, when, on="lock", more="clear: auto"):
    return [f"  - rule: {name}", f"    on: {on}", f"    when: {when}", f"    {more}", f"    incident: {{severity: minor, title: '${{device.id}} {name}'}}"]


def all_look(n, programs=False):
    """One rule that 1 % of the messages match, and n - 1 of the ordinary kind that look at the same events and find nothing. One field against one constant mostly says so; programs: it does not, each
    rule's whole program must be run."""
    lines = ["rules:"] + rule("refused", f"event.action == '{REFUSED}'", more="resolve_after: 30m")
    for i in range(1, n):
        lines += rule(f"battery-{i}", f"event.battery < {-i} || event.user == {1000 + i}" if programs else f"event.battery < {-i} && event.locked")
    return "\n".join(lines) + "\n"


def do_not_concern(n, how):
    """One rule that is concerned and n - 1 that are not: another value of a field, another device, another kind of event."""
    lines = ["rules:"] + rule("refused", f"event.action == '{REFUSED}'", more="resolve_after: 30m")
    for i in range(1, n):
        when, on = {"value": (f"event.user == {100000 + i} && event.battery < 20", "lock"),
                    "device": (f"device.id == 'elsewhere-{i}' && event.battery < 20", "lock"),
                    "list": (f"event.user in [{100000 + 2 * i}, {100001 + 2 * i}] && event.battery < 20", "lock"),
                    "kind": ("event.battery < 20", "lamp")}[how]
        lines += rule(f"other-{i}", when, on)
    return "\n".join(lines) + "\n"


# A rule of each pattern over the lock messages; none of them is quick to end.
PATTERNS = {
    "when": rule("p", "event.battery < 0"),
    "for": rule("p", "event.battery < 101", more="for: 100h"),
    "event_count": rule("p", "event.locked", more="within: 5m\n    having: event_count() >= 1000000\n    resolve_after: 1h"),
    "value_avg": rule("p", "event.locked", more="within: 5m\n    having: value_avg(event.battery) < 0\n    resolve_after: 1h"),
    "value_count": rule("p", "event.locked", more="within: 5m\n    having: value_count(event.user) >= 1000000\n    resolve_after: 1h"),
    "sequence": ["  - rule: p", "    sequence:", "      - {name: a, on: lock, when: event.locked}", "      - {name: b, on: lock, when: event.battery < 0}",
                 "    within: 5m", "    resolve_after: 1h", "    incident: {severity: minor, title: p}"],
    "together": ["  - rule: p", "    together:", "      - {name: a, on: lock, when: event.locked}", "      - {name: b, on: lock, when: event.battery < 0}",
                 "    within: 5m", "    resolve_after: 1h", "    incident: {severity: minor, title: p}"],
    "absent": ["  - rule: p", "    on: lock", "    absent: 100h", "    incident: {severity: minor, title: p}"],
}


def registry(n):
    return "device,kind,name,place,grid\n" + "".join(f"lock-{i},lock,{i}号锁,{i % 30}幢,G{i % 12:02}\n" for i in range(1, n + 1))


def lock(i, devices, refused=False):
    """The i-th message of a stream: the devices speak in turn."""
    body = {"action": REFUSED if refused else ("lock", "unlock")[i // devices % 2], "action_source_name": "keypad", "action_user": i % 7, "auto_relock_time": 30,
            "battery": 60 + i % 40, "last_seen": "2026-01-10T20:00:%02d+08:00" % (i % 60), "linkquality": 80 + i % 90,
            "lock_state": ("locked", "unlocked")[i // devices % 2], "sound_volume": "low_volume", "state": "LOCK", "voltage": 5900 + i % 100}
    return f"zigbee2mqtt/lock-{i % devices + 1}", json.dumps(body, separators=(",", ":"))


def camera(i, devices):
    side = {"id": f"1768046{i:06}.18-x{i:05}", "camera": f"camera-{i % devices + 1}", "frame_time": 1768046400.25 + i, "snapshot": {"frame_time": 1768046399.5 + i, "box": [12, 220, 318, 471],
            "area": 76806, "region": [0, 100, 400, 500], "score": 0.83, "attributes": []}, "label": "car", "sub_label": None, "top_score": 0.88, "false_positive": False,
            "start_time": 1768046390.0 + i, "end_time": None, "score": 0.81, "box": [14, 222, 316, 470], "area": 74896, "ratio": 1.22, "region": [0, 100, 400, 500], "stationary": False,
            "motionless_count": 3, "position_changes": 2, "current_zones": ["fire_lane"], "entered_zones": ["gate", "fire_lane"], "has_clip": True, "has_snapshot": True, "attributes": {},
            "current_attributes": []}
    return "frigate/events", json.dumps({"before": side, "after": side, "type": "update"}, separators=(",", ":"))


def messages(path, count, devices, kind=lock):
    """A file of messages; every hundredth lock is refused."""
    with open(path, "w", encoding="utf-8") as f:
        for i in range(count):
            topic, body = kind(i, devices, i % 100 == 37) if kind is lock else kind(i, devices)
            f.write(f"{topic}\t{body}\n")
    return path


def directory(path, rules, devices, source=SOURCE):
    os.makedirs(os.path.join(path, "rules.d"), exist_ok=True)
    files = {"gengfu.yaml": "gateway: {id: gw-bench, zone: Asia/Shanghai}\nbroker: {host: 127.0.0.1, port: 1}\n", "devices.csv": registry(devices),
             "codes.csv": "code,name,kind,standard_ref\n", "rules.d/10-source.yaml": source, "rules.d/20-rules.yaml": rules}
    for name, text in files.items():
        with open(os.path.join(path, name), "w", encoding="utf-8") as f:
            f.write(text)
    return path
