"""Over which way a message came or goes: the transport and the remote end's address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """The remote end of a transport: where a message came from, or where one is to go."""

    transport: str
    """Lower case, as in a URI's `transport` parameter: "udp"."""

    host: str
    """A numeric address, IPv6 without brackets."""

    port: int

    @property
    def is_reliable(self) -> bool:
        """Whether the transport itself repeats what gets lost (RFC 3261 17)."""
        return self.transport != "udp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"
