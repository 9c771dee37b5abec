import socket
from collections.abc import Iterator

import gevent
import pytest
from gevent.pool import Group

from callengine.media import lines
from callengine.media.lines import LineConnection


@pytest.fixture
def ends() -> Iterator[tuple[LineConnection, socket.socket]]:
    """A connection, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    connection = LineConnection(ours, name="writer", owner=Group())
    yield connection, theirs
    theirs.close()
    connection.close()


def test_lines_are_sent_in_order(ends: tuple[LineConnection, socket.socket]) -> None:
    connection, theirs = ends
    for number in range(3):
        connection.post(b"%d\n" % number)
    gevent.sleep(0.01)
    assert theirs.recv(100) == b"0\n1\n2\n"


def test_lines_are_read_whatever_their_pieces(ends: tuple[LineConnection, socket.socket]) -> None:
    connection, theirs = ends
    reader = gevent.spawn(lambda: list(connection.lines()))
    for piece in (b"on", b"e\ntwo\n\nth", b"ree\nunfinished"):
        theirs.sendall(piece)
        gevent.sleep(0.005)
    theirs.shutdown(socket.SHUT_WR)
    assert reader.get(timeout=2) == [b"one\n", b"two\n", b"\n", b"three\n"]


def test_too_long_a_line_is_none_and_the_next_is_read(ends: tuple[LineConnection, socket.socket]) -> None:
    connection, theirs = ends
    reader = gevent.spawn(lambda: list(connection.lines(longest=8)))
    theirs.sendall(b"1234567\n" + b"x" * 50_000 + b"\nshort\n12345678\nlast\n" + b"y" * 100)
    theirs.shutdown(socket.SHUT_WR)
    assert reader.get(timeout=2) == [b"1234567\n", None, b"short\n", None, b"last\n", None]


def test_an_end_is_seen_by_both_sides(ends: tuple[LineConnection, socket.socket]) -> None:
    connection, theirs = ends
    reader = gevent.spawn(lambda: list(connection.lines()))
    gevent.sleep(0.005)
    connection.end()
    connection.end()
    assert reader.get(timeout=2) == []
    assert theirs.recv(1) == b""
    connection.post(b"into the void\n")


def test_who_does_not_read_is_given_up(
    ends: tuple[LineConnection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, theirs = ends
    monkeypatch.setattr(lines, "MOST_OCTETS_WAITING", 1_000_000)
    for _ in range(200):
        connection.post(b"x" * 10_000 + b"\n")
        gevent.sleep(0)
    received = 0
    theirs.settimeout(2)
    while chunk := theirs.recv(65536):
        received += len(chunk)
    assert received < 2_000_000
