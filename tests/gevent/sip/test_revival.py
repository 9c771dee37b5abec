"""Revival: an INVITE that was told to wait is taken up from what is stored of it."""

from collections.abc import Callable

import pytest

from callengine.sip.dialog import DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.leg_facts import LegFacts
from callengine.sip.message import Request, Response
from callengine.sip.revival import revive_unanswered
from tests.fakes.sip_peer import ANSWER, HOST, OFFER, SipPeer, wait_until

TakeUp = Callable[[Request, int], IncomingSession]


@pytest.fixture
def take_up(endpoint: Endpoint, peer: SipPeer) -> TakeUp:
    """Takes up the peer's INVITE, which an earlier process has answered with that status."""

    def take_up(invite: Request, status: int) -> IncomingSession:
        facts = LegFacts(
            dialog=DialogFacts(
                call_id=invite.call_id,
                local_tag="ours",
                remote_tag=invite.from_.tag or "",
                local_uri=invite.headers.get("to") or "",
                remote_uri=f"<sip:peer@{HOST}>",
                route_set=(),
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
            last_status=status,
        )
        contact = endpoint.contact("support")
        return revive_unanswered(endpoint, facts, contact=contact, local_body=ANSWER, remote_body=OFFER)

    return take_up


@pytest.mark.parametrize(("status", "body"), [(180, b""), (183, ANSWER)])
def test_a_repeated_invite_hears_what_it_was_told(
    peer: SipPeer, take_up: TakeUp, status: int, body: bytes
) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite, status)
    assert peer.hears_nothing()
    assert session.told == status
    peer.send(invite)
    answer = peer.response(status)
    assert (answer.body, answer.to.tag) == (body, "ours")
    assert answer.contacts[0].uri.user == "support"
    session.ring_again()
    assert peer.response(status).serialise() == answer.serialise()
    session.reject(480)


def test_it_is_answered_and_hung_up(endpoint: Endpoint, peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite, 183)
    assert session.remote_body == OFFER
    session.answer(ANSWER)
    answer = peer.response(200)
    assert (answer.body, answer.to.tag) == (ANSWER, "ours")
    peer.send(peer.within("ACK", invite, answer, cseq=1))
    assert session.wait(session.confirmed, timeout=3.0)
    peer.send(peer.within("BYE", invite, answer, cseq=2))
    peer.response(200)
    assert session.ended.wait(3.0)
    wait_until(lambda: endpoint.transaction_count() == 0)


def test_its_cancel_is_obeyed(peer: SipPeer, take_up: TakeUp) -> None:
    invite = peer.make("INVITE", body=OFFER)
    session = take_up(invite, 180)
    via = invite.headers.get("via") or ""
    peer.send(peer.make("CANCEL", uri=invite.uri, Via=via, Call_ID=invite.call_id))
    heard = [peer.receive(), peer.receive()]
    assert [each.status for each in heard if isinstance(each, Response)] == [200, 487]
    assert session.ended.wait(3.0)
    assert (session.ended_by, session.end_cause) == ("remote", "cancelled")


def test_it_is_refused_if_that_was_due(peer: SipPeer, take_up: TakeUp) -> None:
    session = take_up(peer.make("INVITE", body=OFFER), 180)
    assert session.hang_up()
    assert peer.response(480).to.tag == "ours"
