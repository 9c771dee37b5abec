"""When somebody is to be looked at again: at most one time for each, and the earliest is known."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)

SAME = 0.001
"""Times that differ by less, in seconds, are the same."""


class Deadlines(Generic[Who]):
    """Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._at: dict[Who, float] = {}
        self._heap: list[tuple[float, int, Who]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._at)

    def set(self, who: Who, at: float) -> None:
        """Look at `who` then, and no more when was said before."""
        if abs(self._at.get(who, at - 1.0) - at) < SAME:
            return
        self._at[who] = at
        heappush(self._heap, (at, next(self._numbers), who))
        if len(self._heap) > 64 + 2 * len(self._at):
            self._heap = [each for each in self._heap if self._at.get(each[2]) == each[0]]
            heapify(self._heap)

    def drop(self, who: Who) -> None:
        """Nobody is to look at `who`; harmless if that is so."""
        self._at.pop(who, None)

    def earliest(self) -> float | None:
        """The earliest time; None if there is none."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Who]:
        """Take out those whose time has come, the earliest first."""
        found = []
        while (at := self.earliest()) is not None and at <= now:
            who = heappop(self._heap)[2]
            del self._at[who]
            found.append(who)
        return found
