"""Where a phone really is: learned from its packets, and safe against anybody else's.

A phone behind NAT writes an address in its session description that nobody can reach; its packets show the
right one, and it wants its audio there (symmetric RTP, RFC 4961). So the first source that is heard is taken.
It is given up only for one that deserves more trust (the very address of the session description, or its
host), after `RELATCH_SECONDS` of silence, or when the session description is told anew.
"""

from __future__ import annotations

SourceAddress = tuple[str, int]

RELATCH_SECONDS = 1.0
NOWHERE: SourceAddress = ("", 0)
"""The target before anything is known; the network refuses it."""


class Latch:
    """One phone's address: `source` is where its packets must come from, `target` where ours go."""

    __slots__ = ("_told", "source", "target")

    def __init__(self) -> None:
        self.source: SourceAddress | None = None
        self.target = NOWHERE
        self._told: SourceAddress | None = None

    def tell(self, address: SourceAddress) -> None:
        """The session description says `address`: send there until a packet comes.

        If it said so before, what was learned is kept as the target until the next packet.
        """
        if address != self._told:
            self.target = self._told = address
        self.source = None

    def admit(self, source: SourceAddress, silent_seconds: float) -> bool:
        """Whether a packet from `source` is the phone's; `silent_seconds` is the time since its last one."""
        if source == self.source:
            return True
        held = self.source is not None and silent_seconds <= RELATCH_SECONDS
        if held and self._trust(source) <= self._trust(self.source):
            return False
        self.source = self.target = source
        return True

    def _trust(self, source: SourceAddress | None) -> int:
        if source is None or self._told is None:
            return 0
        return 2 if source == self._told else int(source[0] == self._told[0])
