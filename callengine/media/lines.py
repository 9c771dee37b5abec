"""One connection over which lines of bytes go both ways, between a media process and whoever uses it.

What the system does not take at once is queued and written by a greenlet of its own, so that posting a line
never waits. An other end that does not read what it asked for is given up once `MOST_OCTETS_WAITING` are
queued for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from gevent.pool import Group
from gevent.queue import Queue

from callengine import greenlets

MOST_OCTETS_WAITING = 16 * 1024 * 1024


class LineConnection:
    """A connected stream socket; `name` is that of the greenlet which writes, in the group `owner`."""

    def __init__(self, connected: socket.socket, *, name: str, owner: Group) -> None:
        self._socket = connected
        self._outgoing: Queue[bytes | None] = Queue()
        self._octets_waiting = 0
        self._writer = greenlets.spawn(name, self._write, owner=owner)

    def post(self, line: bytes) -> None:
        """Send a line (newline included) when its turn comes; a broken connection swallows it."""
        if not self._octets_waiting:
            line = line[self._write_at_once(line) :]
            if not line:
                return
        self._octets_waiting += len(line)
        if self._octets_waiting > MOST_OCTETS_WAITING:
            self.end()
        else:
            self._outgoing.put(line)

    def _write_at_once(self, line: bytes) -> int:
        """Octets that the system takes without a wait: most often all, and no other greenlet is needed."""
        try:
            return os.write(self._socket.fileno(), line)
        except BlockingIOError:
            return 0
        except OSError:
            return len(line)

    def lines(self, *, longest: int | None = None) -> Iterator[bytes | None]:
        """The lines that come, until either side ends; None stands for one of more than `longest` octets."""
        limit = -1 if longest is None else longest
        try:
            with self._socket.makefile("rb") as incoming:
                while line := incoming.readline(limit):
                    if line.endswith(b"\n"):
                        yield line
                    elif len(line) == limit:
                        yield None
                        while line and not line.endswith(b"\n"):
                            line = incoming.readline(limit)
        except OSError:
            return

    def end(self) -> None:
        """Let both sides see the end of the connection; safe from any greenlet, any number of times."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """End the connection, wait for the writer and free the descriptor; for the greenlet that reads."""
        self.end()
        self._outgoing.put(None)
        self._writer.join()
        self._socket.close()

    def _write(self) -> None:
        try:
            while (line := self._outgoing.get()) is not None:
                while line:
                    sent = self._socket.send(line)
                    self._octets_waiting -= sent
                    line = line[sent:]
        except OSError:
            self.end()
