"""`api.*`: each setting at two values, seen from outside."""

from __future__ import annotations

import socket

import pytest

from tests.gevent.effects.outside import MakeDesk


def answers(host: str, port: int) -> bool:
    """Whether HTTP is spoken there."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return b"200 OK" in connection.recv(4096)
    except ConnectionRefusedError:
        return False


@pytest.mark.effect("api.host")
@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")])
def test_http_is_spoken_at_its_address(make_desk: MakeDesk, host: str, other: str) -> None:
    desk = make_desk(API__HOST=host)
    assert answers(host, desk.settings.api.port)
    assert not answers(other, desk.settings.api.port)


@pytest.mark.effect("api.port")
def test_http_is_spoken_at_its_port(make_desk: MakeDesk) -> None:
    first = make_desk()
    assert answers("127.0.0.1", first.settings.api.port)
    first.close()
    second = make_desk()
    assert second.settings.api.port != first.settings.api.port
    assert answers("127.0.0.1", second.settings.api.port)
    assert not answers("127.0.0.1", first.settings.api.port)
