"""The greenlet that does what is due: it sleeps exactly until the next timer of its queue."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent.event import Event
from loguru import logger

from callengine import greenlets
from callengine.sip.timer_queue import TimerQueue


class TimerDriver:
    """Owns a queue, and wakes up early when something earlier is scheduled."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._earlier = Event()
        self._greenlet: gevent.Greenlet[..., object] | None = None
        self.queue = TimerQueue(on_earlier=self._earlier.set)

    def start(self) -> None:
        """Begin to do what is due."""
        self._greenlet = greenlets.spawn("timers", self._run)

    def stop(self) -> None:
        """Do nothing more; what is pending stays undone."""
        if self._greenlet is not None:
            self._greenlet.kill(block=True)
            self._greenlet = None

    def _run(self) -> None:
        while True:
            self._do_due()
            self._earlier.clear()
            due = self.queue.next_due()
            self._earlier.wait(None if due is None else max(0.0, due - self._now()))

    def _do_due(self) -> None:
        while True:
            try:
                self.queue.run_due(self._now())
                return
            except Exception:
                logger.exception("a timer's action failed")
