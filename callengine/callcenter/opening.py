"""Opening: tells when queues open and close by their hours. Who waits when one closes is still served."""

from __future__ import annotations

from functools import partial

from loguru import logger

from callengine import greenlets
from callengine.callcenter.hours import LOOK_AHEAD_DAYS, Calendars
from callengine.callcenter.queues import Queue, Queues
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError
from callengine.events.types import EventType
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.timer_queue import ScheduledAction

_LONGEST_SECONDS = (LOOK_AHEAD_DAYS - 1) * 86400.0


class Opening:
    """Watches the hours of all queues; at a start and a reload it tells how they stand."""

    def __init__(
        self,
        *,
        queues: Queues,
        calendars: Calendars,
        committer: Committer,
        timers: TimerDriver,
        clock: Clock,
    ) -> None:
        self._queues = queues
        self._calendars = calendars
        self._committer = committer
        self._timers = timers
        self._clock = clock
        self._told: dict[int, bool] = {}
        self._next: ScheduledAction | None = None

    def is_open(self, name: str) -> bool:
        """Whether the table of hours of this name is open now; one that is gone always is."""
        hours = self._calendars.get(name)
        return hours is None or hours.is_open(self._clock.now())

    def look(self) -> None:
        """Tell of each queue that opened or closed since the last look, and look again when one will."""
        now = self._clock.now()
        changed = [
            (queue, self.is_open(queue.rules.hours)) for queue in self._queues if self._has_changed(queue)
        ]
        if changed:
            try:
                self._committer.commit(partial(_store, changed))
                self._told.update((queue.id, is_open) for queue, is_open in changed)
            except DatabaseError as error:
                logger.error("it could not be stored that queues opened or closed: {}", error)
        self._look_again(now)

    def _has_changed(self, queue: Queue) -> bool:
        """One that names no hours is told of only if it was closed by them before."""
        known = self._told.get(queue.id, None if queue.rules.hours else True)
        return known is not self.is_open(queue.rules.hours)

    def _look_again(self, now: float) -> None:
        if self._next is not None:
            self._timers.queue.cancel(self._next)
        tables = {queue.rules.hours for queue in self._queues if queue.rules.hours}
        found = [hours.next_change(now) for name in tables if (hours := self._calendars.get(name))]
        at = min([each for each in found if each is not None], default=now + _LONGEST_SECONDS)
        due = self._clock.monotonic() + min(at - now, _LONGEST_SECONDS)
        self._next = self._timers.queue.schedule(due, partial(greenlets.spawn, "opening", self.look))


def _store(changed: list[tuple[Queue, bool]], tx: Transaction) -> None:
    for queue, is_open in changed:
        kind = EventType.QUEUE_OPENED if is_open else EventType.QUEUE_CLOSED
        tx.add_event(kind, queue=queue.name, hours=queue.rules.hours, depth=len(queue.line))
