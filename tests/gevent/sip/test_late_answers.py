"""LateAnswers: a 2xx too many is ACKed and hung up, its repetitions get the same ACK, all else nothing."""

from callengine.sip.endpoint import Endpoint
from callengine.sip.headers import Headers
from callengine.sip.late_answers import LateAnswers
from callengine.sip.message import Request, Response, parse, response_to
from tests.fakes.sip_peer import SipPeer, wait_until

INVITE = Request(
    "INVITE",
    "sip:alice@10.0.0.5:5062",
    Headers(
        [
            ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"),
            ("From", "<sip:support@example.com>;tag=ours"),
            ("To", '"Alice; tag" <sip:alice@example.com;tag=no>;x=1'),
            ("Call-ID", "one"),
            ("CSeq", "7 INVITE"),
        ]
    ),
)


def _response(status: int, tag: str, *headers: tuple[str, str]) -> Response:
    response = parse(response_to(INVITE, status, to_tag=tag, headers=headers).serialise())
    assert isinstance(response, Response)
    return response


def test_ack_and_bye_once_then_the_same_ack(endpoint: Endpoint, peer: SipPeer) -> None:
    late = LateAnswers(endpoint, target_uri=INVITE.uri, flow=peer.flow)
    contact = ("Contact", f"<sip:alice@127.0.0.1:{peer.port}>")
    late.take(_response(200, "fork", contact))
    ack = peer.request("ACK")
    assert ack.uri == f"sip:alice@127.0.0.1:{peer.port}"
    assert (str(ack.cseq), ack.call_id, ack.from_.tag, ack.to.tag) == ("7 ACK", "one", "ours", "fork")
    assert ack.to.uri.host == "example.com"
    bye = peer.request("BYE")
    assert (str(bye.cseq), bye.to) == ("8 BYE", ack.to)
    peer.answer(bye, 200)
    late.take(_response(200, "fork", contact))
    assert peer.request("ACK").serialise() == ack.serialise()
    assert not hears_anything_but(peer, bye)
    wait_until(lambda: endpoint.transaction_count() == 0)


def hears_anything_but(peer: SipPeer, bye: Request) -> bool:
    """On a busy machine the BYE may have been sent again before it was answered."""
    while True:
        try:
            message = peer.receive(0.05)
        except TimeoutError:
            return False
        if message.serialise() != bye.serialise():
            return True


def test_without_contact_it_goes_where_the_invite_went(endpoint: Endpoint, peer: SipPeer) -> None:
    LateAnswers(endpoint, target_uri=INVITE.uri, flow=peer.flow).take(_response(200, "fork"))
    assert peer.request("ACK").uri == INVITE.uri
    peer.answer(peer.request("BYE"), 200)


def test_what_was_acknowledged_by_others_is_acknowledged_so_again(endpoint: Endpoint, peer: SipPeer) -> None:
    late = LateAnswers(endpoint, target_uri=INVITE.uri, flow=peer.flow)
    late.remember("known", (peer.make("ACK").serialise(), peer.flow))
    late.take(_response(200, "known"))
    peer.request("ACK")
    late.take(_response(180, "known"))
    late.take(_response(486, "known"))
    assert peer.hears_nothing(0.05)
