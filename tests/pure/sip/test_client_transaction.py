"""The two requests that a client makes from its INVITE: ACK of a refusal, and CANCEL."""

from callengine.sip.client_transaction import ack_for_refusal, cancel_for
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response, response_to

INVITE = Request(
    "INVITE",
    "sip:support@192.0.2.2;x=1",
    Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc"),
            ("Route", "<sip:proxy.example.com;lr>"),
            ("Route", "<sip:192.0.2.7;lr>"),
            ("From", '"A. Caller" <sip:caller@example.com>;tag=ours'),
            ("To", "<sip:support@example.com>"),
            ("Call-ID", "one"),
            ("CSeq", "314 INVITE"),
            ("Contact", "<sip:caller@192.0.2.1>"),
        ]
    ),
    b"v=0\r\n",
)


def _refusal() -> Response:
    return response_to(INVITE, 486, to_tag="theirs")


def test_ack_repeats_the_invite_and_the_to_of_the_refusal() -> None:
    ack = ack_for_refusal(INVITE, _refusal())
    assert (ack.method, ack.uri, ack.body) == ("ACK", INVITE.uri, b"")
    assert ack.headers.get_all("via") == INVITE.headers.get_all("via")
    assert ack.headers.get_all("route") == INVITE.headers.get_all("route")
    assert ack.to.tag == "theirs"
    assert ack.from_ == INVITE.from_
    assert str(ack.cseq) == "314 ACK"
    assert "contact" not in ack.headers


def test_cancel_repeats_the_invite() -> None:
    cancel = cancel_for(INVITE, [("Reason", "SIP;cause=200")])
    assert (cancel.method, cancel.uri) == ("CANCEL", INVITE.uri)
    assert cancel.headers.get_all("via") == INVITE.headers.get_all("via")
    assert cancel.headers.get_all("route") == INVITE.headers.get_all("route")
    assert cancel.headers.get("to") == INVITE.headers.get("to")
    assert cancel.headers.get("call-id") == "one"
    assert str(cancel.cseq) == "314 CANCEL"
    assert cancel.headers.get("reason") == "SIP;cause=200"
