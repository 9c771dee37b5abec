"""Registration: with a real registrar, refreshed, challenged, too brief, and when the registrar is gone."""

from collections.abc import Iterator

import pytest

from callengine import greenlets
from callengine.clock import SystemClock
from callengine.errors import RequestTimedOut
from callengine.sip.account import Account
from callengine.sip.auth import NonceBook, ha1
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.message import Request, response_to
from callengine.sip.registrar import Registrar
from callengine.sip.registration import Registration, RegistrationFailed
from tests.fakes.binding_store import MemoryBindings
from tests.fakes.sip_peer import SipPeer, make_endpoint, wait_until

ADDRESS = "sip:alice@example.com"


@pytest.fixture
def store() -> MemoryBindings:
    return MemoryBindings("alice")


@pytest.fixture
def server(store: MemoryBindings) -> Iterator[Endpoint]:
    """A registrar that grants 60 to 7200 seconds, and asks for SHA-256 or MD5."""
    endpoint = make_endpoint()
    registrar = Registrar(
        realm="example.com",
        store=store,
        credentials=lambda name: {
            algorithm: ha1(name, "example.com", "secret", algorithm) for algorithm in ("MD5", "SHA-256")
        },
        nonce_book=NonceBook(b"key"),
        clock=SystemClock(),
        domains=("example.com",),
        algorithms=("SHA-256", "MD5"),
    )
    endpoint.on("REGISTER", registrar.handle)
    yield endpoint
    endpoint.stop()


def _registration(
    endpoint: Endpoint, flow: Flow, *, password: str = "secret", expires: int = 3600
) -> tuple[Registration, list[tuple[bool, str]]]:
    changes: list[tuple[bool, str]] = []
    registration = Registration(
        endpoint,
        address_of_record=ADDRESS,
        registrar_uri="sip:example.com",
        flow=flow,
        account=Account("alice", password),
        contact=endpoint.contact("alice"),
        expires=expires,
        on_change=lambda is_registered, why: changes.append((is_registered, why)),
    )
    return registration, changes


def test_register_and_unregister(endpoint: Endpoint, server: Endpoint, store: MemoryBindings) -> None:
    registration, changes = _registration(endpoint, Flow("udp", *server.local_address))
    registration.register()
    assert registration.registered.is_set()
    assert registration.granted == 3600
    (binding,) = store.bindings("alice")
    assert binding.contact == endpoint.contact("alice")
    assert binding.flow.port == endpoint.local_address[1]
    wait_until(lambda: greenlets.running().get("registration") == 1)
    registration.unregister()
    assert store.bindings("alice") == []
    assert changes == [(True, "registered"), (False, "unregistered")]
    assert "registration" not in greenlets.running()
    registration.unregister()
    assert server.counts.requests == {("REGISTER", 401): 2, ("REGISTER", 200): 2}


def test_too_brief_asks_for_what_the_registrar_wants(endpoint: Endpoint, server: Endpoint) -> None:
    registration, _ = _registration(endpoint, Flow("udp", *server.local_address), expires=10)
    registration.register()
    assert registration.granted == 60
    registration.unregister()


def test_wrong_password(endpoint: Endpoint, server: Endpoint) -> None:
    registration, changes = _registration(endpoint, Flow("udp", *server.local_address), password="wrong")
    with pytest.raises(RegistrationFailed) as caught:
        registration.register()
    assert caught.value.status == 403
    assert not registration.registered.is_set()
    assert changes == []
    assert server.counts.requests == {("REGISTER", 401): 1, ("REGISTER", 403): 1}


def test_no_registrar(endpoint: Endpoint, peer: SipPeer) -> None:
    registration, _ = _registration(endpoint, peer.flow)
    with pytest.raises(RequestTimedOut):
        registration.register()


def test_refreshes_by_the_time_that_the_registrar_grants(endpoint: Endpoint, peer: SipPeer) -> None:
    registration, changes = _registration(endpoint, peer.flow)
    registering = greenlets.spawn("registering", registration.register)
    first = peer.request("REGISTER")
    contact = f"<{endpoint.contact('alice')}>;expires=2"
    other = "<sip:alice@10.0.0.9>;expires=999"
    response = peer.answer(
        first, 401, ("WWW-Authenticate", 'Digest realm="example.com", nonce="1", qop="auth"')
    )
    assert response.status == 401
    second = peer.request("REGISTER")
    assert second.cseq.number == first.cseq.number + 1
    assert second.call_id == first.call_id
    _grant(peer, second, other, contact)
    registering.join(3.0)
    assert registration.granted == 2
    third = peer.request("REGISTER")
    assert third.cseq.number == second.cseq.number + 1
    peer.answer(third, 503)
    wait_until(lambda: not registration.registered.is_set())
    fourth = peer.request("REGISTER")
    _grant(peer, fourth, contact)
    wait_until(registration.registered.is_set)
    leaving = greenlets.spawn("leaving", registration.unregister)
    last = peer.request("REGISTER")
    assert last.expires == 0
    _grant(peer, last)
    leaving.join(3.0)
    assert [is_registered for is_registered, _ in changes] == [True, False, True, False]


def _grant(peer: SipPeer, request: Request, *contacts: str) -> None:
    peer.send(response_to(request, 200, to_tag="r", headers=[("Contact", contact) for contact in contacts]))
