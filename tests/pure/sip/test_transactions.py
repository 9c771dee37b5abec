"""Two ends on a fake wire: matching, repetitions under loss, CANCEL, merged requests, and that all ends."""

from itertools import pairwise

import pytest

from callengine.errors import SessionError
from callengine.sip.flow import Flow
from callengine.sip.message import parse
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.timers import Timers
from tests.fakes.wire import End, Wire

LONG = 200.0


def _pair(*lost: int, latency: float = 0.01) -> tuple[Wire, End, End]:
    wire = Wire(lost=lost, latency=latency)
    return wire, wire.end("192.0.2.1"), wire.end("192.0.2.2")


def _ends(wire: Wire) -> None:
    """After a long time nobody holds anything."""
    wire.run(LONG)
    for end in wire.ends.values():
        assert end.layer.count() == 0
        assert len(end.queue) == 0
        assert end.layer._merged == {}


def test_request_and_answer() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    asked = alice.ask(alice.request("OPTIONS"), bob)
    wire.run(1.0)
    assert asked.statuses == [200]
    assert wire.words == ["OPTIONS", "200 OPTIONS"]
    _ends(wire)
    assert wire.words == ["OPTIONS", "200 OPTIONS"]
    assert bob.counts.requests == {("OPTIONS", 200): 1}
    assert alice.counts.retransmissions_sent == bob.counts.retransmissions_sent == 0


def test_a_request_that_nobody_answers_is_repeated_by_timer_e_and_given_up_by_f() -> None:
    wire, alice, _ = _pair()
    asked = alice.ask(alice.request("OPTIONS"), End(wire, Flow("udp", "192.0.2.9", 5060)))
    wire.run(LONG)
    assert wire.times("OPTIONS") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [type(failure).__name__ for failure in asked.failures] == ["RequestTimedOut"]
    assert alice.counts.retransmissions_sent == 10
    _ends(wire)


def test_an_invite_that_nobody_answers_is_repeated_by_timer_a_and_given_up_by_b() -> None:
    wire, alice, _ = _pair()
    asked = alice.ask(alice.request("INVITE"), End(wire, Flow("udp", "192.0.2.9", 5060)))
    wire.run(LONG)
    assert wire.times("INVITE") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert [type(failure).__name__ for failure in asked.failures] == ["RequestTimedOut"]
    _ends(wire)


def test_a_provisional_answer_slows_a_request_down_and_silences_an_invite() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(182)
    alice.ask(alice.request("INVITE"), bob)
    alice.ask(alice.request("OPTIONS", CSeq="2 OPTIONS"), bob)
    wire.run(20.0)
    assert wire.times("INVITE") == [0.0]
    assert wire.times("OPTIONS") == [0.0, 0.5, 4.5, 8.5, 12.5, 16.5]


def test_a_lost_answer_is_given_again_without_a_second_request_to_the_user() -> None:
    wire, alice, bob = _pair(2)
    bob.on_request = lambda transaction: transaction.answer(200)
    asked = alice.ask(alice.request("OPTIONS"), bob)
    wire.run(5.0)
    assert asked.statuses == [200]
    assert len(bob.served) == 1
    assert wire.words == ["OPTIONS", "200 OPTIONS", "OPTIONS", "200 OPTIONS"]
    _ends(wire)


def test_a_request_repeated_before_its_answer_is_absorbed() -> None:
    wire, alice, bob = _pair()
    alice.ask(alice.request("OPTIONS"), bob)
    wire.run(1.0)
    assert wire.words == ["OPTIONS", "OPTIONS"]
    assert len(bob.served) == 1


def test_trying_after_200_ms_and_only_then() -> None:
    wire, alice, bob = _pair()
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    assert wire.times("100 INVITE") == [0.21]
    assert asked.statuses == [100]
    assert "tag=" not in (asked.responses[0].headers.get("to") or "")
    bob.served[0].answer(486)
    wire.run(0.1)

    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(180)
    alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    assert wire.times("100 INVITE") == []


def test_a_repeated_invite_gets_the_latest_provisional_answer() -> None:
    wire, alice, bob = _pair(2)
    bob.on_request = lambda transaction: transaction.answer(180)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    assert wire.words == ["INVITE", "180 INVITE", "INVITE", "180 INVITE"]
    assert asked.statuses == [180]
    assert len(bob.served) == 1


def test_a_refusal_is_acknowledged_within_the_transaction() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(486)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    assert wire.words == ["INVITE", "486 INVITE", "ACK"]
    assert asked.statuses == [486]
    assert bob.acks == []
    _ends(wire)
    assert wire.words == ["INVITE", "486 INVITE", "ACK"]


def test_a_refusal_whose_ack_is_lost_is_repeated_by_timer_g_and_acknowledged_again() -> None:
    wire, alice, bob = _pair(3, 5)
    bob.on_request = lambda transaction: transaction.answer(486)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(10.0)
    assert wire.words == ["INVITE", *["486 INVITE", "ACK"] * 3]
    assert wire.times("486 INVITE") == [0.01, 0.51, 1.51]
    assert asked.statuses == [486]
    _ends(wire)


def test_a_refusal_that_is_never_acknowledged_is_reported_after_64_t1() -> None:
    wire, alice, bob = _pair()
    reported = list[float]()

    def refuse(transaction: ServerTransaction) -> None:
        transaction.on_unacknowledged = lambda: reported.append(round(wire.now, 2))
        transaction.answer(486)

    bob.on_request = refuse
    alice.send(alice.request("INVITE"), bob)
    wire.run(LONG)
    assert reported == [32.01]
    intervals = wire.times("486 INVITE")
    assert intervals[:5] == [0.01, 0.51, 1.51, 3.51, 7.51]
    assert max(b - a for a, b in pairwise(intervals)) == pytest.approx(4.0)
    _ends(wire)


def test_a_2xx_leaves_the_transaction_to_absorb_repetitions_and_is_repeated_by_its_user_alone() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    invite = alice.request("INVITE")
    asked = alice.ask(invite, bob)
    wire.run(1.0)
    alice.send(invite, bob)
    wire.run(1.0)
    assert wire.words == ["INVITE", "200 INVITE", "INVITE"]
    bob.served[0].repeat_acceptance()
    wire.run(1.0)
    assert asked.statuses == [200, 200]
    assert bob.counts.retransmissions_sent == 1
    _ends(wire)


def test_the_ack_of_a_2xx_goes_to_the_user_whatever_its_branch() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    invite = alice.request("INVITE")
    alice.ask(invite, bob)
    wire.run(1.0)
    to = f"<sip:support@example.com>;tag={bob.served[0].to_tag}"
    alice.send(alice.request("ACK", To=to), bob)
    alice.send(alice.request("ACK", To=to, Via=invite.headers.get("via") or ""), bob)
    wire.run(1.0)
    assert len(bob.acks) == 2


def test_cancel_gets_200_and_the_invite_487() -> None:
    wire, alice, bob = _pair()
    cancelled = list[bool]()

    def ring(transaction: ServerTransaction) -> None:
        transaction.on_cancelled = lambda: cancelled.append(transaction.is_cancelled)
        transaction.answer(180)

    bob.on_request = ring
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    asked.transaction.cancel([("Reason", "SIP;cause=200")])
    wire.run(1.0)
    assert wire.words == ["INVITE", "180 INVITE", "CANCEL", "200 CANCEL", "487 INVITE", "ACK"]
    assert asked.statuses == [180, 487]
    assert cancelled == [True]
    cancel = wire.datagrams[2].wire
    assert b"Reason: SIP;cause=200" in cancel
    assert cancel.count(b"Via:") == 1
    assert parse(wire.datagrams[3].wire).to.tag == parse(wire.datagrams[4].wire).to.tag
    _ends(wire)


def test_a_cancel_waits_for_the_first_provisional_answer() -> None:
    wire, alice, bob = _pair(latency=0.1)
    asked = alice.ask(alice.request("INVITE"), bob)
    asked.transaction.cancel()
    asked.transaction.cancel()
    assert wire.words == ["INVITE"]
    wire.run(2.0)
    assert wire.words.count("CANCEL") == 1
    assert wire.words.index("CANCEL") > wire.words.index("100 INVITE")
    assert asked.statuses == [100, 487]
    _ends(wire)


def test_a_cancel_that_is_lost_with_everything_else_ends_after_64_t1() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(180)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    wire.lost = set(range(3, 1000))
    asked.transaction.cancel()
    wire.run(31.0)
    assert asked.failures == []
    wire.run(2.0)
    assert [type(failure).__name__ for failure in asked.failures] == ["RequestTimedOut"]
    assert alice.layer.count() == 0
    assert len(bob.served) == 1


def test_a_cancel_that_crosses_the_answer_changes_nothing() -> None:
    wire, alice, bob = _pair(latency=0.1)
    bob.on_request = lambda transaction: transaction.answer(180)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(1.0)
    bob.served[0].answer(200)
    asked.transaction.cancel()
    wire.run(1.0)
    assert asked.statuses == [180, 200]
    assert wire.words == ["INVITE", "180 INVITE", "200 INVITE", "CANCEL", "200 CANCEL"]
    _ends(wire)


def test_a_cancel_for_nothing_gets_481() -> None:
    wire, alice, bob = _pair()
    alice.send(alice.request("CANCEL"), bob)
    wire.run(1.0)
    assert wire.words == ["CANCEL", "481 CANCEL"]
    assert bob.served == []
    _ends(wire)


def test_a_copy_that_came_another_way_is_merged_away() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(180)
    alice.send(alice.request("INVITE"), bob)
    alice.send(alice.request("INVITE"), bob)
    wire.run(0.1)
    assert wire.words == ["INVITE", "INVITE", "180 INVITE", "482 INVITE"]
    assert len(bob.served) == 1


def test_a_later_request_of_the_same_call_is_no_copy() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(401)
    alice.ask(alice.request("REGISTER"), bob)
    alice.ask(alice.request("REGISTER", CSeq="2 REGISTER"), bob)
    wire.run(1.0)
    assert len(bob.served) == 2


def test_requests_of_rfc_2543_are_told_apart_without_a_branch() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(486)
    invite = alice.request("INVITE", Via="SIP/2.0/UDP 192.0.2.1:5060")
    alice.send(invite, bob)
    wire.run(0.1)
    alice.send(invite, bob)
    wire.run(0.1)
    assert wire.words == ["INVITE", "486 INVITE", "INVITE", "486 INVITE"]
    assert len(bob.served) == 1
    to = f"<sip:support@example.com>;tag={bob.served[0].to_tag}"
    alice.send(alice.request("ACK", Via="SIP/2.0/UDP 192.0.2.1:5060", To=to, CSeq="1 ACK"), bob)
    wire.run(20.0)
    assert wire.words[4:] == ["ACK"]
    alice.send(alice.request("INVITE", Via="SIP/2.0/UDP 192.0.2.1:5060", CSeq="2 INVITE"), bob)
    wire.run(0.1)
    assert len(bob.served) == 2


def test_a_stray_response_is_counted_and_told() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    alice.send(alice.request("OPTIONS"), bob)
    wire.run(1.0)
    assert [response.status for response in alice.strays] == [200]
    assert alice.counts.stray_responses == 1


def test_an_unreachable_target_is_reported_after_the_call_has_returned() -> None:
    wire, alice, bob = _pair()
    wire.unreachable.add(bob.flow)
    asked = alice.ask(alice.request("INVITE"), bob)
    other = alice.ask(alice.request("OPTIONS", CSeq="2 OPTIONS"), bob)
    assert asked.failures == []
    wire.run(0.0)
    assert [failure.sip_status for failure in asked.failures + other.failures] == [503, 503]
    _ends(wire)


def test_an_abandoned_request_is_neither_repeated_nor_heard_of() -> None:
    wire, alice, bob = _pair()
    asked = alice.ask(alice.request("BYE"), bob)
    wire.run(0.1)
    asked.transaction.abandon()
    assert alice.layer.count() == 0
    bob.served[0].answer(200)
    wire.run(40.0)
    assert asked.responses == []
    assert wire.words == ["BYE", "200 BYE"]


def test_a_request_has_one_final_answer() -> None:
    wire, alice, bob = _pair()
    asked = alice.ask(alice.request("OPTIONS"), bob)
    wire.run(0.1)
    for status in (404, 200, 180):
        bob.served[0].answer(status)
    wire.run(1.0)
    assert asked.statuses == [404]
    assert bob.counts.requests == {("OPTIONS", 404): 1}


def test_responses_go_to_the_source_that_asked_for_it() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    request = alice.request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.1:9;branch=z9hG4bK1;rport")
    alice.send(request, bob)
    wire.run(1.0)
    assert wire.datagrams[1].target == alice.flow
    assert b"received=192.0.2.1" in wire.datagrams[1].wire
    assert b"rport=5060" in wire.datagrams[1].wire


def test_without_rport_responses_go_to_the_port_of_the_via() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    alice.send(alice.request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.1:9;branch=z9hG4bK1"), bob)
    wire.run(1.0)
    assert wire.datagrams[1].target == Flow("udp", "192.0.2.1", 9)


def test_over_a_reliable_transport_nothing_is_repeated() -> None:
    wire = Wire(timers=Timers())
    alice, bob = wire.end("192.0.2.1"), wire.end("192.0.2.2")
    request = alice.request("OPTIONS")
    responses = list[int]()
    alice.layer.request(
        request,
        Flow("tcp", "192.0.2.2", 5060),
        branch=request.via.branch or "",
        on_response=lambda response: responses.append(response.status),
        on_failure=lambda _: responses.append(0),
    )
    wire.run(LONG)
    assert wire.times("OPTIONS") == [0.0]
    assert responses == [0]
    assert bob.served == []


@pytest.mark.parametrize("number", range(1, 7))
def test_any_single_loss_in_a_call_that_is_cancelled_is_made_good(number: int) -> None:
    wire, alice, bob = _pair(number)
    bob.on_request = lambda transaction: transaction.answer(180)
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(2.0)
    asked.transaction.cancel()
    wire.run(20.0)
    assert asked.statuses == [180, 487]
    assert len(bob.served) == 1
    _ends(wire)


def test_timers_keep_the_queue_small_over_many_transactions() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(200)
    for number in range(300):
        alice.ask(alice.request("OPTIONS", CSeq=f"{number} OPTIONS"), bob)
    wire.run(1.0)
    assert alice.layer.count() == 300
    assert len(alice.queue) == 300
    _ends(wire)


def test_a_response_with_more_than_our_via_is_for_somebody_else() -> None:
    wire, alice, bob = _pair()
    asked = alice.ask(alice.request("OPTIONS"), bob)
    wire.run(0.1)
    request = bob.served[0].request
    request.headers.add("Via", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKother")
    bob.served[0].answer(200)
    wire.run(0.1)
    assert asked.statuses == []
    assert alice.counts.stray_responses == 1


def test_an_invite_of_an_earlier_process_is_not_sent_and_its_repeated_answer_taken() -> None:
    wire, alice, bob = _pair()
    bob.on_request = lambda transaction: transaction.answer(180)
    invite = alice.request("INVITE")
    alice.ask(invite, bob)
    wire.run(1.0)
    alice.layer.give_up_all(SessionError("killed"))
    bob.served[0].answer(486)
    wire.run(1.0)
    asked = alice.ask(invite, bob, is_sent=True)
    wire.run(5.0)
    assert wire.words.count("INVITE") == 1
    assert asked.statuses == [486]
    assert wire.words[-1] == "ACK"
    _ends(wire)


def test_a_cancel_of_what_the_other_end_does_not_know_ends_at_once() -> None:
    wire, alice, bob = _pair()
    asked = alice.ask(alice.request("INVITE"), bob, is_sent=True)
    wire.run(1.0)
    assert wire.words == []
    asked.transaction.cancel()
    wire.run(1.0)
    assert wire.words == ["CANCEL", "481 CANCEL"]
    assert [type(failure).__name__ for failure in asked.failures] == ["RequestTimedOut"]
    _ends(wire)


def test_an_answer_that_crosses_the_cancel_which_the_other_end_does_not_know_is_heard() -> None:
    wire, alice, bob = _pair()
    invite = alice.request("INVITE")
    alice.ask(invite, bob)
    wire.run(0.1)
    alice.layer.give_up_all(SessionError("killed"))
    asked = alice.ask(invite, bob, is_sent=True)
    answer = bob.served.pop()
    bob.layer._servers.clear()
    asked.transaction.cancel()
    wire.run(0.1)
    assert wire.words[-1] == "481 CANCEL"
    assert len(asked.failures) == 1
    answer.answer(200)
    wire.run(0.1)
    assert asked.statuses[-1] == 200
    assert len(asked.failures) == 1
    _ends(wire)


def test_what_is_refused_at_once_holds_nothing_and_is_answered_alike_each_time() -> None:
    wire, alice, bob = _pair(2)
    bob.refuse_at_once = lambda _request: (407, (("Proxy-Authenticate", "Digest realm=x"),))
    asked = alice.ask(alice.request("INVITE"), bob)
    wire.run(0.3)
    assert (asked.statuses, bob.layer.count(), len(bob.queue)) == ([], 0, 0)
    wire.run(5.0)
    assert asked.statuses == [407]
    assert asked.responses[0].headers.get("proxy-authenticate") == "Digest realm=x"
    assert (bob.served, bob.layer.count(), len(bob.queue)) == ([], 0, 0)
    assert bob.counts.requests == {("INVITE", 407): 2}
    tags = {parse(each.wire).to.tag for each in wire.datagrams if each.word == "407 INVITE"}
    assert len(tags) == 1
    assert None not in tags
    _ends(wire)


def test_what_belongs_to_a_dialog_is_not_refused_at_once() -> None:
    wire, alice, bob = _pair()
    bob.refuse_at_once = lambda _request: (407, ())
    bob.on_request = lambda transaction: transaction.answer(481)
    asked = alice.ask(alice.request("INVITE", To="<sip:bob@example.com>;tag=b"), bob)
    wire.run(1.0)
    assert asked.statuses == [481]
