"""An endpoint and a peer on loopback, and the check that nothing is left of them."""

from collections.abc import Iterator

import pytest

from callengine import greenlets
from callengine.sip.endpoint import Endpoint
from tests.fakes.sip_peer import SipPeer, make_endpoint, wait_until


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Started; after the test no session and no worker may be left, and no greenlet once it has stopped."""
    endpoint = make_endpoint()
    yield endpoint
    try:
        wait_until(lambda: endpoint.dialog_count() == 0)
        wait_until(lambda: endpoint.busy_workers() == 0)
    finally:
        endpoint.stop()
    wait_until(lambda: not greenlets.running())


@pytest.fixture
def peer(endpoint: Endpoint) -> Iterator[SipPeer]:
    """A socket that talks to the endpoint."""
    peer = SipPeer(endpoint)
    yield peer
    peer.close()
