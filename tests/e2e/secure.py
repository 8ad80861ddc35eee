# SPDX-License-Identifier: Apache-2.0
"""TLS to the devices' broker: its certificate is checked, ours is shown, the password comes from a file; and what happens when one of them is wrong."""
import glob
import json
import os

import lib
import sandbox


def configure(t, box, broker, ca, password="secret-1", mode=0o600):
    box.write("password", password + "\n")
    os.chmod(box.path("password"), mode)
    extra = f", user: gengfu, password_file: {box.path('password')}, tls: {{ca: {ca}, cert: {box.path('client.pem')}, key: {box.path('client.key')}}}"
    box.configure(broker.port, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES, broker_extra=extra)


def test_tls_with_certificate_and_password(t):
    box = t.box("tls")
    box.certificates()
    broker = sandbox.Broker(box, tls=True, password=("gengfu", "secret-1")).start()
    configure(t, box, broker, box.path("ca.pem"))
    box.start()
    broker.publish([lib.probe("p1", 50)])
    sandbox.wait_for(lambda: box.status()["incidents"]["open"] == 1, 10, "an incident over TLS")
    t.check("secret-1" not in box.log("daemon"), "the password stands in the log")
    t.check("secret-1" not in str(box.status()), "the password stands in the status")


def test_wrong_authority_is_refused(t):
    box = t.box("tlsbad")
    box.certificates()
    broker = sandbox.Broker(box, tls=True, password=("gengfu", "secret-1")).start()
    os.rename(box.path("ca.pem"), box.path("old.pem"))
    other = t.box("tlsother")
    other.certificates()
    configure(t, box, broker, other.path("ca.pem"))
    box.start(connected=False)
    sandbox.wait_for(lambda: box.status()["broker"]["why"], 10, "a reason")
    status = box.status()
    t.check(not status["broker"]["connected"], "connected to a broker whose certificate is somebody else's")
    t.check(any("broker" in x["what"] for x in status["troubles"]), "no trouble in the status")


def test_wrong_password_is_said(t):
    box = t.box("tlspass")
    box.certificates()
    broker = sandbox.Broker(box, tls=True, password=("gengfu", "secret-1")).start()
    configure(t, box, broker, box.path("ca.pem"), password="wrong")
    box.start(connected=False)
    sandbox.wait_for(lambda: box.status()["broker"]["why"], 10, "a reason")
    t.check(not box.status()["broker"]["connected"], "connected with a wrong password")


def test_secret_that_everybody_can_read_is_refused(t):
    box = t.box("tlsmode")
    box.certificates()
    broker = sandbox.Broker(box, tls=True, password=("gengfu", "secret-1")).start()
    configure(t, box, broker, box.path("ca.pem"), mode=0o644)
    box.start(connected=False)
    why = sandbox.wait_for(lambda: box.status()["broker"]["why"], 10, "a reason")
    t.check("chmod" in why, f"the cure is not said: {why!r}")
    done = box.cli("check", box.config)
    t.equal(done.returncode, 1, "exit code of check")
    t.check(why.split("; cure")[0].split(": ", 1)[1] in done.stdout, f"check says something else: {done.stdout!r} and not {why!r}")
    t.check(not box.status()["broker"]["connected"], "a password that everybody can read was used")
    t.equal(box.cli("status").returncode, 1, "exit code of status")


def test_broker_that_gives_less_is_told(t):
    """Subscriptions that are refused, or granted at QoS 0: connected, and yet deaf."""
    box = t.box("less")
    plugin = glob.glob("/usr/lib/*/mosquitto_dynamic_security.so")
    box.write("access.json", json.dumps({"defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}, "anonymousGroup": "all",
                                         "groups": [{"groupname": "all", "roles": []}], "clients": [], "roles": []}))
    brokers = [("QoS 0", sandbox.Broker(box, "plain", extra=["max_qos 0"]))]
    if plugin:
        brokers.append(("refuses", sandbox.Broker(box, "strict", extra=[f"plugin {plugin[0]}", f"plugin_opt_config_file {box.path('access.json')}"])))
    for word, broker in brokers:
        broker.start()
        box.configure(broker.port, [], {"10-probe.yaml": lib.PROBE_SOURCE, "20-rules.yaml": lib.PROBE_RULES}, lib.PROBES)
        box.start()
        told = sandbox.wait_for(lambda: box.status()["troubles"], 10, f"a trouble: {word}")
        t.check(word in told[0]["what"] and "probe/+" in told[0]["why"], f"trouble: {told}")
        box.cli("reload", check=0)
        t.check(sandbox.wait_for(lambda: box.log("daemon").count(word) >= 2, 10, "it to be asked for again"), "not asked for again")
        t.check(box.stop() == 0, "exit code")
