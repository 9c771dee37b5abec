"""All transports of one endpoint, at one address: which of them a message takes, and by which way."""

from __future__ import annotations

from collections.abc import Sequence

from callengine.errors import SessionError
from callengine.sip.flow import Flow
from callengine.sip.grammar import format_host
from callengine.sip.message import Request
from callengine.sip.next_hop import flow_to
from callengine.sip.transport.base import IsNeeded, OnBroken, OnLost, OnMessage, Transport
from callengine.sip.transport.connection import StreamLimits
from callengine.sip.transport.tcp import TcpTransport
from callengine.sip.transport.udp import UdpTransport
from callengine.sip.uri import Uri

_LARGEST_DATAGRAM = 1300 - 120
"""Bytes of a request that still fits into a datagram where the path's MTU is unknown (RFC 3261 18.1.1); 120
are left for the Via, which is not there yet."""


class AddressTaken(SessionError):
    """An address on which SIP is to be received cannot be had."""

    def __init__(self, transport: str, host: str, port: int, error: OSError) -> None:
        super().__init__(f"{transport} {format_host(host)}:{port} cannot be had: {error.strerror}")
        self.transport = transport
        self.port = port


class Switch:
    """UDP, TCP or both. The first of `names` is that of whatever names none."""

    def __init__(
        self,
        names: Sequence[str],
        host: str,
        port: int,
        *,
        on_message: OnMessage,
        on_broken: OnBroken,
        on_lost: OnLost,
        is_needed: IsNeeded,
        limits: StreamLimits | None = None,
    ) -> None:
        """`names` are out of "udp" and "tcp"; `limits` are those of connections."""
        self._port = port
        self._transports: dict[str, Transport] = {}
        self._tcp: TcpTransport | None = None
        self._is_bound = False
        for name in names:
            if name == "udp":
                self._transports[name] = UdpTransport(host, port, on_datagram=on_message)
            else:
                self._tcp = self._transports[name] = TcpTransport(
                    host,
                    port,
                    on_message=on_message,
                    on_broken=on_broken,
                    on_lost=on_lost,
                    is_needed=is_needed,
                    limits=limits,
                )
        self.first = names[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Its transports."""
        return tuple(self._transports)

    @property
    def local_address(self) -> tuple[str, int]:
        """What the socket of the first transport is bound to."""
        return self._transports[self.first].local_address

    @property
    def send_failures(self) -> int:
        """Messages that the network did not take."""
        return sum(transport.send_failures for transport in self._transports.values())

    def connection_count(self) -> int:
        """TCP connections that are open or being opened."""
        return 0 if self._tcp is None else self._tcp.connection_count()

    def bind(self) -> None:
        """Have the addresses; what comes is kept until `start`. Raises `AddressTaken`."""
        if self._is_bound:
            return
        for transport in self._transports.values():
            try:
                transport.bind(0 if transport is self._transports[self.first] else self.local_address[1])
            except OSError as error:
                self.close()
                raise AddressTaken(transport.name, *transport.local_address, error) from None
        self._is_bound = True

    def start(self) -> None:
        """Bind if that is not done yet, and begin to receive. Raises `AddressTaken`."""
        self.bind()
        for transport in self._transports.values():
            transport.start()

    def deafen(self) -> None:
        """Receive nothing new; what is here can still be sent."""
        for transport in self._transports.values():
            transport.deafen()

    def close(self) -> None:
        """Stop receiving, and free the addresses."""
        self._is_bound = False
        for transport in self._transports.values():
            transport.close()

    def send(self, wire: bytes, flow: Flow) -> bool:
        """Give bytes to the network, without waiting; False when they cannot go there at all."""
        transport = self._transports.get(flow.transport)
        return transport is not None and transport.send(wire, flow.host, flow.port)

    def reaches(self, flow: Flow) -> bool:
        """Whether a message can go there now without anything being set up first."""
        transport = self._transports.get(flow.transport)
        return transport is not None and transport.reaches(flow.host, flow.port)

    def way(self, flow: Flow, uri: str | Uri) -> Flow:
        """`flow`, or if it was a connection that is gone the way to `uri`, which says where to connect."""
        if flow.transport not in self._transports or self.reaches(flow):
            return flow
        return flow_to(Uri.parse(uri) if isinstance(uri, str) else uri, otherwise=flow)

    def way_for(self, request: Request, flow: Flow) -> Flow:
        """`flow`, or TCP to the same address for a request too large for a datagram (RFC 3261 18.1.1)."""
        may_move = flow.transport == "udp" and self._tcp is not None
        if may_move and len(request.serialise()) > _LARGEST_DATAGRAM:
            return Flow("tcp", flow.host, flow.port)
        return flow
