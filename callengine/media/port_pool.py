"""Which RTP port to use next: even ports of a range, the one that has been free longest first.

A port that was given back rests before it is used again, so that the last packets of one call are not heard
in the next. RTP takes even ports (RFC 3550 section 11). Who must have a certain port, because a phone knows
it already, gets that one, rested or not.
"""

from __future__ import annotations

from collections import OrderedDict

from callengine.errors import MediaError, NoPorts

QUARANTINE_SECONDS = 10.0


class PortPool:
    """The even ports from `first` to `last`; times are monotonic seconds.

    Raises MediaError if the range holds no even port or is no range of ports.
    """

    def __init__(self, first: int, last: int, *, quarantine_seconds: float = QUARANTINE_SECONDS) -> None:
        ports = range(first + first % 2, last + 1, 2)
        if first < 1 or last > 65535 or not ports:
            raise MediaError(f"no even port lies between {first} and {last}")
        self._ports = ports
        self._quarantine_seconds = quarantine_seconds
        self._rested: OrderedDict[int, None] = OrderedDict.fromkeys(ports)
        self._resting: OrderedDict[int, float] = OrderedDict()
        self._in_use: set[int] = set()

    def take(self, now: float) -> int:
        """Take the port that has been free longest; raises NoPorts if none has rested long enough."""
        self._end_rests(now)
        if not self._rested:
            raise NoPorts(f"all {len(self._ports)} media ports are in use or rest after use")
        port, _ = self._rested.popitem(last=False)
        self._in_use.add(port)
        return port

    def claim(self, port: int) -> None:
        """Take this port, which may be any port number; raises NoPorts if it is in use."""
        if port in self._in_use:
            raise NoPorts(f"the media port {port} is in use")
        self._rested.pop(port, None)
        self._resting.pop(port, None)
        self._in_use.add(port)

    def release(self, port: int, now: float) -> None:
        """Give a port back, or put one aside that another program turned out to hold; it rests first."""
        self._in_use.remove(port)
        if port in self._ports:
            self._resting[port] = now + self._quarantine_seconds

    def _end_rests(self, now: float) -> None:
        while self._resting:
            port, until = next(iter(self._resting.items()))
            if until > now:
                return
            del self._resting[port]
            self._rested[port] = None

    @property
    def in_use(self) -> int:
        """How many ports are taken; resting ones do not count."""
        return len(self._in_use)
