"""Screening: what is refused before anybody looks."""

import pytest

from callengine.sip.headers import Headers
from callengine.sip.message import Request
from callengine.sip.screening import Screening

SCREENING = Screening(("INVITE", "ACK", "BYE", "OPTIONS"), extensions=("timer",))


def _refusal(method: str, *headers: tuple[str, str], uri: str = "sip:a@b", body: bytes = b"") -> int | None:
    refusal = SCREENING.refusal(Request(method, uri, Headers(headers), body))
    return None if refusal is None else refusal[0]


def test_what_is_in_order_passes() -> None:
    assert _refusal("INVITE", ("Content-Type", "application/SDP; x=1"), body=b"v=0") is None
    assert _refusal("INVITE", ("Require", "timer"), uri="SIP:a@b") is None
    assert _refusal("BYE", ("Content-Type", "text/plain"), body=b"bye") is None


def test_unknown_methods() -> None:
    refusal = SCREENING.refusal(Request("DANCE", "sip:a@b"))
    assert refusal == (405, (("Allow", "INVITE, ACK, BYE, OPTIONS"),))


@pytest.mark.parametrize("uri", ["tel:+1555", "sips:a@b", "urn:service:sos", "http://a/"])
def test_other_schemes(uri: str) -> None:
    assert _refusal("INVITE", uri=uri) == 416


def test_required_extensions() -> None:
    headers = Headers([("Require", "100rel, timer"), ("Require", "dance")])
    refusal = SCREENING.refusal(Request("INVITE", "sip:a@b", headers))
    assert refusal == (420, (("Unsupported", "100rel, dance"),))
    assert _refusal("BYE", ("Require", "100rel")) is None


def test_bodies_of_an_invite() -> None:
    assert _refusal("INVITE", ("Content-Type", "text/plain"), body=b"hello") == 415
    assert _refusal("INVITE", body=b"v=0") == 415
    sdp = ("Content-Type", "application/sdp")
    assert _refusal("INVITE", sdp, ("Content-Encoding", "gzip"), body=b"v=0") == 415
    assert _refusal("INVITE", sdp, ("Content-Encoding", "identity"), body=b"v=0") is None


def test_capabilities() -> None:
    assert dict(SCREENING.capabilities()) == {
        "Allow": "INVITE, ACK, BYE, OPTIONS",
        "Accept": "application/sdp",
        "Accept-Encoding": "identity",
        "Supported": "timer",
    }
