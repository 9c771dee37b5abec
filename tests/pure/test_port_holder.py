"""Who holds a port of this machine."""

import os
import socket

import pytest

from callengine.port_holder import holder_of


@pytest.mark.parametrize(("transport", "kind"), [("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)])
def test_a_port_of_ours(transport: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            held.listen()
        port = held.getsockname()[1]
        assert f" by the process {os.getpid()} (" in holder_of(transport, port)
    assert holder_of(transport, port) == ""
