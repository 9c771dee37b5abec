"""Registrar over real UDP: who may, what is stored before the 200, and what the 200 lists."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from callengine.clock import SystemClock
from callengine.errors import DatabaseError
from callengine.sip.auth import Challenge, NonceBook, answer, ha1
from callengine.sip.endpoint import Endpoint
from callengine.sip.message import Request, Response
from callengine.sip.registrar import Registrar
from tests.fakes.binding_store import MemoryBindings
from tests.fakes.sip_peer import SipPeer, wait_until

REALM = "example.com"
Start = Callable[..., MemoryBindings]


def _credentials(username: str) -> dict[str, str] | None:
    if username not in ("alice", "bob"):
        return None
    return {name: ha1(username, REALM, "secret", name) for name in ("MD5", "SHA-256")}


@pytest.fixture
def start(endpoint: Endpoint) -> Start:
    """Starts a registrar for alice and bob; without digest unless `credentials` are given."""

    def start(**changes: Any) -> MemoryBindings:
        store = MemoryBindings("alice", "bob")
        arguments: dict[str, Any] = {"credentials": None, "domains": ("example.com", "127.0.0.1")}
        registrar = Registrar(
            realm=REALM,
            store=store,
            nonce_book=NonceBook(b"key"),
            clock=SystemClock(),
            **(arguments | changes),
        )
        endpoint.on("REGISTER", registrar.handle)
        return store

    return start


def _register(
    peer: SipPeer,
    *contacts: str,
    cseq: int = 1,
    user: str = "alice",
    uri: str = "sip:example.com",
    **more: Any,
) -> Request:
    address = f"<sip:{user}@example.com>"
    headers: dict[str, Any] = {
        "From": address + ";tag=1",
        "To": address,
        "Call_ID": "one",
        "CSeq": f"{cseq} REGISTER",
    }
    request = peer.make("REGISTER", uri=uri, **(headers | {"Contact": ", ".join(contacts)} | more))
    peer.send(request)
    return request


def _listed(response: Response) -> dict[str, str | None]:
    return {str(contact.uri): contact.parameter("expires") for contact in response.contacts}


def test_stores_before_it_answers(peer: SipPeer, start: Start) -> None:
    store = start()
    may_store = Event()
    store.before_apply = may_store.wait
    contact = f"sip:alice@127.0.0.1:{peer.port}"
    _register(peer, f"<{contact}>;expires=600")
    assert peer.hears_nothing(0.05)
    may_store.set()
    assert _listed(peer.response(200)) == {contact: "600"}
    (binding,) = store.bindings("alice")
    assert binding.flow == peer.flow
    assert binding.address_of_record == "sip:alice@example.com"


def test_several_contacts_query_and_star(peer: SipPeer, start: Start) -> None:
    store = start()
    _register(peer, "<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>;expires=60")
    assert len(peer.response(200).contacts) == 2
    _register(peer, cseq=2)
    assert set(_listed(peer.response(200))) == {"sip:a@10.0.0.1", "sip:a@10.0.0.2"}
    assert len(store.changes) == 1
    _register(peer, "*", cseq=3, Expires="0")
    assert peer.response(200).contacts == []
    assert store.bindings("alice") == []


@pytest.mark.parametrize(
    ("contact", "more", "status"),
    [
        ("<sip:a@10.0.0.1>;expires=5", {}, 423),
        ("*", {}, 400),
        ("<tel:+1555>", {}, 400),
        ("<sip:a@10.0.0.1>", {"uri": "sip:elsewhere.example.org"}, 404),
        ("<sip:a@10.0.0.1>", {"To": "<sip:alice@elsewhere.example.org>"}, 404),
        ("<sip:a@10.0.0.1>", {"To": "<sip:example.com>"}, 404),
        ("<sip:a@10.0.0.1>", {"user": "nobody"}, 404),
    ],
)
def test_refusals_change_nothing(
    peer: SipPeer, start: Start, contact: str, more: dict[str, Any], status: int
) -> None:
    store = start()
    _register(peer, contact, **more)
    response = peer.response(status)
    assert response.headers.get("min-expires") == ("60" if status == 423 else None)
    assert store.changes == []


def test_a_database_out_of_reach_is_503(peer: SipPeer, start: Start) -> None:
    store = start()

    def fail() -> None:
        raise DatabaseError("no")

    store.before_apply = fail
    _register(peer, "<sip:a@10.0.0.1>")
    peer.response(503)


def test_registers_of_one_user_are_taken_one_after_the_other(
    endpoint: Endpoint, peer: SipPeer, start: Start
) -> None:
    store = start()
    store.before_apply = lambda: gevent.sleep(0.02)
    for number in range(5):
        _register(peer, f"<sip:a@10.0.0.{number}>", Call_ID=f"call-{number}")
    lengths = sorted(len(peer.response(200).contacts) for _ in range(5))
    assert lengths == [1, 2, 3, 4, 5]
    assert len(store.bindings("alice")) == 5
    wait_until(lambda: endpoint.busy_workers() == 0)


def _challenged(peer: SipPeer, **more: Any) -> list[Challenge]:
    _register(peer, "<sip:a@10.0.0.1>", **more)
    response = peer.response(401)
    return [Challenge.parse(line) for line in response.headers.get_all("www-authenticate")]


def _proof(challenge: Challenge, username: str = "alice", password: str = "secret", count: int = 1) -> str:
    return answer(
        challenge,
        username=username,
        password=password,
        method="REGISTER",
        uri="sip:example.com",
        cnonce="abc",
        nonce_count=count,
    )


def test_digest(peer: SipPeer, start: Start) -> None:
    store = start(credentials=_credentials, algorithms=("MD5", "SHA-256"))
    challenges = _challenged(peer)
    assert [(challenge.algorithm, challenge.realm) for challenge in challenges] == [
        ("MD5", REALM),
        ("SHA-256", REALM),
    ]
    assert store.changes == []
    for number, challenge in enumerate(challenges, start=2):
        _register(peer, "<sip:a@10.0.0.1>", cseq=number, Authorization=_proof(challenge, count=number - 1))
        peer.response(200)


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "secret")])
def test_wrong_password_and_unknown_user_alike(peer: SipPeer, start: Start, user: str, password: str) -> None:
    store = start(credentials=_credentials)
    (challenge,) = _challenged(peer, user=user)
    proof = _proof(challenge, user, password)
    _register(peer, "<sip:a@10.0.0.1>", cseq=2, user=user, Authorization=proof)
    refusal = peer.response(403)
    assert refusal.reason == "Forbidden"
    assert store.changes == []


def test_nobody_registers_for_somebody_else(peer: SipPeer, start: Start) -> None:
    store = start(credentials=_credentials)
    (challenge,) = _challenged(peer)
    _register(peer, "<sip:a@10.0.0.1>", cseq=2, user="bob", Authorization=_proof(challenge))
    peer.response(403)
    assert store.changes == []


def test_without_domains_any_host_will_do(peer: SipPeer, start: Start) -> None:
    store = start(domains=None)
    _register(peer, "<sip:a@10.0.0.1>", uri="sip:elsewhere.example.org")
    peer.response(200)
    assert len(store.bindings("alice")) == 1
