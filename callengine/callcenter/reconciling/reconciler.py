"""The reconciler: looks twice in a lease, and repairs what has disagreed for that long.

A change under way disagrees for a moment, since rows change first and memory after; what is seen in every
look for a whole lease is wrong. A healthy service repairs nothing. The machine's clock is watched too: what
is to end at a stored time keeps its length if the clock is set.
"""

from __future__ import annotations

from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.callcenter.reconciling.clock_watch import ClockWatch
from callengine.callcenter.reconciling.looking import Looking
from callengine.callcenter.reconciling.picture import Disagreement
from callengine.callcenter.reconciling.repairs import Repairs
from callengine.callcenter.reconciling.rules import disagreements
from callengine.callcenter.reconciling.shifting import Shifting
from callengine.callcenter.reconciling.suspicions import Suspicions
from callengine.clock import Clock
from callengine.errors import CallCenterError, DatabaseError

_CLOCK_SECONDS = 0.5
"""How soon a clock that was set is noticed: until then registrations may look as if they had lapsed."""


class Reconciler:
    """Compares and repairs, every half `lease_seconds`."""

    def __init__(
        self,
        *,
        looking: Looking,
        repairs: Repairs,
        shifting: Shifting,
        clock: Clock,
        lease_seconds: float = 10.0,
    ) -> None:
        self._looking = looking
        self._repairs = repairs
        self._shifting = shifting
        self._clock = clock
        self._clock_watch = ClockWatch(clock)
        self._pause_seconds = lease_seconds / 2
        self._suspicions = Suspicions(lease_seconds)
        self._stopping = Event()
        self._group = Group()

    def set_clock(self) -> None:
        """To be called before anything goes on: was the clock set back since the last run?"""
        self._shifting.after_absence()

    def start(self) -> None:
        """Begin to look."""
        greenlets.spawn("reconcile", self._run, owner=self._group)

    def stop(self) -> None:
        """Look no more; what is being repaired is finished."""
        self._stopping.set()
        self._group.join()

    def look(self) -> list[Disagreement]:
        """Compare once, and repair what is due; returns what was repaired. Raises `DatabaseError`."""
        self.watch_clock()
        found = disagreements(self._looking.picture())
        due = self._suspicions.note(found, self._clock.monotonic())
        return [each for each in due if self._repair(each)]

    def watch_clock(self) -> None:
        """If the clock was set, move all stored times as far. Raises `DatabaseError`."""
        seconds = self._clock_watch.jump()
        if seconds:
            self._shifting.shift(seconds)

    def _repair(self, found: Disagreement) -> bool:
        try:
            return self._repairs.repair(found)
        except CallCenterError as error:
            logger.error("{} ({}) could not be repaired: {}", found.reason, found.key, error)
            return False

    def _run(self) -> None:
        looked_at = self._clock.monotonic()
        tick = min(_CLOCK_SECONDS, self._pause_seconds)
        while not greenlets.wait_for_any(self._stopping, timeout=tick):
            try:
                self.watch_clock()
                if self._clock.monotonic() - looked_at >= self._pause_seconds:
                    looked_at = self._clock.monotonic()
                    self.look()
            except DatabaseError as error:
                logger.error("database, dialogs and media could not be compared: {}", error)
