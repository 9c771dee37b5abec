"""A provisional answer to an INVITE, repeated so that no proxy gives up meanwhile (RFC 3261 13.3.1.1)."""

from __future__ import annotations

from collections.abc import Callable

from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.timer_queue import ScheduledAction, TimerQueue


class Progress:
    """Sends the latest provisional answer of `transaction` again every `interval` seconds, until `stop`."""

    def __init__(
        self,
        transaction: ServerTransaction,
        *,
        interval: float,
        queue: TimerQueue,
        now: Callable[[], float],
    ) -> None:
        self._transaction = transaction
        self._interval = interval
        self._queue = queue
        self._now = now
        self._next: ScheduledAction | None = None
        self._wait()

    def stop(self) -> None:
        """The INVITE is answered, or nobody waits for that any more."""
        if self._next is not None:
            self._queue.cancel(self._next)
            self._next = None

    def _wait(self) -> None:
        self._next = self._queue.schedule(self._now() + self._interval, self._act)

    def _act(self) -> None:
        self._transaction.repeat_progress()
        self._wait()
