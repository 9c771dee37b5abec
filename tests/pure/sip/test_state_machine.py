"""StateMachine: timers stop when it ends, and each is told from the others."""

from callengine.sip.transaction_states import State
from tests.fakes.wire import Wire


def test_leaves_no_timer_behind_when_it_ends_early() -> None:
    wire = Wire()
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    asked = alice.ask(alice.request("INVITE"), bob)
    assert len(alice.queue) == 2
    assert not asked.transaction.is_terminated
    asked.transaction.abandon()
    asked.transaction.abandon()
    assert len(alice.queue) == 0
    assert asked.transaction.is_terminated


def test_states_follow_the_messages() -> None:
    wire = Wire()
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    asked = alice.ask(alice.request("INVITE"), bob)
    states = [asked.transaction.state]
    wire.run(0.5)
    states.append(asked.transaction.state)
    bob.served[0].answer(200)
    wire.run(0.1)
    states += [asked.transaction.state, bob.served[0].state]
    assert states == [State.CALLING, State.PROCEEDING, State.ACCEPTED, State.ACCEPTED]


def test_only_what_is_sent_again_counts_as_retransmission() -> None:
    wire = Wire(lost=[1, 2])
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    bob.on_request = lambda transaction: transaction.answer(200)
    alice.ask(alice.request("OPTIONS"), bob)
    wire.run(5.0)
    assert alice.counts.retransmissions_sent == 2
    assert bob.counts.retransmissions_sent == 0
