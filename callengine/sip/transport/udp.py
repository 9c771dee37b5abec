"""SIP over UDP: one socket, one greenlet that receives, sending without waiting (RFC 3261 18)."""

from __future__ import annotations

import errno
import socket as plain_socket

import gevent
from gevent import socket

from callengine import greenlets
from callengine.sip.flow import Flow
from callengine.sip.transport.base import OnMessage

_READ = 1
"""libev's word for "readable"."""

_AT_ONCE = 64
"""Datagrams that are taken in a row before other greenlets get their turn."""

_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS}
"""The network is busy: the datagram is lost as any datagram may be, and repeated by its transaction."""


class UdpTransport:
    """One UDP socket. Datagrams are handed in one by one, in the receiving greenlet."""

    name = "udp"

    def __init__(
        self, host: str, port: int, *, on_datagram: OnMessage, receive_buffer: int = 1 << 20
    ) -> None:
        """`receive_buffer` in bytes is asked of the kernel, which may grant less."""
        self.send_failures = 0
        self._address = (host, port)
        self._on_datagram = on_datagram
        self._receive_buffer = receive_buffer
        self._socket: socket.socket | None = None
        self._receiver: gevent.Greenlet[..., object] | None = None

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and port that it is bound to; before `start` what was asked for."""
        return self._address

    def bind(self, port: int = 0) -> None:
        """Have the address, with `port` if any would do; what comes is kept. Raises OSError."""
        host, port = self._address[0], self._address[1] or port
        family = plain_socket.AF_INET6 if ":" in host else plain_socket.AF_INET
        sock = socket.socket(family, plain_socket.SOCK_DGRAM)
        try:
            sock.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_RCVBUF, self._receive_buffer)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        self._socket = sock
        self._address = sock.getsockname()[:2]

    def start(self, port: int = 0) -> None:
        """Bind if it is not bound yet, and begin to receive. Raises OSError for a taken address."""
        if self._socket is None:
            self.bind(port)
        self._receiver = greenlets.spawn("sip_receive", self._receive, self._socket)

    def send(self, wire: bytes, host: str, port: int) -> bool:
        """Give one datagram to the network; False when it cannot go there at all (no route, too large)."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(wire, (host, port))
        except (OSError, UnicodeError, OverflowError) as error:
            self.send_failures += 1
            return isinstance(error, OSError) and error.errno in _FULL
        return True

    def reaches(self, host: str, port: int) -> bool:  # noqa: ARG002 - the transport's signature
        """Always: nothing is set up for a datagram."""
        return True

    def deafen(self) -> None:
        """Receive nothing new; what is here can still be sent."""
        if self._receiver is not None:
            self._receiver.kill(block=True)
            self._receiver = None

    def close(self) -> None:
        """Stop receiving and free the address."""
        self.deafen()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, sock: socket.socket) -> None:
        watcher = gevent.get_hub().loop.io(sock.fileno(), _READ)
        try:
            while True:
                gevent.get_hub().wait(watcher)
                self._drain(sock)
        finally:
            watcher.stop()
            watcher.close()

    def _drain(self, sock: socket.socket) -> None:
        """Take what has come, at most a handful, so that a flood does not keep the others waiting."""
        for _ in range(_AT_ONCE):
            try:
                wire, source = sock.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of something that we sent: that transaction will time out
            self._on_datagram(wire, Flow(self.name, source[0], source[1]))
        gevent.sleep(0)
