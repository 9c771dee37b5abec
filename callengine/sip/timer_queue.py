"""A queue of what is to be done at which time: a heap that is told the time and sleeps never."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

_FEW = 64
"""Cancelled entries that are not worth a clean-up."""


class ScheduledAction:
    """One entry of the queue: the handle by which it can be cancelled."""

    __slots__ = ("action", "at")

    def __init__(self, at: float, action: Callable[[], object]) -> None:
        self.at = at
        self.action: Callable[[], object] | None = action


class TimerQueue:
    """Actions by due time, those of the same time in the order in which they were scheduled.

    Times are seconds of whatever clock the owner reads. Cancelled entries are removed when they outnumber the
    others, so that the queue is never more than about twice as long as what is pending.
    `on_earlier` is called when a new entry comes before all others: a sleeper must get up earlier.
    """

    def __init__(self, *, on_earlier: Callable[[], None] | None = None) -> None:
        self._heap: list[tuple[float, int, ScheduledAction]] = []
        self._numbers = count()
        self._cancelled = 0
        self._on_earlier = on_earlier

    def __len__(self) -> int:
        """How many actions are pending."""
        return len(self._heap) - self._cancelled

    def schedule(self, at: float, action: Callable[[], object]) -> ScheduledAction:
        """Have `action` done at the time `at`; one that lies in the past is done at the next `run_due`."""
        entry = ScheduledAction(at, action)
        is_earlier = not self._heap or at < self._heap[0][0]
        heappush(self._heap, (at, next(self._numbers), entry))
        if is_earlier and self._on_earlier is not None:
            self._on_earlier()
        return entry

    def cancel(self, entry: ScheduledAction) -> None:
        """Forget an action; nothing happens if it is done or cancelled already."""
        if entry.action is None:
            return
        entry.action = None
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._heap) // 2:
            self._heap = [item for item in self._heap if item[2].action is not None]
            heapify(self._heap)
            self._cancelled = 0

    def next_due(self) -> float | None:
        """When the next action is due, or None when nothing is pending."""
        while self._heap and self._heap[0][2].action is None:
            heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Callable[[], object] | None:
        """Take out the first action that is due at `now`, or None."""
        due = self.next_due()
        if due is None or due > now:
            return None
        entry = heappop(self._heap)[2]
        action, entry.action = entry.action, None
        return action

    def run_due(self, now: float) -> int:
        """Do all that is due at `now`, also what these actions schedule for then; return how many.

        An exception leaves with the action that raised it already taken out, so that the caller can go on.
        """
        done = 0
        while (action := self.pop_due(now)) is not None:
            done += 1
            action()
        return done
