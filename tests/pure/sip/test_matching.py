"""Keys: what is the same transaction, and where responses go."""

import pytest

from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.matching import merge_key, server_key, take_source, way_if_gone
from callengine.sip.message import Request

SOURCE = Flow("udp", "192.0.2.1", 40000)


def _request(via: str, **changes: str) -> Request:
    headers = {
        "Via": via,
        "From": "<sip:a@example.com>;tag=1",
        "To": "<sip:b@example.com>",
        "Call-ID": "one",
        "CSeq": "7 INVITE",
    }
    headers.update(changes)
    return Request("INVITE", "sip:b@example.com", Headers(headers.items()))


def _key(request: Request, method: str = "INVITE") -> object:
    return server_key(request, request.via, method=method)


def test_branch_sent_by_and_method_make_the_key() -> None:
    one = _request("SIP/2.0/UDP Host.example.com:5060;branch=z9hG4bKa")
    assert _key(one) == _key(
        _request("SIP/2.0/UDP host.example.com:5060;rport;branch=z9hG4bKa", To="<sip:c@d>")
    )
    assert _key(one) != _key(_request("SIP/2.0/UDP host.example.com:5061;branch=z9hG4bKa"))
    assert _key(one) != _key(_request("SIP/2.0/UDP other.example.com:5060;branch=z9hG4bKa"))
    assert _key(one) != _key(_request("SIP/2.0/UDP host.example.com:5060;branch=z9hG4bKb"))
    assert _key(one) != _key(one, "CANCEL")


@pytest.mark.parametrize("via", ["SIP/2.0/UDP host:5060", "SIP/2.0/UDP host:5060;branch=1"])
def test_without_a_branch_of_rfc_3261_the_rest_decides(via: str) -> None:
    assert _key(_request(via)) == _key(_request(via, To="<sip:b@example.com>;tag=ours"))
    assert _key(_request(via)) != _key(_request(via, **{"Call-ID": "two"}))
    assert _key(_request(via)) != _key(_request(via, CSeq="8 INVITE"))
    assert _key(_request(via)) != _key(_request(via, From="<sip:a@example.com>;tag=2"))


def test_copies_of_a_request_have_one_merge_key() -> None:
    one = _request("SIP/2.0/UDP host:5060;branch=z9hG4bKa")
    assert merge_key(one) == merge_key(_request("SIP/2.0/UDP proxy:5060;branch=z9hG4bKb"))
    assert merge_key(one) != merge_key(_request("SIP/2.0/UDP host:5060;branch=z9hG4bKa", CSeq="8 INVITE"))


def test_the_source_is_noted_where_it_differs() -> None:
    request = _request("SIP/2.0/UDP 10.0.0.9:5062;branch=z9hG4bKa")
    assert take_source(request, SOURCE) == Flow("udp", "192.0.2.1", 5062)
    assert request.via.received == "192.0.2.1"


def test_a_via_that_tells_the_truth_is_left_alone() -> None:
    via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"
    request = _request(via)
    assert take_source(request, SOURCE) == Flow("udp", "192.0.2.1", 5060)
    assert request.headers.get("via") == via


def test_rport_asks_for_the_source_port() -> None:
    request = _request(
        "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa, SIP/2.0/UDP far:5060;branch=z9hG4bKb"
    )
    assert take_source(request, SOURCE) == SOURCE
    assert request.via.rport == 40000
    assert [via.host for via in request.vias] == ["192.0.2.1", "far"]


def test_a_forged_received_is_replaced() -> None:
    request = _request("SIP/2.0/UDP 192.0.2.1:5060;received=198.51.100.1;branch=z9hG4bKa")
    assert take_source(request, SOURCE).host == "192.0.2.1"


def test_over_tcp_responses_go_back_over_the_connection() -> None:
    flow = Flow("tcp", "192.0.2.1", 40000)
    assert take_source(_request("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKa"), flow) == flow


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("SIP/2.0/TCP 192.0.2.1:5070;rport;branch=z9hG4bKa", 5070),
        ("SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bKa", 5070),
        ("SIP/2.0/TCP phone.example.com;branch=z9hG4bKa", 5060),
        ("SIP/2.0/TCP 192.0.2.1:5070;received=198.51.100.1;branch=z9hG4bKa", 5070),
    ],
)
def test_without_the_connection_the_sender_is_reached_where_it_says_that_it_listens(
    via: str, port: int
) -> None:
    source = Flow("tcp", "192.0.2.1", 40000)
    request = _request(via)
    take_source(request, source)
    assert way_if_gone(request.via, source) == Flow("tcp", "192.0.2.1", port)


def test_a_malformed_rport_that_is_asked_for_is_overwritten() -> None:
    request = _request("SIP/2.0/UDP 192.0.2.1:5060;rport=abc;branch=z9hG4bKa")
    assert take_source(request, SOURCE) == SOURCE
