"""How long the transactions wait: the timers of RFC 3261 table 4 and RFC 6026, in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Timers:
    """A timer's duration follows from T1, T2 and T4 (RFC 3261 17.1.1.1); a property bears its letter.

    Over a reliable transport nothing is repeated, so the waits for stray repetitions (D, I, J, K) are zero.
    A, E and G are the first interval; who repeats doubles it.
    """

    t1: float = 0.5
    """The estimate of a round trip."""

    t2: float = 4.0
    """The longest interval between repetitions of a non-INVITE request and of an INVITE's answer."""

    t4: float = 5.0
    """How long a message can stay in the network."""

    trying_after: float = 0.2
    """An INVITE that has no answer after this gets 100 Trying (RFC 3261 17.2.1)."""

    progress: float = 60.0
    """An INVITE that is answered provisionally hears that again after this (RFC 3261 13.3.1.1)."""

    reliable: bool = False
    """Whether these are the durations for a reliable transport."""

    def over_reliable(self) -> Timers:
        """The same timers for a reliable transport."""
        return replace(self, reliable=True)

    @property
    def transaction_timeout(self) -> float:
        """64*T1: when a transaction that nobody answers is given up."""
        return 64 * self.t1

    @property
    def a(self) -> float:
        """The INVITE is sent again."""
        return self.t1

    @property
    def b(self) -> float:
        """The INVITE is given up."""
        return self.transaction_timeout

    @property
    def d(self) -> float:
        """Repeated refusals of our INVITE are still ACKed."""
        return 0.0 if self.reliable else max(32.0, self.transaction_timeout)

    @property
    def e(self) -> float:
        """Another request is sent again."""
        return self.t1

    @property
    def f(self) -> float:
        """Another request is given up."""
        return self.transaction_timeout

    @property
    def g(self) -> float:
        """The refusal of an INVITE is sent again."""
        return self.t1

    @property
    def h(self) -> float:
        """The ACK is no longer expected."""
        return self.transaction_timeout

    @property
    def i(self) -> float:
        """Repeated ACKs are still absorbed."""
        return 0.0 if self.reliable else self.t4

    @property
    def j(self) -> float:
        """Repeated requests are still answered."""
        return 0.0 if self.reliable else self.transaction_timeout

    @property
    def k(self) -> float:
        """Repeated answers are still absorbed."""
        return 0.0 if self.reliable else self.t4

    @property
    def l(self) -> float:  # noqa: E743 - the timer's own letter (RFC 6026 7.1)
        """Repeated INVITEs are still absorbed after a 2xx (RFC 6026), over any transport."""
        return self.transaction_timeout

    @property
    def m(self) -> float:
        """Repeated 2xx, and those of other forks, still reach the session (RFC 6026), over any transport."""
        return self.transaction_timeout
