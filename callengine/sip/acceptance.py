"""A 2xx to an INVITE, repeated until its ACK comes (RFC 3261 13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.timer_queue import ScheduledAction, TimerQueue
from callengine.sip.timers import Timers


class Acceptance:
    """Sends the 2xx again after T1, 2*T1, ... at most T2, over any transport, for 64*T1. `cseq` is the
    INVITE's number.

    The transaction has sent it once already. Without an ACK until then `on_unacknowledged` is called, once.
    """

    def __init__(
        self,
        transaction: ServerTransaction,
        *,
        cseq: int,
        timers: Timers,
        queue: TimerQueue,
        now: Callable[[], float],
        on_unacknowledged: Callable[[], None],
    ) -> None:
        self.cseq = cseq
        self._transaction = transaction
        self._longest = timers.t2
        self._queue = queue
        self._now = now
        self._on_unacknowledged = on_unacknowledged
        self._interval = timers.t1
        self._deadline = now() + timers.transaction_timeout
        self._next: ScheduledAction | None = None
        self._wait()

    def stop(self) -> None:
        """The ACK has come, or nobody waits for it any more."""
        if self._next is not None:
            self._queue.cancel(self._next)
            self._next = None

    def _wait(self) -> None:
        self._next = self._queue.schedule(min(self._now() + self._interval, self._deadline), self._act)

    def _act(self) -> None:
        self._next = None
        if self._now() >= self._deadline:
            self._on_unacknowledged()
            return
        self._interval = min(2 * self._interval, self._longest)
        self._transaction.repeat_acceptance()
        self._wait()
