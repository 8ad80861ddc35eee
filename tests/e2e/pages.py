# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/ against what the daemon really says: every field that goes out or is listed is described, and the examples are of the right form."""
import json
import os
import re

import lib
import sandbox


def page(name):
    with open(os.path.join(sandbox.ROOT, "docs", name), encoding="utf-8") as f:
        return f.read()


def words(text):
    """Everything that the page writes as code."""
    return {w for span in re.findall(r"`([^`\n]+)`", text) for w in re.findall(r"[a-z_]+", span)}


def test_messages_page_describes_every_field(t):
    box, broker, platform = lib.probe_box(t, "pages")
    box.start()
    broker.publish([lib.probe("p1", 50)])
    t.check(platform.wait(lambda: platform.latest(), 10), "no incident")
    incident = next(iter(platform.latest().values()))
    platform.command(incident["id"], action="acknowledge", id="c-1", by="坐席1")
    t.check(platform.wait(lambda: platform.answer_to("c-1"), 10), "no answer")
    broker.publish([lib.probe("p1", 1)])
    t.check(platform.wait(lambda: next(iter(platform.latest().values()))["condition"] == "resolved", 10), "not resolved")
    text = page("messages.md")
    known = words(text)
    for _, _, envelope in platform.first_seen:
        missing = (set(envelope) | set(envelope["data"]) | set(envelope["data"]["times"]) | set(envelope["data"]["history"][0])) - known
        missing -= set(re.findall(r'"([a-z_]+)":', text))
        t.check(not missing, f"docs/messages.md says nothing of {sorted(missing)}")
    # The examples are JSON, and the envelope's example has the very members that are sent.
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.S)]
    t.equal(set(examples[0]), set(platform.first_seen[0][2]), "members of the example's envelope")
    answer = platform.answer_to("c-1")
    t.equal(set(next(e for e in examples if "ok" in e)), set(answer), "members of the example's answer")


def test_control_page_describes_every_request(t):
    box, broker, platform = lib.probe_box(t, "control")
    box.start()
    broker.publish([lib.probe("p1", 50), ("probe/p2", "nonsense"), ("nobody/knows", "1")])
    t.check(platform.wait(lambda: platform.latest(), 10), "no incident")
    number = next(iter(platform.latest().values()))["number"]
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", page("control.md"), re.M))
    with open(os.path.join(sandbox.ROOT, "src", "daemon", "requests.c"), encoding="utf-8") as f:
        table = re.search(r"requests\[\] = \{(.*?)\};", f.read(), re.S).group(1)
    t.equal(sorted(rows), sorted(re.findall(r'\{"([a-z]+)",', table)), "requests on the page")
    for name, more in (("status", {}), ("devices", {"device": "p1"}), ("sources", {}), ("sources", {"unmatched": True}), ("rules", {}), ("outbox", {}),
                       ("resend", {"incident": number}), ("reload", {}), ("trace", {})):
        for line in box.ask(do=name, **more):
            missing = set(line) - words(rows[name])
            t.check(not missing, f"docs/control.md, {name}: nothing of {sorted(missing)}")
    shown = box.ask(do="show", incident=number)
    t.equal(shown[0]["number"], number, "the incident shown")
    t.check(set(shown[1]) - {"note"} <= words(rows["show"]), f"docs/control.md, show: {sorted(shown[1])}")


def test_readme_commands_do_what_it_says(t):
    box, broker, _ = lib.probe_box(t, "readme", platforms=False)
    box.start()
    with open(os.path.join(sandbox.ROOT, "README.md"), encoding="utf-8") as f:
        commands = re.findall(r"^gengfu ([a-z]+)(.*?)\s*(?:#.*)?$", f.read(), re.M)
    t.check(len(commands) >= 5, "the README shows no commands any more")
    for name, rest in commands:
        if name == "tail":
            continue  # goes on until it is ended
        import shlex
        args = [a for a in shlex.split(rest) if a != "/etc/gengfu"]
        if name == "test":
            args.append(os.path.join(sandbox.ROOT, "rules"))
        done = box.cli(name, *args)
        t.equal(done.returncode, 0, f"exit code of gengfu {name} {rest}: {done.stderr}")
