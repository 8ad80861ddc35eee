# SPDX-License-Identifier: Apache-2.0
"""Messages that mean harm, or mean nothing: counted, shown with an example, and without any effect on what comes after."""
import json

import lib
import sandbox

DEEP = 10000
BIG = 10 * 1024 * 1024


def test_counted_shown_harmless(t):
    box, broker, platform = lib.probe_box(t, "hostile")
    box.start()
    before, _ = sandbox.fields(box.daemon.pid)
    messages = [
        ("probe/big", b'{"level": 1, "pad": "' + b"x" * BIG + b'"}'),
        ("probe/deep", b"[" * DEEP + b"]" * DEEP),
        ("probe/deeper", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        ("probe/utf8", b'{"level": 1, "name": "\xc3\x28\xe4\xb8"}'),
        ("probe/binary", bytes(range(256)) * 40),
        ("probe/empty", b""),
        ("probe/null", b"null"),
        ("probe/word", b"ON"),
        ("probe/torn", b'{"level": 1'),
        ("probe/nul", b'{"level": 1, "x": "\\u0000"}'),
        ("probe/nan", b'{"level": NaN}'),
        ("probe/huge-number", b'{"level": 1' + b"0" * 5000 + b"}"),
        ("probe/many", json.dumps({"level": 1, **{f"k{i}": i for i in range(20000)}}).encode()),
        ("probe/type", b'{"level": {"a": [1, 2]}}'),
        ("probe/" + "n" * 3000, b'{"level": 1}'),
    ]
    for _ in range(3):
        broker.publish(messages)
    broker.publish([lib.probe("p1", 99)])
    t.check(platform.wait(lambda: platform.latest(), 15), "a good message after the bad ones has no effect")
    status = box.status()
    t.equal(status["messages"]["received"], 3 * len(messages) + 1, "messages received")
    listing = box.listing("sources", "--unmatched")
    shown = {row["topic"]: row for row in listing}
    for topic in ("probe/big", "probe/deep", "probe/deeper", "probe/utf8", "probe/binary", "probe/empty", "probe/null", "probe/word", "probe/torn"):
        row = shown.get(topic)
        if t.check(row, f"{topic} is not shown by `gengfu sources --unmatched`"):
            t.equal(row["count"], 3, f"{topic}: count")
            t.equal(row["outcome"], "broken", f"{topic}: outcome")
            t.check(row["why"], f"{topic}: no reason")
    t.check("10" in str(shown.get("probe/big", {}).get("why", "")) or "large" in str(shown.get("probe/big", {}).get("why", "")), "the 10 MB message: the reason names no size")
    people = box.cli("sources", "--unmatched", check=0).stdout
    t.check("probe/utf8" in people, "the listing for people does not show probe/utf8")
    t.check(not any(ord(c) < 32 and c not in "\n" for c in people), "the listing for people lets control characters through")
    t.equal([i["by"] for i in box.ask(do="incidents", limit=100) if i["rule"] == "high"], ["p1"], "incidents")
    after, _ = sandbox.fields(box.daemon.pid)
    if sandbox.sanitized(box.program):
        t.note("memory is the sanitizer's, and is not looked at")
    else:
        t.check(after - before < 64 << 20, f"memory grew by {(after - before) >> 20} MB")
    t.equal(box.stop(), 0, "exit code")
