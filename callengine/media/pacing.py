"""When the next 20 ms frame is due: a schedule by absolute deadlines, so that it never drifts.

The n-th frame is due at `start + n * period`, however late those before it were sent. Frames that are late by
a little are made up for at once, since a phone's jitter buffer still has a use for them; after a longer stop
the ones that nobody can hear any more are skipped, and the schedule goes on.
"""

from __future__ import annotations

import math

FRAME_SECONDS = 0.02
LATEST_FRAMES = 3
"""How many frames are sent in one go after a stop; 60 ms, about what a jitter buffer holds."""


class Schedule:
    """Frames due every `period` seconds from `start` (monotonic seconds) on."""

    def __init__(
        self, start: float, *, period: float = FRAME_SECONDS, latest_frames: int = LATEST_FRAMES
    ) -> None:
        self._start = start
        self._period = period
        self._latest_frames = latest_frames
        self._done = 0

    def due(self, now: float) -> tuple[int, int]:
        """How many frames to skip, then how many to send, at `now`; each frame is named once."""
        reached = math.floor((now - self._start) / self._period + 1e-9) + 1
        waiting = max(0, reached - self._done)
        self._done += waiting
        skipped = waiting - self._latest_frames if waiting > self._latest_frames else 0
        return skipped, waiting - skipped

    def wait(self, now: float) -> float:
        """Seconds from `now` to the next frame; 0 if it is due."""
        return max(0.0, self._start + self._done * self._period - now)
