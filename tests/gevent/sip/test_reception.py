"""Reception: the bounded pool, and 503 at once when it is full."""

from collections.abc import Iterator

import pytest
from gevent.event import Event

from callengine.sip.endpoint import Endpoint
from callengine.sip.transactions import ServerTransaction
from tests.fakes.sip_peer import SipPeer, make_endpoint, wait_until


@pytest.fixture
def small() -> Iterator[Endpoint]:
    endpoint = make_endpoint(pool_size=2)
    yield endpoint
    endpoint.stop()


def _hold_registers(endpoint: Endpoint) -> Event:
    """REGISTERs are answered once the event is set."""
    release = Event()

    def work(transaction: ServerTransaction) -> None:
        release.wait()
        transaction.answer(200)

    endpoint.on("REGISTER", work)
    return release


def test_a_full_pool_answers_503_at_once_and_recovers(small: Endpoint) -> None:
    peer, release = SipPeer(small), _hold_registers(small)
    for _ in range(3):
        peer.send(peer.make("REGISTER"))
    assert peer.response(503).headers.get("retry-after") == "2"
    assert small.counts.overloaded == 1
    assert small.busy_workers() == 2
    release.set()
    peer.response(200)
    peer.response(200)
    wait_until(lambda: small.busy_workers() == 0)
    peer.send(peer.make("REGISTER"))
    peer.response(200)
    peer.close()


def test_other_requests_need_no_worker(small: Endpoint) -> None:
    peer, release = SipPeer(small), _hold_registers(small)
    for _ in range(2):
        peer.send(peer.make("REGISTER"))
    peer.send(peer.make("OPTIONS"))
    peer.response(200)
    release.set()
    peer.close()


def test_a_repeated_request_takes_no_second_worker(small: Endpoint) -> None:
    peer, release = SipPeer(small), _hold_registers(small)
    register = peer.make("REGISTER")
    for _ in range(5):
        peer.send(register)
    wait_until(lambda: small.busy_workers() == 1)
    release.set()
    peer.response(200)
    assert peer.hears_nothing(0.05)
    peer.close()
