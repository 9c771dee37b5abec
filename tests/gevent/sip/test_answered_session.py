"""AnsweredSession: a call of an earlier process whose 200 may be lost, taken up from what is stored of it."""

from collections.abc import Callable

import gevent
import pytest

from callengine.sip.answered_session import AnsweredSession
from callengine.sip.dialog import DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.leg_facts import LegFacts
from callengine.sip.message import Request
from callengine.sip.revival import revive_incoming
from tests.fakes.sip_peer import ANSWER, HOST, OFFER, SipPeer

ROUTE = f"<sip:{HOST}:5099;lr>"
TakeUp = Callable[[Request], AnsweredSession]


@pytest.fixture
def take_up(endpoint: Endpoint, peer: SipPeer) -> TakeUp:
    """Takes up the peer's INVITE as an earlier process has stored it."""

    def take_up(invite: Request) -> AnsweredSession:
        facts = LegFacts(
            dialog=DialogFacts(
                call_id=invite.call_id,
                local_tag="ours",
                remote_tag=invite.from_.tag or "",
                local_uri=invite.headers.get("to") or "",
                remote_uri=f"<sip:peer@{HOST}>",
                route_set=(ROUTE,),
                remote_target=f"sip:peer@{HOST}:{peer.port}",
                local_cseq=0,
                remote_cseq=invite.cseq.number,
                is_uac=False,
            ),
            flow=peer.flow,
            request_uri=invite.uri,
            branch=invite.via.branch or "",
            via_set=tuple(invite.headers.get_all("via")),
            invite_cseq=invite.cseq.number,
            last_status=200,
        )
        contact = endpoint.contact("support")
        return revive_incoming(endpoint, facts, contact=contact, local_body=ANSWER, remote_body=OFFER)

    return take_up


def test_nothing_is_sent_by_itself(peer: SipPeer, take_up: TakeUp) -> None:
    session = take_up(peer.make("INVITE", body=OFFER))
    assert peer.hears_nothing()
    session.abandon()


def test_the_200_is_what_the_earlier_process_gave(peer: SipPeer, take_up: TakeUp, endpoint: Endpoint) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    session.repeat_answer()
    answer = peer.response(200)
    for name in ("via", "from", "call-id", "cseq"):
        assert answer.headers.get(name) == invite.headers.get(name)
    assert answer.headers.get("to") == f"{invite.headers.get('to')};tag=ours"
    assert answer.headers.get_all("record-route") == [ROUTE]
    assert (answer.body, answer.content_type) == (ANSWER, "application/sdp")
    assert str(answer.contacts[0].uri) == endpoint.contact("support")
    session.abandon()


def test_it_is_repeated_until_the_ack(peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    session.repeat_answer()
    answers = [peer.response(200).serialise() for _ in range(3)]
    assert len(set(answers)) == 1
    peer.send(peer.make("ACK", To=f"<sip:x@{HOST}>;tag=ours", Call_ID=invite.call_id, CSeq="1 ACK"))
    assert session.settled.wait(3)
    assert session.is_heard
    assert peer.hears_nothing()
    assert not session.ended.is_set()
    session.abandon()


def test_any_request_in_the_dialog_stops_it(peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    session.repeat_answer()
    peer.response(200)
    peer.send(peer.make("OPTIONS", To=f"<sip:x@{HOST}>;tag=ours", Call_ID=invite.call_id, CSeq="2 OPTIONS"))
    assert session.settled.wait(3)
    assert session.is_heard
    while peer.receive().headers.get("cseq") == "1 INVITE":
        pass
    assert peer.hears_nothing()
    session.abandon()


def test_audio_stops_it_too(peer: SipPeer, take_up: TakeUp) -> None:
    session = take_up(peer.make("INVITE", body=OFFER))
    session.repeat_answer()
    peer.response(200)
    session.note_heard()
    assert peer.hears_nothing()
    session.repeat_answer()
    assert peer.hears_nothing()
    session.abandon()


def test_who_never_acknowledges_it_is_not_hung_up(peer: SipPeer, take_up: TakeUp) -> None:
    session = take_up(peer.make("INVITE", body=OFFER))
    session.repeat_answer()
    assert session.settled.wait(5)
    assert not session.is_heard
    assert not session.ended.is_set()
    session.abandon()


def test_the_cancel_of_its_invite_is_answered_and_changes_nothing(peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    via = invite.headers.get("via") or ""
    peer.send(peer.make("CANCEL", Via=via, Call_ID=invite.call_id))
    cancelled = peer.response(200)
    assert cancelled.cseq.method == "CANCEL"
    assert cancelled.to.tag == "ours"
    assert not session.ended.is_set()
    assert peer.response(200).cseq.method == "INVITE"
    session.abandon()


def test_its_repeated_invite_is_answered_and_no_new_call(
    peer: SipPeer, take_up: TakeUp, endpoint: Endpoint
) -> None:
    taken: list[object] = []
    endpoint.on("INVITE", taken.append)
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    peer.send(invite)
    assert peer.response(200).to.tag == "ours"
    assert taken == []
    session.abandon()


def test_no_bye_goes_before_the_ack_for_which_it_waits(peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite)
    session.repeat_answer()
    leaving = gevent.spawn(session.hang_up, timeout=3, attempts=1)
    peer.response(200)
    peer.response(200)
    peer.send(peer.make("ACK", To=f"<sip:x@{HOST}>;tag=ours", Call_ID=invite.call_id, CSeq="1 ACK"))
    message = peer.receive()
    while not isinstance(message, Request):
        message = peer.receive()
    assert message.method == "BYE"
    peer.answer(message, 200)
    assert leaving.get(timeout=3)
