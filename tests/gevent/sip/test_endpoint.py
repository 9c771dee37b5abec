"""Endpoint: what it answers to everything that is no call, garbage included, and its own requests."""

import pytest

from callengine import greenlets
from callengine.errors import RequestTimedOut, SessionError
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.message import Response
from tests.fakes.sip_peer import HOST, SipPeer, make_endpoint, wait_until

GARBAGE = [
    b"",
    b"\r\n\r\n",
    b"\x00",
    b"hello",
    b"\xff" * 1200,
    b"INVITE sip:a@b SIP/2.0\r\n",
    b"INVITE sip:a@b SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 999999 OK\r\nVia: x\r\n\r\n",
    b"A" * 60_000,
    b"OPTIONS sip:a SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" * 1000 + b"\r\n",
]


@pytest.mark.parametrize("wire", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_gets_nothing_and_holds_nothing(endpoint: Endpoint, peer: SipPeer, wire: bytes) -> None:
    peer.send(wire)
    peer.send(peer.make("OPTIONS"))
    peer.response(200)
    assert endpoint.transaction_count() == 1


def test_what_comes_before_the_start_is_answered_after_it() -> None:
    endpoint = Endpoint(host=HOST, port=0)
    endpoint.bind()
    peer = SipPeer(endpoint)
    try:
        peer.send(peer.make("OPTIONS"))
        assert peer.hears_nothing()
        endpoint.start()
        peer.response(200)
    finally:
        endpoint.stop()
        peer.close()
    wait_until(lambda: not greenlets.running())


def test_options(endpoint: Endpoint, peer: SipPeer) -> None:
    peer.send(peer.make("OPTIONS"))
    response = peer.response(200)
    assert response.headers.get("allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    assert response.headers.get("accept") == "application/sdp"
    assert response.headers.get("supported") == ""
    assert response.to.tag
    assert response.via.rport == peer.port
    wait_until(lambda: endpoint.transaction_count() == 0)
    assert endpoint.counts.requests == {("OPTIONS", 200): 1}


def test_unknown_method(endpoint: Endpoint, peer: SipPeer) -> None:
    endpoint.on("REGISTER", lambda transaction: transaction.answer(200))
    peer.send(peer.make("DANCE"))
    assert peer.response(405).headers.get("allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER"


def test_required_extension(peer: SipPeer) -> None:
    peer.send(peer.make("OPTIONS", Require="dance"))
    assert peer.response(420).headers.get("unsupported") == "dance"


@pytest.mark.parametrize("method", ["INVITE", "BYE", "OPTIONS"])
def test_unknown_dialog(endpoint: Endpoint, peer: SipPeer, method: str) -> None:
    peer.send(peer.make(method, To="<sip:support@x>;tag=unknown"))
    peer.response(481)
    if method == "INVITE":
        peer.response(481)  # repeated until the ACK, which an ACK for nothing does not replace
    peer.send(peer.make("ACK", To="<sip:support@x>;tag=unknown"))
    wait_until(lambda: endpoint.counts.stray_acks == 1)


def test_a_bye_outside_of_dialogs_gets_481(peer: SipPeer) -> None:
    peer.send(peer.make("BYE"))
    peer.response(481)


def test_a_call_that_nobody_takes_gets_480(peer: SipPeer) -> None:
    invite = peer.make("INVITE")
    peer.send(invite)
    refusal = peer.response(480)
    peer.send(peer.make("ACK", Via=invite.headers.get("via") or "", To=refusal.headers.get("to") or ""))
    assert peer.hears_nothing()


def test_broken_but_answerable(endpoint: Endpoint, peer: SipPeer) -> None:
    wire = peer.make("INVITE").serialise().replace(b"Content-Length: 0", b"Content-Length: 99")
    peer.send(wire)
    response = peer.response(400)
    assert response.to.tag
    assert endpoint.counts.bad_messages == 1
    assert endpoint.transaction_count() == 0


def test_errors_of_a_worker_are_answered(endpoint: Endpoint, peer: SipPeer) -> None:
    def refuse(_: object) -> None:
        raise SessionError("not now")

    def fail(_: object) -> None:
        raise ValueError("a bug")

    endpoint.on("REGISTER", refuse)
    peer.send(peer.make("REGISTER"))
    peer.response(480)
    endpoint.on("REGISTER", fail)
    peer.send(peer.make("REGISTER"))
    peer.response(500)


def test_request_waits_for_the_final_response(endpoint: Endpoint) -> None:
    other = make_endpoint()
    ask = SipPeer(endpoint).make("OPTIONS", Via="")
    response = endpoint.request(ask, Flow("udp", *other.local_address))
    assert response.status == 200
    assert ask.via.wants_rport
    assert (ask.via.host, ask.via.port) == endpoint.advertised
    other.stop()


def test_request_times_out(endpoint: Endpoint, peer: SipPeer) -> None:
    with pytest.raises(RequestTimedOut):
        endpoint.request(peer.make("OPTIONS", Via=""), peer.flow)
    assert endpoint.transaction_count() == 0
    assert endpoint.timer_count() == 0
    assert endpoint.counts.retransmissions_sent > 3


def test_request_that_cannot_be_sent(endpoint: Endpoint, peer: SipPeer) -> None:
    with pytest.raises(SessionError, match="cannot be sent"):
        endpoint.request(peer.make("OPTIONS", Via=""), Flow("udp", "2001:db8::1", 5060))
    assert endpoint.send_failures == 1


def test_resolve(endpoint: Endpoint) -> None:
    assert endpoint.resolve("sip:alice@127.0.0.1:5070") == Flow("udp", "127.0.0.1", 5070)
    assert endpoint.resolve("sip:127.0.0.1;transport=UDP") == Flow("udp", "127.0.0.1", 5060)
    assert endpoint.resolve("sip:alice@localhost:5070") == Flow("udp", "127.0.0.1", 5070)


def test_an_address_is_not_looked_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gevent.socket.getaddrinfo", None)
    assert endpoint.resolve("sip:alice@192.0.2.1") == Flow("udp", "192.0.2.1", 5060)


@pytest.mark.parametrize(
    "uri", ["sips:a@127.0.0.1", "sip:a@127.0.0.1;transport=tcp", "tel:+1555", "sip:a@no.invalid"]
)
def test_resolve_refuses(endpoint: Endpoint, uri: str) -> None:
    with pytest.raises(SessionError):
        endpoint.resolve(uri)


def test_what_others_are_told_can_differ_from_what_is_bound() -> None:
    endpoint = Endpoint(host="127.0.0.1", port=0, advertised_host="2001:db8::1", advertised_port=5099)
    endpoint.start()
    assert endpoint.contact("support") == "sip:support@[2001:db8::1]:5099"
    assert endpoint.contact() == "sip:[2001:db8::1]:5099"
    assert endpoint.local_address[0] == "127.0.0.1"
    endpoint.stop()


def test_a_stray_response_is_counted(endpoint: Endpoint, peer: SipPeer) -> None:
    request = peer.make("OPTIONS")
    peer.send(Response(200, "OK", request.headers))
    wait_until(lambda: endpoint.counts.stray_responses == 1)
    assert peer.hears_nothing(0.05)
    assert HOST in str(request.via)


def test_stopping_fails_what_is_pending(peer: SipPeer) -> None:
    endpoint = make_endpoint()
    flow = peer.flow

    def ask() -> str:
        with pytest.raises(SessionError) as caught:
            endpoint.request(peer.make("OPTIONS", Via=""), flow)
        return str(caught.value)

    asking = greenlets.spawn("asking", ask)
    peer.request("OPTIONS")
    endpoint.stop()
    assert asking.get(timeout=3.0) == "the endpoint has stopped"
    assert endpoint.transaction_count() == endpoint.timer_count() == 0
    with pytest.raises(SessionError, match="does not run"):
        endpoint.request(peer.make("OPTIONS", Via=""), flow)
