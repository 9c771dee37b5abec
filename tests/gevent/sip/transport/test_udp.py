"""UdpTransport: carries datagrams both ways, never waits when sending, frees its address."""

import pytest
from gevent import socket

from callengine import greenlets
from callengine.sip.flow import Flow
from callengine.sip.transport.udp import UdpTransport
from tests.fakes.sip_peer import wait_until


def _ignore(_: bytes, __: Flow) -> None:
    pass


def test_carries_datagrams_both_ways() -> None:
    received = list[tuple[bytes, Flow]]()
    one = UdpTransport("127.0.0.1", 0, on_datagram=lambda *came: received.append(came))
    two = UdpTransport("127.0.0.1", 0, on_datagram=_ignore)
    one.start()
    two.start()
    assert two.send(b"hello", *one.local_address)
    wait_until(lambda: received)
    assert received == [(b"hello", Flow("udp", *two.local_address))]
    one.close()
    two.close()
    assert greenlets.running() == {}


def test_a_flood_is_taken_whole() -> None:
    received = list[bytes]()
    one = UdpTransport("127.0.0.1", 0, on_datagram=lambda wire, _: received.append(wire))
    two = UdpTransport("127.0.0.1", 0, on_datagram=_ignore)
    one.start()
    two.start()
    for number in range(200):
        assert two.send(b"%d" % number, *one.local_address)
    wait_until(lambda: len(received) == 200)
    assert received == [b"%d" % number for number in range(200)]
    one.close()
    two.close()


def test_a_taken_address_is_refused_and_a_closed_one_is_free() -> None:
    one = UdpTransport("127.0.0.1", 0, on_datagram=_ignore)
    one.start()
    two = UdpTransport(*one.local_address, on_datagram=_ignore)
    with pytest.raises(OSError, match="in use"):
        two.start()
    one.close()
    two.start()
    two.close()


def test_what_cannot_be_sent_is_counted() -> None:
    transport = UdpTransport("127.0.0.1", 0, on_datagram=_ignore)
    assert not transport.send(b"too early", "127.0.0.1", 9)
    transport.start()
    assert not transport.send(b"x" * 70_000, "127.0.0.1", 9)
    assert not transport.send(b"x", "127.0.0.1", 99_999)
    assert not transport.send(b"x", "2001:db8::1", 9)
    assert transport.send_failures == 3
    transport.close()
    transport.close()


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    came = list[Flow]()
    one = UdpTransport("::1", 0, on_datagram=lambda _, flow: came.append(flow))
    one.start()
    assert one.send(b"to myself", *one.local_address)
    wait_until(lambda: came)
    assert came == [Flow("udp", "::1", one.local_address[1])]
    one.close()
