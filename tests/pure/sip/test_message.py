"""Whole messages: the vectors in tests/vectors/sip, bytes kept, and the response to a request."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.headers import Headers
from callengine.sip.message import REASONS, Request, Response, parse, response_to
from callengine.sip.uri import Uri

VECTORS = Path(__file__).parents[2] / "vectors" / "sip"
VALID = sorted((VECTORS / "valid").glob("*.sip"))
INVALID = sorted((VECTORS / "invalid").glob("*.sip"))

INVITE = (
    b"INVITE sip:support@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKone;rport, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKtwo\r\n"
    b"v: SIP/2.0/TCP 192.0.2.8;branch=z9hG4bKthree\r\n"
    b"Record-Route: <sip:192.0.2.9;lr>\r\n"
    b"From: Alice <sip:alice@example.com>;tag=a1\r\n"
    b"To: <sip:support@example.com>\r\n"
    b"Call-ID: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Timestamp: 54.21\r\n"
    b"Content-Length: 0\r\n\r\n"
)

OBSERVATIONS: dict[str, Callable[[Any], Any]] = {
    "via": lambda message: str(message.via),
    "via_host": lambda message: message.via.host,
    "wants_rport": lambda message: message.via.wants_rport,
    "response_address": lambda message: list(message.via.response_address),
    "branches": lambda message: [via.branch for via in message.vias],
    "from_display": lambda message: message.from_.display_name,
    "from_uri": lambda message: str(message.from_.uri),
    "from_tag": lambda message: message.from_.tag,
    "to_display": lambda message: message.to.display_name,
    "to_uri": lambda message: str(message.to.uri),
    "to_tag": lambda message: message.to.tag,
    "cseq": lambda message: [message.cseq.number, message.cseq.method],
    "contacts": lambda message: [str(contact.uri) for contact in message.contacts],
    "star": lambda message: message.contact_is_star,
    "routes": lambda message: [str(route.uri) for route in message.routes],
    "record_routes": lambda message: [str(route.uri) for route in message.record_routes],
    "uri_scheme": lambda message: Uri.parse(message.uri).scheme,
    "uri_host": lambda message: Uri.parse(message.uri).host,
    "uri_user": lambda message: Uri.parse(message.uri).user,
    "uri_username": lambda message: Uri.parse(message.uri).username,
    "uri_password": lambda message: Uri.parse(message.uri).password,
    "body_length": lambda message: len(message.body),
}
"""What an expectation's key looks at; any other key is an attribute of the message."""


def observe(message: Request | Response, key: str, expected: Any) -> Any:
    if key == "headers":
        return {name: message.headers.get(name) for name in expected}
    if key == "contact_parameters":
        return {name: message.contacts[0].parameter(name) for name in expected}
    look = OBSERVATIONS.get(key)
    return look(message) if look else getattr(message, key)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_message_says_what_its_expectation_says(path: Path) -> None:
    original = path.read_bytes()
    expected = json.loads(path.with_suffix(".json").read_text())
    exact = expected.pop("exact", False)
    message = parse(original)
    assert {key: observe(message, key, value) for key, value in expected.items()} == expected
    assert parse(message.serialise()).serialise() == message.serialise()
    if exact:
        assert message.serialise() == original


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_message_is_refused_as_its_expectation_says(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    with pytest.raises(BadMessage, match=expected["why"]) as caught:
        parse(path.read_bytes())
    request = caught.value.request
    assert caught.value.sip_status == expected["status"]
    assert (request is not None) == expected["answerable"]
    if request is not None:
        assert isinstance(request, Request)
        assert response_to(request, caught.value.sip_status, to_tag="t").serialise().startswith(b"SIP/2.0 ")


def test_each_vector_has_its_expectation() -> None:
    assert len(VALID) > 35
    assert len(INVALID) > 30
    for path in [*VALID, *INVALID]:
        assert path.with_suffix(".json").exists()


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_truncated_message_is_parsed_or_refused_but_breaks_nothing(path: Path) -> None:
    original = path.read_bytes()
    for length in range(0, len(original), 7):
        try:
            parse(original[:length])
        except BadMessage:
            pass


@given(st.binary(max_size=300))
def test_noise_is_parsed_or_refused_but_breaks_nothing(noise: bytes) -> None:
    for data in (noise, INVITE + noise, INVITE[:-4] + noise, INVITE.replace(b"Alice", noise)):
        try:
            message = parse(data)
        except BadMessage:
            continue
        assert parse(message.serialise()).serialise() == message.serialise()


names = st.sampled_from(["Subject", "X-Other", "s", "Contact", "Route"])
values = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40).map(
    lambda text: text.strip(" \t")
)


@given(st.lists(st.tuples(names, values), max_size=10), st.binary(max_size=100))
def test_what_is_serialised_parses_to_the_same(extra: list[tuple[str, str]], body: bytes) -> None:
    request = parse(INVITE)
    for name, value in extra:
        request.headers.add(name, value)
    request.body = body
    request.headers.set("Content-Length", str(len(body)))
    assert parse(request.serialise()) == request


def test_all_bytes_above_ascii_are_kept() -> None:
    latin = bytes(range(0xA0, 0x100))
    original = INVITE.replace(b"Alice", b'"' + latin + b'"')
    assert parse(original).serialise() == original


def test_content_length_is_made_right_wherever_it_stands() -> None:
    headers = Headers([("l", "99"), ("Subject", "x"), ("Content-Length", "98")])
    request = Request("OPTIONS", "sip:a@example.com", headers, b"abc")
    assert request.serialise() == b"OPTIONS sip:a@example.com SIP/2.0\r\nl: 3\r\nSubject: x\r\n\r\nabc"
    assert bytes(Response(200, "OK")) == b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_no_line_can_be_smuggled_into_a_start_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        Request("OPTIONS", "sip:a@example.com SIP/2.0\r\nX: y").serialise()


def test_too_large_a_message_is_refused_with_513() -> None:
    with pytest.raises(BadMessage) as caught:
        parse(INVITE + b"x" * 65536)
    assert caught.value.sip_status == 513


def test_a_response_copies_what_rfc_3261_says() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    response = response_to(
        request,
        200,
        to_tag="b2",
        headers=[("Contact", "<sip:us>")],
        body=b"v=0",
        content_type="application/sdp",
    )
    assert response.headers.items() == [
        (
            "Via",
            "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKone;rport, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKtwo",
        ),
        ("Via", "SIP/2.0/TCP 192.0.2.8;branch=z9hG4bKthree"),
        ("Record-Route", "<sip:192.0.2.9;lr>"),
        ("From", "Alice <sip:alice@example.com>;tag=a1"),
        ("To", "<sip:support@example.com>;tag=b2"),
        ("Call-ID", "c1"),
        ("CSeq", "7 INVITE"),
        ("Contact", "<sip:us>"),
        ("Content-Type", "application/sdp"),
    ]
    assert (response.status, response.reason, response.body) == (200, "OK", b"v=0")
    assert isinstance(parse(bytes(response)), Response)


def test_a_response_keeps_the_tag_that_is_there() -> None:
    request = parse(
        INVITE.replace(b"To: <sip:support@example.com>", b"To: <sip:support@example.com>;tag=old")
    )
    assert isinstance(request, Request)
    assert response_to(request, 200, to_tag="new").to.tag == "old"


def test_100_takes_the_timestamp_and_no_route() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    response = response_to(request, 100)
    assert response.headers.get("timestamp") == "54.21"
    assert "record-route" not in response.headers
    assert response.to.tag is None
    assert "record-route" not in response_to(request, 486, to_tag="x").headers


def test_the_reason_can_be_ones_own() -> None:
    request = parse(INVITE)
    assert isinstance(request, Request)
    assert response_to(request, 480, "Gone to lunch").reason == "Gone to lunch"
    assert response_to(request, 499).reason == ""
    assert REASONS[486] == "Busy Here"


def test_a_bad_request_is_answered_in_its_own_words() -> None:
    with pytest.raises(BadMessage) as caught:
        parse(INVITE.replace(b"To: <sip:support@example.com>", b'To: "open <sip:x>'))
    request = caught.value.request
    assert isinstance(request, Request)
    response = response_to(request, 400, to_tag="t")
    assert response.headers.get("to") == '"open <sip:x>'
    assert response.serialise().startswith(b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;")


def test_content_length_counts_to_the_octet() -> None:
    def with_length(length: int) -> bytes:
        return INVITE.replace(b"Content-Length: 0", b"Content-Length: %d" % length) + b"abc"

    assert [parse(with_length(length)).body for length in range(4)] == [b"", b"a", b"ab", b"abc"]
    with pytest.raises(BadMessage, match="shorter"):
        parse(with_length(4))
