"""TcpTransport: messages both ways over reused connections, keep-alives, limits, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import gevent
import pytest
from gevent import socket

from callengine import greenlets
from callengine.errors import BadMessage
from callengine.sip.flow import Flow
from callengine.sip.transport.connection import StreamLimits
from callengine.sip.transport.tcp import TcpTransport
from tests.fakes.sip_peer import wait_until

MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
HOST = "127.0.0.1"


class Ear:
    """A transport, and all that it tells."""

    def __init__(self, **limits: float) -> None:
        self.needed: set[Flow] = set()
        self.came: list[tuple[bytes, Flow]] = []
        self.broken: list[str] = []
        self.lost: list[Flow] = []
        self.transport = TcpTransport(
            HOST,
            0,
            on_message=lambda wire, flow: self.came.append((wire, flow)),
            on_broken=self._note_broken,
            on_lost=self.lost.append,
            is_needed=self.needed.__contains__,
            limits=StreamLimits(**limits),  # type: ignore[arg-type]
        )
        self.transport.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.transport.local_address

    def connect(self) -> socket.socket:
        """A bare connection to it."""
        return socket.create_connection(self.address, timeout=5)

    def _note_broken(self, error: BadMessage, _wire: bytes, flow: Flow) -> None:
        self.broken.append(str(error))
        self.transport.send(b"400", flow.host, flow.port)


MakeEar = Callable[..., Ear]


@pytest.fixture
def make_ear() -> Iterator[MakeEar]:
    """Makes transports; none may leave a greenlet behind."""
    ears: list[Ear] = []

    def make(**limits: float) -> Ear:
        ears.append(Ear(**limits))
        return ears[-1]

    yield make
    for ear in ears:
        ear.transport.close()
    wait_until(lambda: not greenlets.running())


def is_closed(peer: socket.socket) -> bool:
    """Whether the other end has closed this connection; waits for it."""
    peer.settimeout(5)
    try:
        while peer.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def test_messages_go_both_ways_over_one_connection(make_ear: MakeEar) -> None:
    one, two = make_ear(), make_ear()
    assert one.transport.send(MESSAGE, *two.address)
    assert one.transport.send(MESSAGE, *two.address)
    wait_until(lambda: len(two.came) == 2)
    back = two.came[0][1]
    assert back.transport == "tcp"
    assert two.transport.reaches(back.host, back.port)
    assert two.transport.send(MESSAGE, back.host, back.port)
    wait_until(lambda: one.came)
    assert one.came[0] == (MESSAGE, Flow("tcp", *two.address))
    assert (one.transport.connection_count(), two.transport.connection_count()) == (1, 1)


def test_several_messages_in_one_segment_and_one_in_many(make_ear: MakeEar) -> None:
    ear = make_ear()
    peer = ear.connect()
    peer.sendall(MESSAGE * 3)
    wait_until(lambda: len(ear.came) == 3)
    for place in range(len(MESSAGE)):
        peer.sendall(MESSAGE[place : place + 1])
    wait_until(lambda: len(ear.came) == 4)
    assert {wire for wire, _ in ear.came} == {MESSAGE}
    peer.close()
    wait_until(lambda: ear.transport.connection_count() == 0)


def test_a_keep_alive_is_answered(make_ear: MakeEar) -> None:
    peer = make_ear().connect()
    peer.sendall(b"\r\n\r\n")
    assert peer.recv(16) == b"\r\n"


def test_what_cannot_be_cut_is_told_answered_and_closed(make_ear: MakeEar) -> None:
    ear = make_ear()
    peer = ear.connect()
    peer.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n" + b"more" * 100_000)
    assert peer.recv(16) == b"400"
    assert is_closed(peer)
    assert "Content-Length" in ear.broken[0]


def test_a_half_message_is_not_waited_for_forever_however_slowly_it_grows(make_ear: MakeEar) -> None:
    ear = make_ear(message=0.4)
    peer = ear.connect()

    def trickle() -> None:
        for place in range(40):
            peer.sendall(MESSAGE[place : place + 1])
            gevent.sleep(0.05)

    trickling = gevent.spawn(trickle)
    assert is_closed(peer)
    wait_until(lambda: ear.transport.connection_count() == 0)
    trickling.kill()
    assert ear.came == []


def test_an_idle_connection_is_closed_and_one_that_is_kept_alive_is_not(make_ear: MakeEar) -> None:
    ear = make_ear(idle=0.5)
    quiet, lively = ear.connect(), ear.connect()

    def ping() -> None:
        while True:
            lively.sendall(b"\r\n\r\n")
            gevent.sleep(0.1)

    pinging = gevent.spawn(ping)
    assert is_closed(quiet)
    wait_until(lambda: ear.transport.connection_count() == 1)
    lively.sendall(MESSAGE)
    wait_until(lambda: ear.came)
    pinging.kill()


def test_an_idle_connection_with_a_dialog_is_kept(make_ear: MakeEar) -> None:
    ear = make_ear(idle=0.2)
    peer = ear.connect()
    ear.needed.add(Flow("tcp", *peer.getsockname()))
    gevent.sleep(0.6)
    assert ear.transport.connection_count() == 1
    ear.needed.clear()
    assert is_closed(peer)


def test_one_connection_too_many_is_closed_at_once_and_a_place_is_free_again_later(make_ear: MakeEar) -> None:
    ear = make_ear(connections=2)
    first, _second = ear.connect(), ear.connect()
    wait_until(lambda: ear.transport.connection_count() == 2)
    assert is_closed(ear.connect())
    assert ear.transport.refused == 1
    first.close()
    wait_until(lambda: ear.transport.connection_count() == 1)
    third = ear.connect()
    third.sendall(MESSAGE)
    wait_until(lambda: ear.came)


def test_a_connection_that_cannot_be_had_is_told(make_ear: MakeEar) -> None:
    ear = make_ear()
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        address = nobody.getsockname()
        assert ear.transport.send(MESSAGE, *address)
        wait_until(lambda: ear.lost)
    assert ear.lost == [Flow("tcp", *address)]
    assert not ear.transport.reaches(*address)


def test_who_does_not_read_holds_nobody_and_is_closed(make_ear: MakeEar) -> None:
    ear = make_ear()
    peer = ear.connect()
    peer.sendall(MESSAGE)
    wait_until(lambda: ear.came)
    flow = ear.came[0][1]
    sent = 0
    while ear.transport.send(b"x" * 50_000, flow.host, flow.port):
        sent += 50_000
        assert sent < 100_000_000
    wait_until(lambda: ear.transport.connection_count() == 0)
    assert ear.transport.send_failures == 1
    peer.close()


def test_too_much_for_a_connection_that_is_not_open_yet_ends_it(make_ear: MakeEar) -> None:
    one, two = make_ear(), make_ear()
    assert not one.transport.send(b"x" * 1_000_001, *two.address)
    wait_until(lambda: one.lost)
    assert one.transport.connection_count() == 0
    assert one.transport.send(MESSAGE, *two.address)
    wait_until(lambda: two.came)


def test_many_messages_at_once_leave_turns_to_everybody_else(make_ear: MakeEar) -> None:
    ear = make_ear()
    peer = ear.connect()
    seen = [0]

    def look() -> None:
        while len(ear.came) < 300:
            seen.append(len(ear.came))
            gevent.sleep(0)

    looking = greenlets.spawn("looking", look)
    peer.sendall(MESSAGE * 300)
    looking.join(timeout=10)
    assert len(ear.came) == 300
    seen.append(300)
    assert max(after - before for before, after in pairwise(seen)) <= 50
    peer.close()


def test_what_the_network_does_not_take_at_once_arrives_whole(make_ear: MakeEar) -> None:
    ear = make_ear()
    peer = ear.connect()
    peer.sendall(MESSAGE)
    wait_until(lambda: ear.came)
    flow = ear.came[0][1]
    while "sip_flush" not in greenlets.running():
        assert ear.transport.send(b"y" * 60_000, flow.host, flow.port)
        gevent.sleep(0)
    assert ear.transport.send(b"end", flow.host, flow.port)
    heard = b""
    while not heard.endswith(b"end"):
        heard += peer.recv(65536)
    assert len(heard) % 60_000 == 3
    assert set(heard[:-3]) == {ord("y")}


def test_a_taken_address_is_refused_and_a_closed_one_is_free(make_ear: MakeEar) -> None:
    ear = make_ear()
    again = TcpTransport(
        *ear.address,
        on_message=lambda *_: None,
        on_broken=lambda *_: None,
        on_lost=lambda _: None,
        is_needed=lambda _: False,
    )
    with pytest.raises(OSError, match="in use"):
        again.start()
    ear.transport.close()
    again.start()
    again.close()


def test_nothing_goes_out_before_the_start_or_to_no_address(make_ear: MakeEar) -> None:
    ear = make_ear()
    assert ear.transport.send(MESSAGE, HOST, 99_999)
    wait_until(lambda: ear.lost)
    ear.transport.close()
    assert not ear.transport.send(MESSAGE, *ear.address)
