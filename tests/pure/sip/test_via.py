"""Vias: read, written, and where a response goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.via import Via

token = st.from_regex(r"[A-Za-z0-9.!%*_+`'~-]{1,12}", fullmatch=True)
vias = st.builds(
    Via,
    transport=st.sampled_from(["UDP", "TCP", "TLS", "WSS"]),
    host=st.sampled_from(["example.com", "192.0.2.1", "2001:db8::1"]),
    port=st.none() | st.integers(0, 65535),
    parameters=st.lists(st.tuples(token, st.none() | token), max_size=4).map(tuple),
)


@given(vias)
def test_a_via_written_is_read_as_the_same(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(st.lists(vias, max_size=4))
def test_a_list_written_is_read_as_the_same(several: list[Via]) -> None:
    assert Via.parse_list(" , ".join(map(str, several))) == several


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
        "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
        "sip/2.0/UDP\tfirst.example.com :4000 ;ttl=16;maddr=224.2.0.1;Branch=z9hG4bKa7c6a8dlze.1",
    ],
)
def test_the_ways_of_writing(text: str) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port) == ("UDP", "first.example.com", 4000)
    assert via.branch == "z9hG4bKa7c6a8dlze.1"
    assert via.parameter("ttl") == "16"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/ h",
        "SIP/3.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/U P h",
    ],
)
def test_what_is_no_via(text: str) -> None:
    with pytest.raises(BadMessage):
        Via.parse(text)


def test_received_is_added_when_the_source_differs() -> None:
    via = Via.parse("SIP/2.0/UDP phone.example.com;branch=z9hG4bKx")
    assert str(via.with_received("192.0.2.9", 40000)) == f"{via};received=192.0.2.9"
    assert via.with_received("192.0.2.9", 40000).response_address == ("192.0.2.9", 5060)
    same = Via.parse("SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKx")
    assert same.with_received("192.0.2.9", 40000) == same
    assert same.response_address == ("192.0.2.9", 5062)


def test_rport_brings_the_response_back_where_it_came_from() -> None:
    via = Via.parse("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff")
    assert via.wants_rport
    assert via.rport is None
    filled = via.with_received("192.0.2.1", 9988)
    assert str(filled) == "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1"
    assert filled.rport == 9988
    assert filled.response_address == ("192.0.2.1", 9988)


def test_what_the_sender_says_of_its_source_counts_for_nothing() -> None:
    forged = Via.parse("SIP/2.0/UDP 192.0.2.1:5062;received=198.51.100.1;rport=7;branch=z9hG4bKx")
    assert forged.with_received("192.0.2.1", 5062).response_address == ("192.0.2.1", 5062)
    forged = Via.parse("SIP/2.0/UDP 192.0.2.1:5062;received=198.51.100.1;branch=z9hG4bKx")
    assert forged.with_received("192.0.2.1", 5062).response_address == ("192.0.2.1", 5062)


def test_the_default_port_is_that_of_the_transport() -> None:
    assert Via.parse("SIP/2.0/TLS h").response_address == ("h", 5061)
    assert Via.parse("SIP/2.0/TCP h").response_address == ("h", 5060)


def test_ipv6() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::9]:6050;received=[2001:db8::1];rport=6051;branch=z9hG4bKx")
    assert via.host == "2001:db8::9"
    assert via.received == "2001:db8::1"
    assert via.response_address == ("2001:db8::1", 6051)


def test_no_branch_and_an_empty_branch_are_none() -> None:
    assert Via.parse("SIP/2.0/UDP h").branch is None
    assert Via.parse("SIP/2.0/UDP h;branch=").branch is None


def test_a_bad_rport_is_refused_when_it_is_needed() -> None:
    with pytest.raises(BadMessage, match="rport"):
        _ = Via.parse("SIP/2.0/UDP h;rport=x").response_address
