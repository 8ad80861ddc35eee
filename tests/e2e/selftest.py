# SPDX-License-Identifier: Apache-2.0
"""The stand-in itself: it must find what is wrong, else the other tests prove nothing."""
import base64
import copy
import hashlib
import hmac
import http.client
import json
import ssl
import time

import lib
from lib import standin

GOOD = {
    "specversion": "1.0", "id": "01KEM3N0V8Q4W2Y6Z7A1B3C5D7.1", "source": "/gengfu/gw-lanxi", "type": "gengfu.incident.opened", "subject": "01KEM3N0V8Q4W2Y6Z7A1B3C5D7",
    "time": "2026-01-10T20:13:00.123+08:00", "datacontenttype": "application/json", "severitynumber": 9, "severitytext": "MINOR",
    "data": {"id": "01KEM3N0V8Q4W2Y6Z7A1B3C5D7", "number": "gw-lanxi-20260110-0003", "revision": 1, "change": "opened", "rule": "lamp-out", "by": "lamp-2-04",
             "condition": "firing", "handling": "new", "severity": "minor", "title": "桂花弄4号灯 不亮", "count": 1, "place": {"name": "桂花弄（二组）"},
             "times": {"first_event": "2026-01-10T20:03:00+08:00", "last_event": "2026-01-10T20:13:00+08:00", "raised": "2026-01-10T20:13:00+08:00",
                       "updated": "2026-01-10T20:13:00+08:00"},
             "history": [{"at": "2026-01-10T20:13:00+08:00", "who": "gengfu", "what": "opened"}]},
}


def changed(path, value):
    envelope = copy.deepcopy(GOOD)
    place = envelope
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return envelope


def test_contract_is_checked(t):
    t.equal(standin.check_envelope(GOOD), [], "a good message")
    wrong = [(["specversion"], "0.3"), (["id"], "x.1"), (["source"], None), (["type"], "incident"), (["type"], "gengfu.incident.closed"), (["subject"], "x"),
             (["time"], "2026-01-10 20:13:00"), (["datacontenttype"], None), (["severitynumber"], None), (["severitytext"], "FATAL"), (["data"], None),
             (["data", "id"], "x"), (["data", "revision"], 0), (["data", "severity"], "huge"), (["data", "condition"], "on"), (["data", "handling"], None),
             (["data", "title"], ""), (["data", "count"], 0), (["data", "times", "raised"], "20:13"), (["data", "history"], []), (["data", "number"], None)]
    for path, value in wrong:
        t.check(standin.check_envelope(changed(path, value)), f"{'.'.join(path)} = {value!r} is not found")


def test_order_and_repeats_are_checked(t):
    box = t.box("selftest")
    platform = t.platform(box)
    channel = platform.channels.setdefault("x", standin.Channel("x"))

    def revision(n, title="桂花弄4号灯 不亮"):
        envelope = changed(["data", "revision"], n)
        envelope["id"] = f"{envelope['subject']}.{n}"
        envelope["data"]["title"] = title
        return json.dumps(envelope)
    for n in (1, 1, 3):
        platform.take(channel, revision(n))
    t.equal((platform.violations, channel.duplicates), ([], 1), "a repeat with the same contents is fine")
    platform.take(channel, revision(2))
    t.equal(len(platform.violations), 1, "violations after an older revision")
    platform.take(channel, revision(3, "别的"))
    t.equal(len(platform.violations), 2, "violations after one key with two contents")
    platform.take(channel, b"{")
    t.equal(len(platform.violations), 3, "violations after what is not JSON")
    t.equal(next(iter(platform.latest().values()))["revision"], 3, "latest revision")


def test_signatures_are_checked(t):
    box = t.box("selftest")
    box.certificates()
    _, secret = box.secret()
    platform = t.platform(box, secret=secret)
    platform.tolerance = 60
    port = platform.start_https(0, box.path("server.pem"), box.path("server.key"))
    context = ssl.create_default_context(cafile=box.path("ca.pem"))

    def post(key, stamp):
        body = json.dumps(GOOD).encode()
        mac = hmac.new(key, f"{GOOD['id']}.{stamp}.".encode() + body, hashlib.sha256).digest()
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("POST", "/", body, {"webhook-id": GOOD["id"], "webhook-timestamp": str(stamp), "webhook-signature": "v1," + base64.b64encode(mac).decode()})
        return connection.getresponse().status
    t.equal(post(secret, int(time.time())), 200, "a good signature")
    t.equal(post(b"other", int(time.time())), 401, "another secret")
    t.equal(post(secret, int(time.time()) - 3600), 401, "an old stamp")
    platform.control({"https": "503"})
    t.equal(post(secret, int(time.time())), 503, "told to refuse")


def test_lines_align(t):
    lines = [standin.readable(changed(["data", "severity"], s)["data"], False) for s in standin.SEVERITIES]
    starts = {standin.columns(line[:line.index("gw-lanxi-")]) for line in lines}
    t.equal(len(starts), 1, f"columns at which the number begins {starts}")
    for width in (80, 100, 140, 200):
        long = standin.readable(changed(["data", "title"], "很长的标题" * 20)["data"], False, width)
        t.check(standin.columns(long) <= width, f"{standin.columns(long)} columns where the terminal has {width}")
    t.equal(standin.columns("富春路7号灯"), 11, "columns of a Chinese name")
    t.equal(standin.columns(standin.fit("富春路7号灯 路灯不亮", 12)), 12, "columns after cutting")
    t.check("\033" not in standin.readable(changed(["data", "title"], "x\033[31m")["data"], False), "a title can command the terminal")
    t.check("\033[" in standin.readable(GOOD["data"], True), "no colour where it is wanted")
