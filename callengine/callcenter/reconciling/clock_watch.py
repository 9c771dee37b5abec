"""The clock watch: notices that the machine's clock was set, by the clock that nobody can set."""

from __future__ import annotations

from callengine.clock import Clock

LEAST_SECONDS = 1.0
"""A smaller jump within one look is the clock being disciplined, and changes nothing that anybody notices."""


class ClockWatch:
    """Compares what both clocks say has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = self._difference()

    def jump(self) -> float:
        """By how many seconds the clock was set since the last time this was asked; 0.0 if it was not."""
        before, self._ahead = self._ahead, self._difference()
        seconds = self._ahead - before
        return seconds if abs(seconds) >= LEAST_SECONDS else 0.0

    def _difference(self) -> float:
        return self._clock.now() - self._clock.monotonic()
