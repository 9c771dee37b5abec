"""The only reader of time: the wall clock for records, the monotonic clock for waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """What gives the time; tests hand in one that stands still until it is told to go on."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for what is stored or shown."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for deadlines and durations."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
