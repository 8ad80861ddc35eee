# SPDX-License-Identifier: Apache-2.0
"""What a broker, or the way to it, can do."""
import signal
import time

from bench import scenario


def begin(b, **kwargs):
    b.up(broker_extra=", keepalive: 5", **kwargs)
    b.flow(0.3)
    b.effect()


@scenario("broker stopped and started again", times=4, long=12, quick=1)
def broker_restarted(b, times):
    begin(b)
    for _ in range(times):
        b.broker.stop()
        time.sleep(b.dice.uniform(0.05, 0.5))
        b.broker.start()
        b.over()
        b.effect()
        b.once_done(times)
    return b.settle()


@scenario("broker killed (kill -9) and started again", times=4, long=12,
          nature="The broker lost {broker_lost} messages that it had acknowledged to the devices and not saved, and sent {broker_again} again that gengfu had acknowledged: it knows what "
                 "it saved last (here a moment before the kill).")
def broker_killed(b, times):
    begin(b)
    for _ in range(times):
        b.broker.process.send_signal(signal.SIGUSR1)  # save now; what comes after it is lost with the kill
        time.sleep(b.dice.uniform(0.05, 0.4))
        b.broker.stop(signal.SIGKILL)
        b.broker.start()
        b.over()
        b.effect()
        b.once_done(times)
    return b.settle(broker_may_lose=True)


@scenario("broker refuses connections", times=3, long=8)
def broker_refuses(b, times):
    begin(b)
    for _ in range(times):
        b.link.mode = "refuse"
        b.link.cut()
        time.sleep(b.dice.uniform(0.3, 1.2))
        b.link.mode = "pass"
        b.over()
        b.effect()
        b.once_done(times)
    return b.settle()


@scenario("broker slow", times=3, long=8)
def broker_slow(b, times):
    """Late, and a few bytes at a time, so that hardly a packet comes whole: no reason to hang up. A thousand bytes a second at the least: with fewer, no PINGRESP comes through within the keepalive."""
    begin(b)
    joined = b.link.joined
    for _ in range(times):
        piece = b.dice.randrange(1, 40)
        b.link.delay, b.link.piece, b.link.mode = min(b.dice.uniform(0.02, 0.1), piece / 1000), piece, "slow"
        time.sleep(0.1)
        b.effect(seconds=10)
        time.sleep(1)
        b.link.mode = "pass"
        b.over()
        b.effect()
        b.once_done(times)
    b.check(b.link.joined == joined, f"{b.link.joined - joined} times it hung up on a broker that was slow")
    return b.settle()


@scenario("broker's link goes silent without closing", times=1, long=3)
def broker_silent(b, times):
    """Seen by the keepalive only, which is 5 s here."""
    begin(b)
    for _ in range(times):
        b.link.freeze()
        b.over()
        b.effect(seconds=40)
        b.once_done(times)
    b.facts.append("Found by the keepalive, which is 5 s here and 30 s by default")
    return b.settle()


@scenario("broker does not hear the acknowledgements, then the link is cut", times=4, long=20, quick=1)
def broker_deaf(b, times):
    """By turns the daemon is killed instead. As many messages as the broker sends ahead come again, in however many batches they were committed."""
    begin(b)
    for i in range(times):
        b.link.deaf = True
        time.sleep(1)  # 400 of the 500 that the broker sends ahead
        if i % 2:
            b.box.kill()
        else:
            b.link.cut()
        b.link.deaf = False
        if i % 2:
            b.start(wait=False)
        b.over()
        b.effect()
        time.sleep(b.dice.uniform(0, 0.3))
        b.once_done(times)
    return b.settle()


@scenario("broker's link cut, again and again", times=20, long=60, quick=4)
def broker_cut(b, times):
    begin(b)
    for _ in range(times):
        b.link.cut()
        b.over()
        b.effect()
        time.sleep(b.dice.uniform(0, 0.1))
        b.once_done(times)
    return b.settle()
