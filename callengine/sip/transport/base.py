"""What a transport is to the endpoint: it gives bytes to the network and hands in those that came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from callengine.errors import BadMessage
from callengine.sip.flow import Flow

OnMessage = Callable[[bytes, Flow], None]
"""Takes one message's bytes and where they came from. It must neither wait nor raise."""

OnBroken = Callable[[BadMessage, bytes, Flow], None]
"""Takes what cannot be cut out of a stream, with the bytes that came. It must neither wait nor raise."""

IsNeeded = Callable[[Flow], bool]
"""Whether a connection on which nothing comes is to be kept: there is a dialog whose way it is."""

OnLost = Callable[[Flow], None]
"""Told that a connection is gone, or could not be had. It must neither wait nor raise."""


class Transport(Protocol):
    """One local address over one kind of transport."""

    name: str
    """As in `Flow.transport`."""

    send_failures: int
    """Messages that the network did not take."""

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and port that it is bound to."""

    def bind(self, port: int = 0) -> None:
        """Have the address, so that what comes is kept until `start`. Raises OSError for a taken one."""

    def start(self, port: int = 0) -> None:
        """Bind, to `port` if any would do, and begin to hand in what comes. Raises OSError."""

    def send(self, wire: bytes, host: str, port: int) -> bool:
        """Give one message to the network, without waiting; False when it cannot go there at all."""

    def reaches(self, host: str, port: int) -> bool:
        """Whether a message could go there now without anything being set up first."""

    def deafen(self) -> None:
        """Receive nothing new; what is here can still be sent."""

    def close(self) -> None:
        """Stop receiving and free the address."""
