"""Progress: a provisional answer is repeated every minute, until it is not wanted any more."""

from callengine.sip.progress import Progress
from tests.fakes.wire import Wire


def _ringing(wire: Wire) -> Progress:
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    alice.ask(alice.request("INVITE"), bob)
    wire.run(0.1)
    bob.served[0].answer(180)
    return Progress(bob.served[0], interval=wire.timers.progress, queue=bob.queue, now=wire.clock.monotonic)


def test_repeats_every_minute() -> None:
    wire = Wire()
    _ringing(wire)
    wire.run(200.0)
    assert wire.times("180 INVITE") == [0.1, 60.1, 120.1, 180.1]


def test_what_was_given_last_is_repeated() -> None:
    wire = Wire()
    _ringing(wire)
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.answer(183)
    wire.run(61.0)
    assert (wire.times("180 INVITE"), wire.times("183 INVITE")) == ([0.1], [0.1, 60.1])


def test_stops_when_it_is_told_to() -> None:
    wire = Wire()
    progress = _ringing(wire)
    wire.run(61.0)
    progress.stop()
    progress.stop()
    wire.run(200.0)
    assert wire.times("180 INVITE") == [0.1, 60.1]
    assert all(not end.queue for end in wire.ends.values() if end.served)


def test_nothing_is_sent_after_a_final_answer() -> None:
    wire = Wire()
    _ringing(wire)
    served = next(end.served[0] for end in wire.ends.values() if end.served)
    served.answer(486)
    wire.run(200.0)
    assert wire.times("180 INVITE") == [0.1]
