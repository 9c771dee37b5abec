"""What the settings of TCP and of the service's end do, seen from outside at two values."""

from __future__ import annotations

import socket
from collections.abc import Callable

import gevent
import pytest

from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import MakeDesk

HALF = b"OPTIONS sip:support@127.0.0.1 SIP/2.0\r\n"


def connect(desk: Desk) -> socket.socket:
    """A TCP connection to where SIP is spoken."""
    return socket.create_connection(("127.0.0.1", desk.settings.sip.port), timeout=5)


def is_closed_within(connection: socket.socket, seconds: float) -> bool:
    """Whether the other end closes it in time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.effect("sip.enable_tcp")
@pytest.mark.parametrize("enabled", ["true", "false"])
def test_tcp_is_spoken_or_not(make_desk: MakeDesk, enabled: str) -> None:
    desk = make_desk(SIP__ENABLE_TCP=enabled)
    if enabled == "false":
        with pytest.raises(ConnectionRefusedError):
            connect(desk)
        return
    with connect(desk) as connection:
        connection.sendall(b"\r\n\r\n")
        assert connection.recv(10) == b"\r\n"


@pytest.mark.effect("sip.max_connections")
@pytest.mark.parametrize("most", [1, 2])
def test_one_connection_more_is_closed(make_desk: MakeDesk, most: int) -> None:
    desk = make_desk(SIP__MAX_CONNECTIONS=str(most))
    kept = [connect(desk) for _ in range(most)]
    for connection in kept:
        connection.sendall(b"\r\n\r\n")
        assert connection.recv(10) == b"\r\n"
    with connect(desk) as refused:
        assert is_closed_within(refused, 5)
    for connection in kept:
        connection.close()


@pytest.mark.effect("sip.idle_timeout_seconds")
@pytest.mark.parametrize(("seconds", "is_closed"), [("0.3", True), ("300", False)])
def test_an_idle_connection_is_closed_after_its_time(
    make_desk: MakeDesk, seconds: str, is_closed: bool
) -> None:
    desk = make_desk(SIP__IDLE_TIMEOUT_SECONDS=seconds)
    with connect(desk) as connection:
        assert is_closed_within(connection, 5 if is_closed else 1) is is_closed


@pytest.mark.effect("sip.message_timeout_seconds")
@pytest.mark.parametrize(("seconds", "is_closed"), [("0.3", True), ("10", False)])
def test_a_half_message_is_waited_for_so_long(make_desk: MakeDesk, seconds: str, is_closed: bool) -> None:
    desk = make_desk(SIP__MESSAGE_TIMEOUT_SECONDS=seconds)
    with connect(desk) as connection:
        connection.sendall(HALF)
        assert is_closed_within(connection, 5 if is_closed else 1) is is_closed


@pytest.mark.effect("general.drain_seconds")
@pytest.mark.parametrize(("seconds", "is_left_alone"), [("0.2", False), ("60", True)])
def test_a_call_may_go_on_so_long_while_the_service_drains(
    make_desk: Callable[..., Desk], seconds: str, is_left_alone: bool
) -> None:
    desk = make_desk("alice", GENERAL__DRAIN_SECONDS=seconds)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    assert desk.center is not None
    desk.center.drain_soon()
    if is_left_alone:
        gevent.sleep(1)
        assert not caller.ended.is_set()
        caller.hang_up()
    else:
        assert caller.ended.wait(10)
