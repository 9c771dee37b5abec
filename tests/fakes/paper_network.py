"""A network on paper: datagrams between endpoints of this process, without sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

import gevent
from gevent.event import Event

from callengine import greenlets
from callengine.sip.flow import Flow
from callengine.sip.transport.base import OnMessage


class PaperNetwork:
    """Who listens where; `switch` lets other greenlets run between two datagrams."""

    def __init__(self, switch: Callable[[], None] = lambda: gevent.sleep(0)) -> None:
        self.switch = switch
        self._ends: dict[tuple[str, int], PaperTransport] = {}
        self._ports = count(30_000)

    def transport(self, host: str, port: int, *, on_datagram: OnMessage) -> PaperTransport:
        """In the place of `UdpTransport`."""
        return PaperTransport(self, host, port, on_datagram)

    def open(self, end: PaperTransport, host: str, port: int) -> tuple[str, int]:
        """Give an end its address. Raises OSError if somebody has it."""
        address = (host, port or next(self._ports))
        if address in self._ends:
            raise OSError(98, "Address already in use")
        self._ends[address] = end
        return address

    def close(self, address: tuple[str, int]) -> None:
        """Nobody listens there any more."""
        self._ends.pop(address, None)

    def carry(self, wire: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        """Take a datagram to whoever listens there; lost if nobody does."""
        end = self._ends.get(target)
        if end is not None:
            end.put(wire, source)


class PaperTransport:
    """One address on the network, as a transport of SIP."""

    name = "udp"

    def __init__(self, network: PaperNetwork, host: str, port: int, on_datagram: OnMessage) -> None:
        self.send_failures = 0
        self._network = network
        self._address = (host, port)
        self._on_datagram = on_datagram
        self._is_bound = False
        self._came: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._wake = Event()
        self._receiver: gevent.Greenlet[..., object] | None = None

    @property
    def local_address(self) -> tuple[str, int]:
        return self._address

    def bind(self, port: int = 0) -> None:
        self._address = self._network.open(self, self._address[0], self._address[1] or port)
        self._is_bound = True

    def start(self, port: int = 0) -> None:
        if not self._is_bound:
            self.bind(port)
        self._receiver = greenlets.spawn("sip_receive", self._receive)

    def put(self, wire: bytes, source: tuple[str, int]) -> None:
        """A datagram has come."""
        self._came.append((wire, source))
        self._wake.set()

    def send(self, wire: bytes, host: str, port: int) -> bool:
        if self._is_bound:
            self._network.carry(wire, self._address, (host, port))
        return self._is_bound

    def reaches(self, host: str, port: int) -> bool:  # noqa: ARG002 - the transport's signature
        return True

    def deafen(self) -> None:
        if self._receiver is not None:
            self._receiver.kill(block=True)
            self._receiver = None

    def close(self) -> None:
        self.deafen()
        if self._is_bound:
            self._network.close(self._address)
            self._is_bound = False

    def _receive(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._came:
                wire, (host, port) = self._came.popleft()
                self._on_datagram(wire, Flow(self.name, host, port))
                self._network.switch()
