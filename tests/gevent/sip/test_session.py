"""Session: hang up with and without confirmation, re-INVITE both ways, restore from facts alone."""

from dataclasses import replace

import pytest
from gevent.event import Event

from callengine import greenlets
from callengine.errors import HungUp, SessionError
from callengine.sip.dialog import DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.message import Request, Response
from callengine.sip.session import Session, restore
from tests.fakes.sip_peer import ANSWER, HOST, OFFER, SipPeer, wait_until

NEW_OFFER = OFFER.replace(b"30000", b"30002")


@pytest.fixture
def session(endpoint: Endpoint, peer: SipPeer) -> Session:
    """A session with the peer, from facts alone. The peer's INVITE had CSeq 10."""
    facts = DialogFacts(
        call_id="stored-call",
        local_tag="ours",
        remote_tag="theirs",
        local_uri="<sip:support@example.com>",
        remote_uri="<sip:peer@example.com>",
        route_set=(),
        remote_target=f"sip:peer@{HOST}:{peer.port}",
        local_cseq=0,
        remote_cseq=10,
        is_uac=False,
    )
    contact = endpoint.contact("support")
    return restore(endpoint, facts, peer.flow, contact=contact, local_body=ANSWER, remote_body=OFFER)


def _ask(peer: SipPeer, method: str, cseq: int, body: bytes = b"", **changes: str) -> Request:
    headers = {
        "From": "<sip:peer@example.com>;tag=theirs",
        "To": "<sip:support@example.com>;tag=ours",
        "Call_ID": "stored-call",
        "CSeq": f"{cseq} {method}",
    }
    request = peer.make(method, body=body, **(headers | changes))
    peer.send(request)
    return request


def _hears_of_the_end(session: Session) -> bool:
    with pytest.raises(HungUp):
        session.wait(Event())
    return True


def _end(peer: SipPeer, session: Session) -> None:
    _ask(peer, "BYE", 99)
    peer.response(200)
    assert session.ended.wait(3.0)


# Restored


def test_restore_sends_nothing_and_hangs_up_by_stored_facts(
    endpoint: Endpoint, peer: SipPeer, session: Session
) -> None:
    assert peer.hears_nothing(0.05)
    assert endpoint.dialog_count() == 1
    leaving = greenlets.spawn("leaving", lambda: session.hang_up(reason="Q.850;cause=16"))
    bye = peer.request("BYE")
    assert bye.uri == f"sip:peer@{HOST}:{peer.port}"
    assert (bye.call_id, bye.from_.tag, bye.to.tag) == ("stored-call", "ours", "theirs")
    assert str(bye.cseq) == "101 BYE"
    assert bye.headers.get("reason") == "Q.850;cause=16"
    assert bye.via.port == endpoint.local_address[1]
    peer.answer(bye, 200)
    assert leaving.get(timeout=3.0) is True
    assert (session.ended_by, session.end_cause) == ("local", "bye")
    assert endpoint.dialog_count() == 0
    wait_until(lambda: "dialog" not in greenlets.running())


def test_restored_answers_a_bye(peer: SipPeer, session: Session) -> None:
    waiting = greenlets.spawn("waiting", _hears_of_the_end, session)
    _ask(peer, "BYE", 11)
    peer.response(200)
    waiting.join(3.0)
    assert waiting.value is True
    assert (session.ended_by, session.end_cause) == ("remote", "bye")


def test_a_repeated_2xx_of_before_the_restart_is_acknowledged(
    endpoint: Endpoint, peer: SipPeer, session: Session
) -> None:
    lost = peer.make(
        "INVITE",
        Via=f"SIP/2.0/UDP {HOST}:1;branch=z9hG4bKforgotten",
        From="<sip:support@example.com>;tag=ours",
        To="<sip:peer@example.com>;tag=theirs",
        Call_ID="stored-call",
    )
    for _ in range(2):
        peer.answer(lost, 200, body=ANSWER)
        assert str(peer.request("ACK").cseq) == "1 ACK"
    peer.answer(lost, 486)
    other = lost.headers.copy()
    other.set("To", "<sip:peer@example.com>;tag=somebody")
    peer.answer(Request("INVITE", lost.uri, other), 200)
    assert peer.hears_nothing(0.05)
    assert endpoint.counts.stray_responses == 4
    _end(peer, session)


# Hanging up


def test_bye_is_sent_again_with_the_next_cseq_and_given_up(
    endpoint: Endpoint, peer: SipPeer, session: Session
) -> None:
    assert session.hang_up(timeout=0.1, attempts=2) is False
    assert str(peer.request("BYE").cseq) == "101 BYE"
    assert (session.ended_by, session.end_cause) == ("local", "unconfirmed")
    assert endpoint.transaction_count() == 0
    assert endpoint.timer_count() == 0
    assert session.hang_up() is False


def test_each_attempt_is_a_new_transaction(peer: SipPeer, session: Session) -> None:
    leaving = greenlets.spawn("leaving", lambda: session.hang_up(timeout=0.05, attempts=3))
    byes: dict[str, str] = {}
    while len(byes) < 3:
        bye = peer.request("BYE")
        byes[str(bye.cseq)] = bye.via.branch or ""
    assert list(byes) == ["101 BYE", "102 BYE", "103 BYE"]
    assert len(set(byes.values())) == 3
    peer.answer(bye, 481)
    assert leaving.get(timeout=3.0) is True


@pytest.mark.parametrize("status", [200, 408, 481, 403])
def test_any_final_answer_confirms(peer: SipPeer, session: Session, status: int) -> None:
    leaving = greenlets.spawn("leaving", session.hang_up)
    bye = peer.request("BYE")
    peer.answer(bye, 100)
    peer.answer(bye, status)
    assert leaving.get(timeout=3.0) is True


def test_500_raises_the_cseq_once(peer: SipPeer, session: Session) -> None:
    leaving = greenlets.spawn("leaving", session.hang_up)
    peer.answer(peer.request("BYE"), 500)
    again = peer.request("BYE")
    assert str(again.cseq) == "202 BYE"
    peer.answer(again, 500)
    assert leaving.get(timeout=3.0) is True


def test_two_byes_that_cross(peer: SipPeer, session: Session) -> None:
    leaving = greenlets.spawn("leaving", session.hang_up)
    ours = peer.request("BYE")
    _ask(peer, "BYE", 11)
    peer.response(200)
    assert leaving.get(timeout=3.0) is True
    assert session.ended_by == "remote"
    peer.answer(ours, 481)


def test_whoever_hangs_up_second_waits_for_the_first(peer: SipPeer, session: Session) -> None:
    first = greenlets.spawn("first", session.hang_up)
    second = greenlets.spawn("second", session.hang_up)
    peer.answer(peer.request("BYE"), 200)
    assert first.get(timeout=3.0) is True
    assert second.get(timeout=3.0) is True
    assert peer.hears_nothing(0.05)


def test_while_leaving_only_a_bye_is_obeyed(peer: SipPeer, session: Session) -> None:
    leaving = greenlets.spawn("leaving", session.hang_up)
    bye = peer.request("BYE")
    _ask(peer, "INVITE", 11, OFFER)
    message = peer.receive()
    while isinstance(message, Request):
        message = peer.receive()
    assert message.status == 481
    peer.answer(bye, 200)
    assert leaving.get(timeout=3.0) is True


# Waiting


def test_wait(peer: SipPeer, session: Session) -> None:
    event = Event()
    assert not session.wait(event, timeout=0.01)
    event.set()
    assert session.wait(event)
    _end(peer, session)
    assert session.wait(event)
    with pytest.raises(HungUp, match="ended by remote: bye"):
        session.wait(Event())


# Their requests


def test_a_bye_is_obeyed_whatever_its_cseq(peer: SipPeer, session: Session) -> None:
    _ask(peer, "BYE", 1)
    peer.response(200)
    assert session.ended.wait(3.0)


def test_a_late_request_gets_500(peer: SipPeer, session: Session) -> None:
    _ask(peer, "OPTIONS", 9)
    peer.response(500)
    _ask(peer, "OPTIONS", 11)
    peer.response(200)
    _end(peer, session)


def test_an_unknown_tag_gets_481(peer: SipPeer, session: Session) -> None:
    _ask(peer, "BYE", 11, From="<sip:peer@example.com>;tag=other")
    peer.response(481)
    _ask(peer, "BYE", 11, To="<sip:support@example.com>;tag=other")
    peer.response(481)
    assert not session.ended.is_set()
    _end(peer, session)
    _ask(peer, "BYE", 12)
    peer.response(481)


def test_what_we_have_not_gets_405(peer: SipPeer, session: Session) -> None:
    for number, method in enumerate(("INFO", "UPDATE", "REFER", "NOTIFY"), start=11):
        _ask(peer, method, number)
        assert peer.response(405).headers.get("allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    _end(peer, session)


def _accept(peer: SipPeer, invite: Request, answer: Response, body: bytes = b"") -> None:
    ack = peer.within("ACK", invite, answer, cseq=invite.cseq.number, body=body)
    peer.send(ack)


def test_an_unchanged_offer_is_answered_again(peer: SipPeer, session: Session) -> None:
    invite = _ask(peer, "INVITE", 11, OFFER)
    answer = peer.response(200)
    assert answer.body == ANSWER
    assert answer.contacts[0].uri.user == "support"
    _accept(peer, invite, answer)
    assert peer.hears_nothing(0.1)
    _end(peer, session)


def test_a_changed_offer_gets_488_unless_somebody_knows_better(peer: SipPeer, session: Session) -> None:
    _ask(peer, "INVITE", 11, NEW_OFFER)
    refusal = peer.response(488)
    assert refusal.to.tag == "ours"
    assert session.remote_body == OFFER
    offers = list[bytes]()

    def answer_offer(offer: bytes) -> tuple[int, bytes]:
        offers.append(offer)
        return 200, b"v=0\r\n"

    session.on_offer = answer_offer
    peer_contact = f"<sip:moved@{HOST}:{peer.port}>"
    invite = _ask(peer, "INVITE", 12, NEW_OFFER, Contact=peer_contact)
    message = peer.receive()
    while message.cseq.number != 12:
        message = peer.receive()
    assert isinstance(message, Response)
    assert (message.status, message.body) == (200, b"v=0\r\n")
    _accept(peer, invite, message)
    assert offers == [NEW_OFFER]
    assert (session.local_body, session.remote_body) == (b"v=0\r\n", NEW_OFFER)
    assert session.dialog is not None
    assert session.dialog.remote_target == f"sip:moved@{HOST}:{peer.port}"
    _end(peer, session)


def test_an_error_while_answering_an_offer_is_answered(peer: SipPeer, session: Session) -> None:
    def fail(_: bytes) -> tuple[int, bytes]:
        raise ValueError("a bug")

    def refuse(_: bytes) -> tuple[int, bytes]:
        raise SessionError("not now")

    for number, (on_offer, status) in enumerate(((fail, 500), (refuse, 480)), start=11):
        session.on_offer = on_offer
        invite = _ask(peer, "INVITE", number, NEW_OFFER)
        refusal = peer.response(status)
        peer.send(
            peer.make(
                "ACK",
                Via=invite.headers.get("via") or "",
                From=invite.headers.get("from") or "",
                To=refusal.headers.get("to") or "",
                Call_ID="stored-call",
                CSeq=f"{number} ACK",
            )
        )
    _end(peer, session)


def test_a_re_invite_without_offer_leaves_the_session_as_it_is(peer: SipPeer, session: Session) -> None:
    before = session.local_body, session.remote_body
    _ask(peer, "INVITE", 11)
    peer.response(488)
    assert (session.local_body, session.remote_body) == before
    _end(peer, session)


def test_a_re_invite_whose_ack_is_lost_ends_the_session(peer: SipPeer, session: Session) -> None:
    _ask(peer, "INVITE", 11, OFFER)
    assert session.ended.wait(5.0)
    assert session.end_cause == "no_ack"


def test_requests_are_taken_in_order(peer: SipPeer, session: Session) -> None:
    going_on, release = Event(), Event()

    def slowly(_: bytes) -> tuple[int, bytes]:
        going_on.set()
        release.wait()
        return 488, b""

    session.on_offer = slowly
    _ask(peer, "INVITE", 11, NEW_OFFER)
    assert going_on.wait(3.0)
    _ask(peer, "BYE", 12)
    message = peer.receive()
    assert isinstance(message, Response)
    assert message.status == 100
    release.set()
    peer.response(488)
    message = peer.receive()
    while message.cseq.method != "BYE":
        message = peer.receive()
    assert isinstance(message, Response)
    assert message.status == 200


# Our re-INVITE


def test_reinvite(peer: SipPeer, session: Session) -> None:
    asking = greenlets.spawn("asking", session.reinvite, NEW_OFFER)
    invite = peer.request("INVITE")
    assert invite.body == NEW_OFFER
    assert (invite.cseq.number, invite.from_.tag, invite.to.tag) == (101, "ours", "theirs")
    assert invite.contacts[0].uri.user == "support"
    peer.answer(invite, 200, body=ANSWER)
    ack = peer.request("ACK")
    assert ack.cseq.number == 101
    assert asking.get(timeout=3.0).status == 200
    assert (session.local_body, session.remote_body) == (NEW_OFFER, ANSWER)
    peer.answer(invite, 200, body=ANSWER)
    assert peer.request("ACK").serialise() == ack.serialise()
    _end(peer, session)


@pytest.mark.parametrize("status", [488, 491])
def test_a_refused_reinvite_leaves_all_as_it_was(peer: SipPeer, session: Session, status: int) -> None:
    asking = greenlets.spawn("asking", session.reinvite, NEW_OFFER)
    peer.answer(peer.request("INVITE"), status)
    peer.request("ACK")
    assert asking.get(timeout=3.0).status == status
    assert (session.local_body, session.remote_body) == (ANSWER, OFFER)
    _end(peer, session)


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_that_they_have_lost_ends(peer: SipPeer, session: Session, status: int) -> None:
    asking = greenlets.spawn("asking", session.reinvite, NEW_OFFER)
    peer.answer(peer.request("INVITE"), status)
    peer.request("ACK")
    assert asking.get(timeout=3.0).status == status
    assert (session.ended_by, session.end_cause) == ("remote", "gone")


def test_re_invites_that_cross_get_491(peer: SipPeer, session: Session) -> None:
    asking = greenlets.spawn("asking", session.reinvite, NEW_OFFER)
    ours = peer.request("INVITE")
    with pytest.raises(SessionError):
        session.reinvite(NEW_OFFER)
    _ask(peer, "INVITE", 11, OFFER)
    message = peer.receive()
    while isinstance(message, Request):
        message = peer.receive()
    assert message.status == 491
    peer.answer(ours, 491)
    assert asking.get(timeout=3.0).status == 491
    _end_amid_noise(peer, session)


def _end_amid_noise(peer: SipPeer, session: Session) -> None:
    _ask(peer, "BYE", 99)
    assert session.ended.wait(3.0)


def test_facts_are_those_of_the_dialog(peer: SipPeer, session: Session) -> None:
    assert session.dialog is not None
    facts = session.dialog.facts()
    assert replace(facts, local_cseq=0).local_cseq == 0
    assert facts.local_cseq == 100
    _end(peer, session)
