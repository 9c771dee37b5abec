"""Ports that nobody uses at the moment, for services and phones that tests start."""

from __future__ import annotations

import socket
from random import randrange


def _free_port(kind: socket.SocketKind, host: str) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def free_udp_port(host: str = "127.0.0.1") -> int:
    """A UDP port that was free a moment ago."""
    return _free_port(socket.SOCK_DGRAM, host)


def free_tcp_port(host: str = "127.0.0.1") -> int:
    """A TCP port that was free a moment ago."""
    return _free_port(socket.SOCK_STREAM, host)


def free_sip_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago for UDP and TCP alike."""
    while True:
        port = free_tcp_port(host)
        if _is_free(port, host):
            return port


def free_udp_range(size: int, host: str = "127.0.0.1") -> tuple[int, int]:
    """First and last of `size` neighbouring UDP ports, the first one even, below the ephemeral range."""
    for first in range(16384, 32768 - size, size + size % 2):
        if all(_is_free(port, host) for port in range(first, first + size)):
            return first, first + size - 1
    raise OSError(f"no {size} free UDP ports beside each other")


def lonely_udp_range(size: int, host: str = "127.0.0.1") -> tuple[int, int]:
    """Like `free_udp_range`, but where no other test looks: ports that are to be free after a death too."""
    while True:
        first = randrange(21000, 27900, 2)
        if all(_is_free(port, host) for port in range(first, first + size)):
            return first, first + size - 1


def _is_free(port: int, host: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
