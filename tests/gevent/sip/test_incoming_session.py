"""IncomingSession: ring, answer, reject, CANCEL, BYE, and an ACK that gets lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from gevent.event import Event

from callengine import greenlets
from callengine.errors import HungUp, SessionError
from callengine.sip.endpoint import Endpoint
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.message import Request, Response
from callengine.sip.transactions import ServerTransaction
from tests.fakes.sip_peer import ANSWER, OFFER, QUICK, SipPeer, make_endpoint, wait_until

Calls = list[IncomingSession]


@pytest.fixture
def calls(endpoint: Endpoint) -> Calls:
    """Every call that has come, in order; nothing is done about them."""
    calls: Calls = []

    def take(transaction: ServerTransaction) -> None:
        calls.append(IncomingSession(transaction, endpoint, contact=endpoint.contact("support")))

    endpoint.on("INVITE", take)
    return calls


def _call(peer: SipPeer, calls: Calls) -> tuple[Request, IncomingSession]:
    invite = peer.make("INVITE", body=OFFER)
    peer.send(invite)
    wait_until(lambda: calls)
    return invite, calls[-1]


def _confirmed(peer: SipPeer, calls: Calls) -> tuple[Request, IncomingSession, Response]:
    invite, session = _call(peer, calls)
    session.answer(ANSWER)
    answer = peer.response(200)
    peer.send(peer.within("ACK", invite, answer, cseq=1))
    assert session.wait(session.confirmed, timeout=3.0)
    return invite, session, answer


def test_a_call_from_ring_to_bye(endpoint: Endpoint, peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    assert session.invite.body == session.remote_body == OFFER
    assert session.flow == peer.flow
    session.ring()
    ringing = peer.response(180)
    assert ringing.contacts[0].uri.user == "support"
    session.answer(ANSWER)
    answer = peer.response(200)
    assert answer.body == ANSWER
    assert answer.content_type == "application/sdp"
    assert answer.to.tag == ringing.to.tag
    assert answer.headers.get("allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    assert not session.confirmed.is_set()
    peer.send(peer.within("ACK", invite, answer, cseq=1))
    assert session.wait(session.confirmed, timeout=3.0)
    assert greenlets.running()["dialog"] == 1
    peer.send(peer.within("BYE", invite, answer, cseq=2))
    peer.response(200)
    assert session.ended.wait(3.0)
    assert (session.ended_by, session.end_cause) == ("remote", "bye")
    wait_until(lambda: "dialog" not in greenlets.running())
    assert endpoint.dialog_count() == 0
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0
    assert endpoint.counts.requests == {("INVITE", 200): 1, ("BYE", 200): 1}
    assert endpoint.counts.retransmissions_sent == 0


def test_facts_can_be_read_before_anything_is_sent(peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    facts = session.facts
    assert facts.last_status is None
    assert facts.dialog.local_tag
    assert (facts.dialog.remote_tag, facts.dialog.remote_cseq, facts.invite_cseq) == ("peer", 1, 1)
    assert facts.branch == invite.via.branch
    assert facts.via_set == tuple(session.invite.headers.get_all("via"))
    assert facts.request_uri == invite.uri
    session.reject(486)
    assert peer.response(486).to.tag == facts.dialog.local_tag
    assert session.facts.last_status == 486


def test_the_tag_can_be_chosen(endpoint: Endpoint, peer: SipPeer) -> None:
    def refuse(transaction: ServerTransaction) -> None:
        IncomingSession(transaction, endpoint, contact="sip:x@y", local_tag="chosen").reject(486)

    endpoint.on("INVITE", refuse)
    peer.send(peer.make("INVITE"))
    assert peer.response(486).to.tag == "chosen"


def test_early_media(peer: SipPeer, calls: Calls) -> None:
    _, session = _call(peer, calls)
    session.ring(ANSWER)
    assert peer.response(183).body == ANSWER
    session.reject(480)


def test_reject(endpoint: Endpoint, peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    session.reject(503, "Full House", headers=[("Retry-After", "5")])
    refusal = peer.response(503)
    assert refusal.reason == "Full House"
    assert refusal.headers.get("retry-after") == "5"
    peer.send(peer.make("ACK", Via=invite.headers.get("via") or "", To=refusal.headers.get("to") or ""))
    assert (session.ended_by, session.end_cause) == ("local", "rejected")
    session.reject(486)
    with pytest.raises(HungUp):
        session.answer(ANSWER)
    assert peer.hears_nothing(0.05)
    wait_until(lambda: endpoint.transaction_count() == 0)


def test_cancel(endpoint: Endpoint, peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    session.ring()
    peer.response(180)
    waiting = greenlets.spawn("waiting", _hears_of_the_end, session)
    via = invite.headers.get("via") or ""
    peer.send(peer.make("CANCEL", uri=invite.uri, Via=via, Call_ID=invite.call_id))
    peer.response(200)
    peer.response(487)
    waiting.join(3.0)
    assert waiting.value is True
    assert (session.ended_by, session.end_cause) == ("remote", "cancelled")
    to = f"<sip:support@x>;tag={session.facts.dialog.local_tag}"
    peer.send(peer.make("ACK", uri=invite.uri, Via=via, Call_ID=invite.call_id, To=to))
    with pytest.raises(HungUp):
        session.answer(ANSWER)
    with pytest.raises(HungUp):
        session.ring()
    assert session.hang_up()
    assert peer.hears_nothing(0.1)
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0


def _hears_of_the_end(session: IncomingSession) -> bool:
    with pytest.raises(HungUp):
        session.wait(Event())
    return True


def test_cancel_before_the_worker_has_looked(endpoint: Endpoint, peer: SipPeer) -> None:
    looked, causes = Event(), list[str | None]()

    def take(transaction: ServerTransaction) -> None:
        looked.wait()
        session = IncomingSession(transaction, endpoint, contact="sip:x@y")
        causes.append(session.end_cause)
        session.answer(ANSWER)

    endpoint.on("INVITE", take)
    invite = peer.make("INVITE", body=OFFER)
    peer.send(invite)
    wait_until(lambda: endpoint.busy_workers() == 1)
    peer.send(peer.make("CANCEL", Via=invite.headers.get("via") or "", Call_ID=invite.call_id))
    assert {_status(peer), _status(peer)} == {487, 200}
    looked.set()
    wait_until(lambda: endpoint.busy_workers() == 0)
    assert causes == ["cancelled"]


def _status(peer: SipPeer) -> int:
    message = peer.receive()
    assert isinstance(message, Response)
    return message.status


def test_a_cancel_that_comes_after_the_answer_changes_nothing(peer: SipPeer, calls: Calls) -> None:
    invite, session, _ = _confirmed(peer, calls)
    peer.send(peer.make("CANCEL", Via=invite.headers.get("via") or "", Call_ID=invite.call_id))
    peer.response(200)
    assert not session.ended.is_set()
    _hang_up(peer, session)


def _hang_up(peer: SipPeer, session: IncomingSession) -> None:
    leaving = greenlets.spawn("leaving", session.hang_up)
    bye = peer.request("BYE")
    peer.answer(bye, 200)
    assert leaving.get(timeout=3.0) is True


def test_a_lost_ack_makes_us_repeat_the_answer_and_then_hang_up(
    endpoint: Endpoint, peer: SipPeer, calls: Calls
) -> None:
    _, session = _call(peer, calls)
    session.answer(ANSWER)
    for _ in range(6):
        assert peer.response(200).body == ANSWER
    assert session.ended.wait(5.0)
    assert (session.ended_by, session.end_cause) == ("timeout", "no_ack")
    assert not session.confirmed.is_set()
    message = peer.receive()
    while isinstance(message, Response):
        message = peer.receive()
    assert message.method == "BYE"
    peer.answer(message, 200)
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0


def test_hanging_up_waits_for_the_ack(peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    session.answer(ANSWER)
    answer = peer.response(200)
    leaving = greenlets.spawn("leaving", session.hang_up)
    again = peer.response(200)
    assert again.body == answer.body
    peer.send(peer.within("ACK", invite, answer, cseq=1))
    peer.answer(_first_request(peer), 200)
    assert leaving.get(timeout=3.0) is True


def _first_request(peer: SipPeer) -> Request:
    message = peer.receive()
    while isinstance(message, Response):
        message = peer.receive()
    return message


def test_a_bye_before_the_ack_ends_it(peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    session.answer(ANSWER)
    answer = peer.response(200)
    peer.send(peer.within("BYE", invite, answer, cseq=2))
    message = peer.receive()
    while message.cseq.method != "BYE":
        message = peer.receive()
    assert isinstance(message, Response)
    assert message.status == 200
    assert session.ended.wait(3.0)
    assert peer.hears_nothing(0.1)


def test_an_offerless_invite_is_answered_by_the_ack(peer: SipPeer, calls: Calls) -> None:
    invite = peer.make("INVITE")
    peer.send(invite)
    wait_until(lambda: calls)
    session = calls[0]
    session.answer(OFFER)
    answer = peer.response(200)
    assert answer.body == OFFER
    peer.send(peer.within("ACK", invite, answer, cseq=1, body=ANSWER))
    assert session.wait(session.confirmed, timeout=3.0)
    assert session.remote_body == ANSWER
    _hang_up(peer, session)


def test_an_unanswered_call_is_hung_up_by_480(peer: SipPeer, calls: Calls) -> None:
    _, session = _call(peer, calls)
    assert session.hang_up()
    peer.response(480)
    assert session.end_cause == "rejected"


def test_an_answered_call_cannot_be_answered_or_rejected(peer: SipPeer, calls: Calls) -> None:
    _, session, _ = _confirmed(peer, calls)
    act: Callable[[], None]
    for act in (session.ring, lambda: session.answer(ANSWER), lambda: session.reject(486)):
        with pytest.raises(SessionError):
            act()
    _hang_up(peer, session)


def test_an_invite_without_contact_gets_400(endpoint: Endpoint, peer: SipPeer, calls: Calls) -> None:
    peer.send(peer.make("INVITE", Contact=""))
    peer.response(400)
    assert calls == []
    assert endpoint.dialog_count() == 0


def test_a_repeated_invite_makes_no_second_call(peer: SipPeer, calls: Calls) -> None:
    invite, session, _ = _confirmed(peer, calls)
    peer.send(invite)
    assert peer.hears_nothing(0.1)
    assert len(calls) == 1
    _hang_up(peer, session)


def test_ringing_is_repeated_until_the_answer() -> None:
    endpoint = make_endpoint(timers=replace(QUICK, progress=0.1))
    calls: Calls = []

    def take(transaction: ServerTransaction) -> None:
        calls.append(IncomingSession(transaction, endpoint, contact=endpoint.contact("support")))

    endpoint.on("INVITE", take)
    phone = SipPeer(endpoint)
    invite, session = _call(phone, calls)
    session.ring(ANSWER)
    answers = [phone.response(183) for _ in range(3)]
    assert [answer.body for answer in answers] == [ANSWER] * 3
    session.answer(ANSWER)
    while (message := _response(phone)).status == 183:
        pass
    assert message.status == 200
    phone.send(phone.within("ACK", invite, message, cseq=1))
    assert session.wait(session.confirmed, timeout=3.0)
    assert phone.hears_nothing(0.3)
    endpoint.stop()
    phone.close()


def test_a_bye_before_the_answer_ends_the_call(peer: SipPeer, calls: Calls) -> None:
    invite, session = _call(peer, calls)
    session.ring()
    ringing = peer.response(180)
    peer.send(peer.within("BYE", invite, ringing, cseq=2))
    statuses = {(message.status, message.cseq.method) for message in map(_response, [peer, peer])}
    assert statuses == {(200, "BYE"), (487, "INVITE")}
    assert session.ended.wait(3.0)
    assert (session.ended_by, session.end_cause) == ("remote", "bye")


def _response(peer: SipPeer) -> Response:
    message = peer.receive()
    assert isinstance(message, Response)
    return message


def test_hanging_up_an_unanswered_call_refuses_it_and_says_why(peer: SipPeer, calls: Calls) -> None:
    _, session = _call(peer, calls)
    session.ring()
    peer.response(180)
    session.refuse_with = 486
    assert session.hang_up(reason='SIP;cause=480;text="Too long"')
    assert peer.response(486).headers.get("reason") == 'SIP;cause=480;text="Too long"'
    assert (session.ended_by, session.end_cause) == ("local", "rejected")
