"""One TCP connection: opened or accepted, read message by message, written without making anybody wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import gevent
from gevent import socket
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.errors import BadMessage
from callengine.sip.flow import Flow
from callengine.sip.framing import PING, PONG, Framer
from callengine.sip.transport.base import IsNeeded, OnBroken, OnMessage

_PIECE = 65536
"""Bytes read at once."""

_MESSAGES_AT_ONCE = 20
"""After so many messages of one piece everybody else has a turn: small ones come by the thousand."""

_LINGER_SECONDS = 1.0

_MAX_BACKLOG = 1_000_000
"""Bytes that may wait for a remote end that does not read; with more the connection is closed."""


@dataclass(frozen=True)
class StreamLimits:
    """What one listener grants; times in seconds."""

    connections: int = 2000
    """Accepted at the same time; one more is closed at once."""
    idle: float = 300.0
    """A connection on which nothing has come for so long is closed."""
    message: float = 10.0
    """A message that is begun must be complete after so long, or the connection is closed."""
    connect: float = 5.0
    """How long opening a connection may take."""


class Connection:
    """A connection to `flow`. Its greenlet runs `run`; `send` may be called before that has opened it."""

    def __init__(
        self,
        flow: Flow,
        *,
        accepted: socket.socket | None,
        limits: StreamLimits,
        on_message: OnMessage,
        on_broken: OnBroken,
        is_needed: IsNeeded,
        on_ended: Callable[[Connection], None],
        owner: Group,
    ) -> None:
        """`accepted` is the socket of a connection that the other end has opened; else `run` opens it.

        `on_ended` must not wait; `owner` is the group of the greenlet that writes what cannot go at once.
        """
        self.flow = flow
        self.is_accepted = accepted is not None
        self._socket = accepted
        self._limits = limits
        self._on_message = on_message
        self._on_broken = on_broken
        self._is_needed = is_needed
        self._on_ended = on_ended
        self._owner = owner
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._is_flushing = False
        self._is_over = False

    def run(self) -> None:
        """Open it if that is to be done, and read until it ends."""
        try:
            if self._socket is None:
                self._socket = self._connect()
            if self._is_over:  # too much was waiting before it was open
                return
            self._socket.setblocking(False)
            self._flush_soon()
            self._read(self._socket)
        except (OSError, OverflowError, UnicodeError) as error:
            logger.debug("the connection to {} is lost: {}", self.flow, error)
        finally:
            self._is_over = True
            if self._socket is not None:
                self._socket.close()
            self._on_ended(self)

    def send(self, wire: bytes) -> bool:
        """Give bytes to the connection, without waiting; False if it is over, or the other end reads none."""
        if self._is_over:
            return False
        if self._socket is not None and not self._backlog:
            wire = wire[self._send_now(self._socket, wire) :]
        if wire:
            self._backlog.append(wire)
            self._backlog_bytes += len(wire)
            self._flush_soon()
        if self._backlog_bytes > _MAX_BACKLOG:
            self._break_off()
        return not self._is_over

    def _connect(self) -> socket.socket:
        opened: socket.socket = socket.create_connection(
            (self.flow.host, self.flow.port), timeout=self._limits.connect
        )
        return opened

    def _read(self, reading: socket.socket) -> None:
        framer, begun_at = Framer(), time.monotonic()
        while True:
            limit = self._limits.message if framer.is_begun else self._limits.idle
            try:
                socket.wait_read(reading.fileno(), timeout=max(0.0, begun_at + limit - time.monotonic()))
            except TimeoutError:
                if framer.is_begun or not self._is_needed(self.flow):
                    raise
                begun_at = time.monotonic()
                continue
            piece = reading.recv(_PIECE)
            if not piece:
                return
            was_begun = framer.is_begun
            if self._take(framer, piece) or not (was_begun and framer.is_begun):
                begun_at = time.monotonic()
            if self._is_over:
                _linger(reading)
                return

    def _take(self, framer: Framer, piece: bytes) -> int:
        """Hand in what is complete with this piece; how many messages that were."""
        count = 0
        try:
            for message in framer.feed(piece):
                count += 1
                if message == PING:
                    self.send(PONG)
                else:
                    self._on_message(message, self.flow)
                if not count % _MESSAGES_AT_ONCE:
                    gevent.sleep(0)
        except BadMessage as error:
            self._on_broken(error, piece, self.flow)
            self._is_over = True
        return count

    def _flush_soon(self) -> None:
        if self._socket is not None and self._backlog and not self._is_flushing:
            self._is_flushing = True
            greenlets.spawn("sip_flush", self._flush_all, self._socket, owner=self._owner)

    def _flush_all(self, writing: socket.socket) -> None:
        try:
            self._flush(writing)
        except OSError:
            self._break_off()
        finally:
            self._is_flushing = False

    def _flush(self, writing: socket.socket) -> None:
        """Write what waits, as fast as the other end reads. Raises TimeoutError if it does not."""
        while self._backlog and not self._is_over:
            rest = self._backlog[0]
            sent = self._send_now(writing, rest)
            self._backlog_bytes -= sent
            if sent == len(rest):
                self._backlog.popleft()
            else:
                self._backlog[0] = rest[sent:]
                socket.wait_write(writing.fileno(), timeout=self._limits.message)

    def _send_now(self, writing: socket.socket, wire: bytes) -> int:
        """How many bytes the network takes at this moment; ends the connection when that is lost."""
        try:
            return int(writing.send(wire))
        except BlockingIOError:
            return 0
        except OSError:
            self._break_off()
            return 0

    def _break_off(self) -> None:
        """Have `run` come to its end."""
        self._is_over = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _linger(broken: socket.socket) -> None:
    """Say that we are done, and read on for a moment: to close with bytes unread would destroy our answer."""
    try:
        broken.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _LINGER_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            socket.wait_read(broken.fileno(), timeout=left)
            if not broken.recv(_PIECE):
                return
    except OSError:
        pass
