"""Acceptance: the 2xx is repeated until the ACK, and given up after 64*T1."""

from callengine.sip.acceptance import Acceptance
from tests.fakes.wire import Wire


def _accepted(wire: Wire) -> tuple[Acceptance, list[float]]:
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    given_up = list[float]()
    alice.ask(alice.request("INVITE"), bob)
    wire.run(0.1)
    bob.served[0].answer(200)
    acceptance = Acceptance(
        bob.served[0],
        cseq=1,
        timers=wire.timers,
        queue=bob.queue,
        now=wire.clock.monotonic,
        on_unacknowledged=lambda: given_up.append(round(wire.now, 2)),
    )
    return acceptance, given_up


def test_repeats_with_growing_intervals_and_gives_up() -> None:
    wire = Wire()
    _, given_up = _accepted(wire)
    wire.run(100.0)
    expected = [0.1, 0.6, 1.6, 3.6, 7.6, 11.6, 15.6, 19.6, 23.6, 27.6, 31.6]
    assert wire.times("200 INVITE") == expected
    assert given_up == [32.1]


def test_stops_with_the_ack() -> None:
    wire = Wire()
    acceptance, given_up = _accepted(wire)
    wire.run(1.0)
    acceptance.stop()
    acceptance.stop()
    wire.run(100.0)
    assert wire.times("200 INVITE") == [0.1, 0.6]
    assert given_up == []
