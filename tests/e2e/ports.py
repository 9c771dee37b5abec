"""Ports that nobody uses at the moment, for services and phones that tests start."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 10_000, 16_383
"""Below what the kernel gives to those who ask for any port, and below the media ports: nobody comes there by
chance, though many tests run beside each other."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago, for UDP and TCP alike."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if _is_free(port, host) and _is_free(port, host, socket.SOCK_STREAM):
            return port


def free_udp_range(size: int, host: str = "127.0.0.1") -> tuple[int, int]:
    """First and last of `size` neighbouring UDP ports, the first one even, at a random place.

    It lies above what services take that were told nothing, and call centers within a test (20000 to 20999).
    """
    while True:
        first = random.randrange(21000, 27900 - size, 2)
        if all(_is_free(port, host) for port in range(first, first + size)):
            return first, first + size - 1


def _is_free(port: int, host: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
