"""Who is at the other end of a Unix socket, by the kernel's word (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_LAYOUT = struct.Struct("3i")


class UnixPeer(NamedTuple):
    """A process of this machine, as it was when it connected, or began to listen."""

    pid: int
    uid: int
    gid: int


def peer_of(connected: socket.socket) -> UnixPeer:
    """The process at the other end of a connected socket."""
    return UnixPeer(
        *_LAYOUT.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LAYOUT.size))
    )
