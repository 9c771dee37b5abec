"""The answer to a broken request: 400 to whom can be answered, the same each time, nothing to the rest."""

import pytest

from callengine.errors import BadMessage
from callengine.sip.flow import Flow
from callengine.sip.message import parse
from callengine.sip.stateless import stateless_refusal

SOURCE = Flow("udp", "192.0.2.1", 40000)
BROKEN = (
    b"INVITE sip:support@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1\r\n"
    b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n"
    b"Content-Length: 99\r\n\r\nv=0\r\n"
)


def _refuse(wire: bytes) -> tuple[bytes, Flow] | None:
    with pytest.raises(BadMessage) as caught:
        parse(wire)
    return stateless_refusal(caught.value, wire, SOURCE)


def test_a_wrong_content_length_gets_400_at_the_source() -> None:
    answer = _refuse(BROKEN)
    assert answer is not None
    wire, flow = answer
    response = parse(wire)
    assert wire.startswith(b"SIP/2.0 400 ")
    assert flow == SOURCE
    assert response.to.tag
    assert _refuse(BROKEN) == answer


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage",
        BROKEN.replace(b"INVITE", b"ACK"),
        BROKEN.replace(b"Via", b"Vai"),
        BROKEN.replace(b"INVITE sip:support@example.com SIP/2.0", b"SIP/2.0 200 OK"),
    ],
)
def test_what_cannot_be_answered_gets_nothing(wire: bytes) -> None:
    assert _refuse(wire) is None
