# SPDX-License-Identifier: Apache-2.0
"""Listens beside the daemon on the devices' broker and notes when each device last spoke, so that the way of a message to the platform can be timed."""
import bisect
import csv
import re
import threading
import time
from datetime import datetime

import paho.mqtt.client as mqtt

CAUSE = 0.08  # seconds before the daemon's stamp in which the message that made the revision must lie


class Observer:
    def __init__(self, port, devices):
        self.lock = threading.Lock()
        self.spoke = {}   # device -> times, in order
        self.count = 0
        self.names = {}
        with open(devices, encoding="utf-8-sig") as f:
            for row in csv.DictReader(f):
                self.names[row["device"]] = row["device"]
                if row.get("address"):
                    self.names[row["address"]] = row["device"]
        self.client = mqtt.Client(client_id="observer")
        self.client.on_connect = lambda c, u, f, rc: c.subscribe("#", qos=0)
        self.client.on_message = self.on_message
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def on_message(self, client, userdata, message):
        now = time.time()
        self.count += 1
        device = next((self.names[p] for p in message.topic.split("/") if p in self.names), None)
        if device is None and message.topic == "frigate/events":
            found = re.search(rb'"camera":"([^"]+)"', message.payload)
            device = found and self.names.get(found.group(1).decode())
        if device:
            with self.lock:
                self.spoke.setdefault(device, []).append(now)

    def latencies(self, first_seen, now_text, now_real, scale):
        """Sorted seconds from cause to platform of every revision that the rules made (not those that people made)."""
        shown = datetime.fromisoformat(now_text).timestamp()
        found = []
        for _, arrived, envelope in first_seen:
            data = envelope["data"]
            if data["change"] not in ("opened", "resolved"):
                continue
            stamp = datetime.fromisoformat(data["times"]["updated"]).timestamp()
            made = now_real - (shown - stamp) / scale
            cause = made
            with self.lock:
                for device in (data.get("devices") or [])[:50] + [data.get("device")]:
                    times = self.spoke.get(device, [])
                    i = bisect.bisect_right(times, made + 0.005)
                    if i and made - times[i - 1] < CAUSE:
                        cause = min(cause, times[i - 1])
            found.append(max(0.0, arrived - cause))
        return sorted(found)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
