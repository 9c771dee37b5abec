"""SIP over TCP: connections that are accepted or opened, reused and limited (RFC 3261 18).

A connection is known by its remote address, and every message for that address goes over it. So one that a
phone has opened leads back to the phone, wherever that hides (RFC 5626 is the idea).
"""

from __future__ import annotations

import socket as plain_socket
from functools import partial

import gevent
from gevent import socket
from gevent.pool import Group

from callengine import greenlets
from callengine.sip.flow import Flow
from callengine.sip.transport.base import IsNeeded, OnBroken, OnLost, OnMessage
from callengine.sip.transport.connection import Connection, StreamLimits

_BACKLOG = 256
_PAUSE_SECONDS = 0.1
"""After an accept that failed, for want of file descriptors above all."""


class TcpTransport:
    """A TCP listener and all connections. Messages are handed in by the greenlet of their connection."""

    name = "tcp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_message: OnMessage,
        on_broken: OnBroken,
        on_lost: OnLost,
        is_needed: IsNeeded,
        limits: StreamLimits | None = None,
    ) -> None:
        self.send_failures = 0
        self.refused = 0
        """Connections that were closed at once, because there were too many."""
        self._address = (host, port)
        self._limits = limits or StreamLimits()
        self._on_lost = on_lost
        self._make = partial(
            Connection,
            limits=self._limits,
            on_message=on_message,
            on_broken=on_broken,
            is_needed=is_needed,
            on_ended=self._forget,
        )
        self._listener: socket.socket | None = None
        self._connections: dict[Flow, Connection] = {}
        self._accepting: gevent.Greenlet[..., object] | None = None
        self._accepted = 0
        self._group = Group()

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and port that it is bound to; before `start` what was asked for."""
        return self._address

    def connection_count(self) -> int:
        """Connections that are open or being opened."""
        return len(self._connections)

    def bind(self, port: int = 0) -> None:
        """Have the address, with `port` if any would do; who connects is kept. Raises OSError."""
        host, port = self._address[0], self._address[1] or port
        family = plain_socket.AF_INET6 if ":" in host else plain_socket.AF_INET
        listener = socket.socket(family, plain_socket.SOCK_STREAM)
        try:
            listener.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._address = listener.getsockname()[:2]

    def start(self, port: int = 0) -> None:
        """Bind if it is not bound yet, and begin to accept. Raises OSError for a taken address."""
        if self._listener is None:
            self.bind(port)
        self._accepting = greenlets.spawn("sip_accept", self._accept, self._listener, owner=self._group)

    def send(self, wire: bytes, host: str, port: int) -> bool:
        """Give one message to the connection with that address, which is opened if there is none.

        False when it cannot go there at all. One that cannot be opened, or is lost, is told to `on_lost`.
        """
        if self._listener is None:
            return False
        flow = Flow(self.name, host, port)
        connection = self._connections.get(flow) or self._keep(flow, None)
        is_taken = connection.send(wire)
        if not is_taken:
            self.send_failures += 1
        return is_taken

    def reaches(self, host: str, port: int) -> bool:
        """Whether there is a connection with that address."""
        return Flow(self.name, host, port) in self._connections

    def deafen(self) -> None:
        """Accept no new connection; those that are open end with the process."""
        if self._accepting is not None:
            self._accepting.kill()
            self._accepting = None

    def close(self) -> None:
        """Close the listener and every connection."""
        listener, self._listener = self._listener, None
        self._group.kill()
        if listener is not None:
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, peer = listener.accept()
            except OSError:
                gevent.sleep(_PAUSE_SECONDS)
                continue
            if self._accepted >= self._limits.connections:
                self.refused += 1
                accepted.close()
            else:
                self._accepted += 1
                self._keep(Flow(self.name, str(peer[0]), int(peer[1])), accepted)

    def _keep(self, flow: Flow, accepted: socket.socket | None) -> Connection:
        connection = self._make(flow, accepted=accepted, owner=self._group)
        self._connections[flow] = connection
        greenlets.spawn("sip_connection", connection.run, owner=self._group)
        return connection

    def _forget(self, connection: Connection) -> None:
        self._accepted -= connection.is_accepted
        if self._connections.get(connection.flow) is connection:
            del self._connections[connection.flow]
        self._on_lost(connection.flow)
