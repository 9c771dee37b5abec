"""Typed header fields: read once, read again after a change, refused when they are nonsense."""

import pytest

from callengine.errors import BadMessage
from callengine.sip.address import Address
from callengine.sip.fields import CSeq
from callengine.sip.headers import Headers
from callengine.sip.message import Request
from callengine.sip.via import Via


def request(*lines: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:a@b", Headers(lines))


def test_cseq_is_read_and_written() -> None:
    assert CSeq.parse("0009 \t INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(9, "INVITE")) == "9 INVITE"
    assert CSeq.parse("2147483647 ACK").number == 2**31 - 1


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "x INVITE", "-1 INVITE", "1 INVITE x", "2147483648 A", "1 <a>"]
)
def test_what_is_no_cseq(text: str) -> None:
    with pytest.raises(BadMessage, match="CSeq"):
        CSeq.parse(text)


@pytest.mark.parametrize("name", ["via", "from_", "to", "call_id", "cseq"])
def test_what_every_message_needs_is_missed(name: str) -> None:
    with pytest.raises(BadMessage, match="no "):
        getattr(request(), name)


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_what_may_stand_once_is_refused_twice(name: str) -> None:
    message = request((name, "1 INVITE"), (name, "1 INVITE"))
    with pytest.raises(BadMessage, match="more than one"):
        getattr(message, {"From": "from_", "Call-ID": "call_id"}.get(name, name.lower()))


def test_a_change_of_the_headers_shows_at_once() -> None:
    message = request(("To", "<sip:a@b>"), ("Route", "<sip:one>"))
    tags = [message.to.tag]
    message.headers.set("To", "<sip:a@b>;tag=x")
    assert [*tags, message.to.tag] == [None, "x"]
    assert len(message.routes) == 1
    message.headers.add("Route", "<sip:two>, <sip:three>")
    assert [str(route.uri) for route in message.routes] == ["sip:one", "sip:two", "sip:three"]
    message.headers = Headers([("To", "<sip:c@d>")])
    assert str(message.to.uri) == "sip:c@d"


def test_a_list_handed_out_is_not_the_messages_own() -> None:
    message = request(("Contact", "<sip:a@b>"))
    message.contacts.append(Address.parse("<sip:c@d>"))
    assert len(message.contacts) == 1


def test_the_topmost_via_is_the_first_of_its_line() -> None:
    message = request(
        ("v", "SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b;branch=2"), ("Via", "SIP/2.0/UDP c;branch=3")
    )
    assert message.via.host == "a"
    assert [via.host for via in message.vias] == ["a", "b", "c"]


def test_an_empty_via_is_refused() -> None:
    with pytest.raises(BadMessage, match="Via"):
        _ = request(("Via", ",")).via
    with pytest.raises(BadMessage, match="Via"):
        _ = request(("Via", "")).via


def test_the_topmost_via_is_replaced_alone() -> None:
    message = request(("v", "SIP/2.0/UDP a;rport , SIP/2.0/UDP b"), ("Via", "SIP/2.0/UDP c"))
    message.replace_via(message.via.with_received("192.0.2.1", 99))
    assert message.headers.items() == [
        ("v", "SIP/2.0/UDP a;rport=99;received=192.0.2.1, SIP/2.0/UDP b"),
        ("Via", "SIP/2.0/UDP c"),
    ]
    assert message.via.rport == 99
    empty = request()
    empty.replace_via(Via("UDP", "d"))
    assert empty.via.host == "d"


def test_contacts_and_the_star() -> None:
    assert request().contacts == []
    assert not request().contact_is_star
    star = request(("m", "*"))
    assert star.contact_is_star
    assert star.contacts == []
    mixed = request(("Contact", "*"), ("Contact", "<sip:a@b>"))
    assert not mixed.contact_is_star
    with pytest.raises(BadMessage):
        _ = mixed.contacts


def test_numbers_with_limits() -> None:
    assert request().max_forwards is None
    assert request(("Max-Forwards", "0068")).max_forwards == 68
    assert request(("Expires", "4294967296")).expires == 2**32 - 1
    assert request(("Expires", "9" * 6000)).expires == 2**32 - 1
    assert request(("Expires", "0")).expires == 0
    for name, value in [
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Expires", "soon"),
        ("Expires", ""),
    ]:
        with pytest.raises(BadMessage):
            getattr(request((name, value)), name.lower().replace("-", "_"))


def test_the_content_type_is_bare_and_lower_case() -> None:
    assert request(("c", 'Application/ SDP ; charset="x"')).content_type == "application/sdp"
    assert request().content_type == ""


def test_record_routes() -> None:
    message = request(("Record-Route", "<sip:p1;lr>"), ("record-route", "<sip:p2;lr>"))
    assert [str(route.uri) for route in message.record_routes] == ["sip:p1;lr", "sip:p2;lr"]
