"""What a transport is to the endpoint: it gives bytes to the network and hands in those that came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from callengine.sip.flow import Flow

OnMessage = Callable[[bytes, Flow], None]
"""Takes one message's bytes and where they came from. It must neither wait nor raise."""


class Transport(Protocol):
    """One local address over one kind of transport."""

    name: str
    """As in `Flow.transport`."""

    send_failures: int
    """Messages that the network did not take."""

    @property
    def local_address(self) -> tuple[str, int]:
        """The host and port that it is bound to."""

    def start(self) -> None:
        """Bind, and begin to hand in what comes. Raises OSError."""

    def send(self, wire: bytes, host: str, port: int) -> bool:
        """Give one message to the network, without waiting; False when it cannot go there at all."""

    def close(self) -> None:
        """Stop receiving and free the address."""
