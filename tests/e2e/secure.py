# SPDX-License-Identifier: Apache-2.0
"""TLS to the devices' broker: its certificate is checked, ours is shown, the password comes from a file; and what happens when one of them is wrong."""
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
