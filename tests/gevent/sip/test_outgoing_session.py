"""OutgoingSession: answered, refused, cancelled, timed out, forked, challenged."""

from collections.abc import Callable
from typing import Any

import pytest

from callengine import greenlets
from callengine.errors import HungUp, SessionError
from callengine.sip.account import Account
from callengine.sip.auth import Challenge, Credentials, NonceBook, Verdict, ha1
from callengine.sip.endpoint import Endpoint
from callengine.sip.message import Request
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.sip_peer import ANSWER, OFFER, SipPeer, make_endpoint, wait_until

Make = Callable[..., OutgoingSession]


@pytest.fixture
def make(endpoint: Endpoint, peer: SipPeer) -> Make:
    """Makes a call to the peer, not sent yet."""

    def make(**changes: Any) -> OutgoingSession:
        arguments: dict[str, Any] = {
            "target_uri": f"sip:alice@127.0.0.1:{peer.port}",
            "flow": peer.flow,
            "from_": '"Support" <sip:support@example.com>',
            "to": "<sip:alice@example.com>",
            "contact": endpoint.contact("support"),
            "body": OFFER,
        }
        return OutgoingSession(endpoint, **(arguments | changes))

    return make


def _answered(session: OutgoingSession, peer: SipPeer) -> Request:
    session.send()
    invite = peer.request("INVITE")
    peer.answer(invite, 200, body=ANSWER)
    assert session.wait(session.answered, timeout=3.0)
    return invite


def _hang_up(session: OutgoingSession, peer: SipPeer) -> Request:
    leaving = greenlets.spawn("leaving", session.hang_up)
    bye = peer.request("BYE")
    peer.answer(bye, 200)
    assert leaving.get(timeout=3.0) is True
    return bye


def _nothing_is_left(endpoint: Endpoint) -> None:
    wait_until(lambda: endpoint.dialog_count() == 0)
    wait_until(lambda: "dialog" not in greenlets.running())


def test_a_call_from_invite_to_bye(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make(headers=[("X-Call", "7")])
    session.send()
    invite = peer.request("INVITE")
    assert invite.body == OFFER
    assert invite.content_type == "application/sdp"
    assert invite.headers.get("x-call") == "7"
    assert invite.headers.get("user-agent") == "test"
    peer.answer(invite, 180)
    wait_until(lambda: session.provisional)
    assert not session.final.is_set()
    peer.answer(invite, 200, body=ANSWER)
    assert session.wait(session.final, timeout=3.0)
    assert session.answered.is_set()
    assert session.refused is None
    assert session.remote_body == ANSWER
    assert peer.hears_nothing(0.1)
    assert not session.confirmed.is_set()
    session.acknowledge()
    session.acknowledge()
    ack = peer.request("ACK")
    assert ack.uri == f"sip:peer@127.0.0.1:{peer.port}"
    assert ack.to.tag == "theirs"
    assert str(ack.cseq) == "1 ACK"
    assert ack.via.branch != invite.via.branch
    assert session.confirmed.is_set()
    bye = _hang_up(session, peer)
    assert str(bye.cseq) == "2 BYE"
    assert (session.ended_by, session.end_cause) == ("local", "bye")
    _nothing_is_left(endpoint)
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0
    assert endpoint.counts.retransmissions_sent == 0


def test_facts_can_be_read_before_anything_is_sent(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make(call_id="the-call", local_tag="the-tag", branch="z9hG4bKthe-branch")
    prepared = session.prepare()
    facts = session.facts
    assert peer.hears_nothing(0.02)
    assert endpoint.dialog_count() == endpoint.transaction_count() == 0
    assert (facts.dialog.call_id, facts.dialog.local_tag, facts.branch) == (
        "the-call",
        "the-tag",
        "z9hG4bKthe-branch",
    )
    assert (facts.dialog.remote_tag, facts.last_status, facts.remote_tags) == ("", None, ())
    assert (facts.invite_cseq, facts.dialog.local_cseq) == (1, 1)
    assert facts.request_uri == facts.dialog.remote_target == session.target_uri
    session.send()
    invite = peer.request("INVITE")
    assert invite.serialise() == prepared.serialise()
    assert invite.via.branch == "z9hG4bKthe-branch"
    peer.answer(invite, 180, tag="one")
    wait_until(lambda: session.facts.remote_tags)
    assert (session.facts.remote_tags, session.facts.last_status) == (("one",), 180)
    peer.answer(invite, 200, tag="two", body=ANSWER)
    session.wait(session.answered, timeout=3.0)
    assert session.facts.remote_tags == ("one", "two")
    assert session.facts.dialog.remote_tag == "two"
    session.acknowledge()
    peer.request("ACK")
    _hang_up(session, peer)


def test_a_repeated_2xx_is_acknowledged_again_with_the_same_bytes(peer: SipPeer, make: Make) -> None:
    session = make()
    invite = _answered(session, peer)
    peer.answer(invite, 200, body=ANSWER)
    assert peer.hears_nothing(0.05)
    session.acknowledge()
    first = peer.request("ACK")
    peer.answer(invite, 200, body=ANSWER)
    assert peer.request("ACK").serialise() == first.serialise()
    _hang_up(session, peer)


def test_a_refusal_ends_it(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    peer.answer(invite, 486)
    assert session.wait(session.final, timeout=3.0)
    assert session.refused == (486, "Busy Here")
    assert session.refusal is not None
    assert not session.answered.is_set()
    assert (session.ended_by, session.end_cause) == ("remote", "refused")
    ack = peer.request("ACK")
    assert ack.via.branch == invite.via.branch
    session.acknowledge()
    assert not session.cancel()
    assert session.hang_up()
    assert peer.hears_nothing(0.05)
    with pytest.raises(HungUp):
        session.wait(session.answered)
    _nothing_is_left(endpoint)


def test_nobody_answers(endpoint: Endpoint, make: Make) -> None:
    session = make()
    session.send()
    assert session.wait(session.final, timeout=5.0)
    assert session.refused is not None
    assert session.refused[0] == 408
    assert (session.ended_by, session.end_cause) == ("timeout", "no_answer")
    _nothing_is_left(endpoint)
    assert endpoint.transaction_count() == endpoint.timer_count() == 0


def test_cancel(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    peer.answer(invite, 180)
    wait_until(lambda: session.provisional)
    assert not session.wait(session.final, timeout=0.01)
    assert session.cancel('SIP;cause=200;text="Call completed elsewhere"')
    cancel = peer.request("CANCEL")
    assert cancel.headers.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.via.branch == invite.via.branch
    peer.answer(cancel, 200)
    peer.answer(invite, 487)
    peer.request("ACK")
    assert session.wait(session.final, timeout=3.0)
    assert session.refused == (487, "Request Terminated")
    assert (session.ended_by, session.end_cause) == ("local", "cancelled")
    _nothing_is_left(endpoint)


def test_cancel_before_any_answer_waits_for_one(peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    assert session.cancel()
    again = peer.request("INVITE")
    assert again.serialise() == invite.serialise()
    peer.answer(invite, 100)
    cancel = peer.request("CANCEL")
    peer.answer(cancel, 200)
    peer.answer(invite, 487)
    peer.request("ACK")
    assert session.wait(session.final, timeout=3.0)


def test_cancel_that_nobody_obeys_ends_after_64_t1(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    peer.answer(peer.request("INVITE"), 180)
    wait_until(lambda: session.provisional)
    session.cancel()
    assert session.wait(session.final, timeout=5.0)
    assert session.end_cause == "cancelled"
    _nothing_is_left(endpoint)
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.timer_count() == 0


def test_cancel_before_sending(endpoint: Endpoint, peer: SipPeer, make: Make) -> None:
    session = make()
    assert session.cancel()
    assert session.final.is_set()
    with pytest.raises(HungUp):
        session.send()
    assert peer.hears_nothing(0.05)
    assert endpoint.dialog_count() == 0


def test_a_2xx_that_crosses_the_cancel_is_acknowledged_and_hung_up(
    endpoint: Endpoint, peer: SipPeer, make: Make
) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    peer.answer(invite, 180)
    wait_until(lambda: session.provisional)
    session.cancel()
    peer.answer(peer.request("CANCEL"), 200)
    peer.answer(invite, 200, body=ANSWER)
    ack = peer.request("ACK")
    assert ack.to.tag == "theirs"
    bye = peer.request("BYE")
    assert str(bye.cseq) == "2 BYE"
    peer.answer(bye, 200)
    assert session.wait(session.final, timeout=3.0)
    assert not session.answered.is_set()
    assert session.end_cause == "cancelled"
    peer.answer(invite, 200, body=ANSWER)
    assert peer.request("ACK").serialise() == ack.serialise()
    assert peer.hears_nothing(0.05)
    _nothing_is_left(endpoint)


def test_hanging_up_an_unanswered_call_cancels_it(peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    peer.answer(invite, 180)
    wait_until(lambda: session.provisional)
    leaving = greenlets.spawn("leaving", session.hang_up)
    peer.answer(peer.request("CANCEL"), 200)
    peer.answer(invite, 487)
    peer.request("ACK")
    assert leaving.get(timeout=3.0) is True


def test_hanging_up_an_unacknowledged_call_acknowledges_first(peer: SipPeer, make: Make) -> None:
    session = make()
    _answered(session, peer)
    leaving = greenlets.spawn("leaving", session.hang_up)
    peer.request("ACK")
    peer.answer(peer.request("BYE"), 200)
    assert leaving.get(timeout=3.0) is True


def test_a_bye_before_our_ack_ends_it_and_is_acknowledged(
    endpoint: Endpoint, peer: SipPeer, make: Make
) -> None:
    session = make()
    invite = _answered(session, peer)
    assert not session.cancel()
    peer.send(peer.back("BYE", invite, "theirs"))
    peer.response(200)
    peer.request("ACK")
    assert session.ended.wait(3.0)
    assert (session.ended_by, session.end_cause) == ("remote", "bye")
    session.acknowledge()
    assert peer.hears_nothing(0.05)
    _nothing_is_left(endpoint)


def test_another_forks_answer_is_acknowledged_and_hung_up(peer: SipPeer, make: Make) -> None:
    session = make()
    invite = _answered(session, peer)
    session.acknowledge()
    peer.request("ACK")
    peer.answer(invite, 200, tag="fork", body=ANSWER)
    assert peer.request("ACK").to.tag == "fork"
    bye = peer.request("BYE")
    assert bye.to.tag == "fork"
    peer.answer(bye, 200)
    assert not session.ended.is_set()
    assert _hang_up(session, peer).to.tag == "theirs"


@pytest.mark.parametrize(("status", "asks", "answers"), [
    (401, "WWW-Authenticate", "Authorization"),
    (407, "Proxy-Authenticate", "Proxy-Authorization"),
])  # fmt: skip
def test_a_challenge_is_answered_once(
    peer: SipPeer, make: Make, status: int, asks: str, answers: str
) -> None:
    book = NonceBook(b"key")
    challenge = Challenge(realm="example.com", nonce=book.issue(1.0))
    session = make(credentials=Account("alice", "secret"))
    session.send()
    first = peer.request("INVITE")
    peer.answer(first, status, (asks, challenge.header_value()))
    peer.request("ACK")
    second = peer.request("INVITE")
    assert second.cseq.number == 2
    assert second.via.branch != first.via.branch
    assert (second.call_id, second.from_.tag) == (first.call_id, first.from_.tag)
    given = Credentials.parse(second.headers.get(answers) or "")
    secret = ha1("alice", "example.com", "secret")
    assert book.verify(given, ha1=secret, method="INVITE", now=2.0) is Verdict.GOOD
    peer.answer(second, 200, body=ANSWER)
    session.wait(session.answered, timeout=3.0)
    session.acknowledge()
    ack = peer.request("ACK")
    assert ack.cseq.number == 2
    assert ack.headers.get(answers) == second.headers.get(answers)
    assert session.facts.invite_cseq == 2
    _hang_up(session, peer)


def test_a_second_challenge_is_a_refusal(peer: SipPeer, make: Make) -> None:
    challenge = ("WWW-Authenticate", Challenge(realm="example.com", nonce="1").header_value())
    session = make(credentials=Account("alice", "wrong"))
    session.send()
    for _ in range(2):
        peer.answer(peer.request("INVITE"), 401, challenge)
        peer.request("ACK")
    assert session.wait(session.final, timeout=3.0)
    assert session.refused == (401, "Unauthorized")


def test_a_challenge_without_credentials_is_a_refusal(peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    peer.answer(peer.request("INVITE"), 401, ("WWW-Authenticate", 'Digest realm="a", nonce="b"'))
    peer.request("ACK")
    assert session.wait(session.final, timeout=3.0)
    assert session.refused == (401, "Unauthorized")


def test_an_unreachable_target_is_a_refusal(make: Make) -> None:
    session = make(flow=make().flow.__class__("udp", "2001:db8::1", 5060))
    session.send()
    assert session.wait(session.final, timeout=3.0)
    assert session.refused is not None
    assert session.refused[0] == 503
    assert session.end_cause == "unreachable"


def test_cannot_be_sent_twice_nor_hung_up_on_while_ringing(peer: SipPeer, make: Make) -> None:
    session = make()
    session.send()
    invite = peer.request("INVITE")
    with pytest.raises(SessionError):
        session.send()
    peer.answer(invite, 180)
    peer.send(peer.back("BYE", invite, "theirs"))
    peer.response(481)
    peer.answer(invite, 603)
    peer.request("ACK")


@pytest.mark.parametrize("is_ringing", [True, False])
def test_stopping_the_endpoint_ends_it(is_ringing: bool) -> None:
    endpoint = make_endpoint()
    peer = SipPeer(endpoint)
    session = OutgoingSession(
        endpoint,
        target_uri=f"sip:alice@127.0.0.1:{peer.port}",
        flow=peer.flow,
        from_="<sip:support@example.com>",
        to="<sip:alice@example.com>",
        contact=endpoint.contact(),
        body=OFFER,
    )
    session.send()
    peer.answer(peer.request("INVITE"), 180 if is_ringing else 200)
    wait_until(lambda: session.provisional or session.answered.is_set())
    leaving = greenlets.spawn("leaving", session.hang_up)
    peer.receive()
    endpoint.stop()
    assert leaving.get(timeout=3.0) is False
    assert session.final.is_set()
    assert session.end_cause == "stopped"
    assert endpoint.timer_count() == 0
    peer.close()
