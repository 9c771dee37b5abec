"""Ports that nobody uses at the moment, for services and phones that tests start.

Many tests run beside each other, each in a process of its own: a process takes a block of ports for itself
and gives them out one after the other.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

_LOCKS = os.open(
    Path(tempfile.gettempdir()) / f"callengine-test-ports-{os.getuid()}",
    os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
    0o600,
)
"""Open from the start, so that no test finds one descriptor more than before, until the process ends: its
locks end when it closes the file anywhere."""
_UDP, _TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class _Block:
    """The ports of this process among those from `first` on, as many blocks of `size` as there are."""

    def __init__(self, first: int, *, size: int, blocks: int) -> None:
        self._size = size
        self._first = first + size * _lock_one_of(range(first, first + blocks))
        self._taken = 0

    def take(self, wanted: int) -> range:
        """The next `wanted` ports, the first one even if they are; after the last comes the first again."""
        if self._taken + wanted > self._size:
            self._taken = 0
        first = self._first + self._taken
        self._taken += wanted
        return range(first, first + wanted)


@cache
def _single_ports() -> _Block:
    """Below what the kernel gives to those who ask for any port, and below the media ports."""
    return _Block(10_000, size=640, blocks=10)


@cache
def _ranges() -> _Block:
    """Above what services take that were told nothing, and call centers within a test (20000 to 20999)."""
    return _Block(21_000, size=690, blocks=10)


@cache
def _large_ranges() -> _Block:
    """For a floor of hundreds of phones, of which there is one at a time."""
    return _Block(28_000, size=4_700, blocks=1)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago, for UDP and TCP alike; nor is the next one given to anybody else.

    baresip takes that for TLS.
    """
    while True:
        port, _ = _single_ports().take(2)
        if _is_free(port, host, _UDP) and _is_free(port, host, _TCP):
            return port


def free_udp_range(size: int, host: str = "127.0.0.1") -> tuple[int, int]:
    """First and last of `size` neighbouring UDP ports, the first one even; `size` is even up to 4700."""
    block = _ranges() if size <= 690 else _large_ranges()
    while True:
        ports = block.take(size)
        if all(_is_free(port, host, _UDP) for port in ports):
            return ports[0], ports[-1]


def _lock_one_of(numbers: range) -> int:
    """Which of `numbers`, counted from 0, this process has now until it ends, and no other one.

    Each is a byte of a file.
    """
    for index, number in enumerate(numbers):
        try:
            fcntl.lockf(_LOCKS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except BlockingIOError:
            continue
        return index
    raise AssertionError("all blocks of ports are taken by other tests")


def _is_free(port: int, host: str, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
