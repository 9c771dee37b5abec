"""Who is at the other end of a Unix socket."""

import os
import socket

from callengine.unix_peer import peer_of


def test_we_ourselves() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_of(one) == (os.getpid(), os.getuid(), os.getgid())
