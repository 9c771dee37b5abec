"""The ways that callers can go now: what admission wants to know of the queues, looked up in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection

from callengine.callcenter.admission import Station, Way, Why, find_way
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Roster
from callengine.vocabulary import AgentState, EmptyWhen

_NOT_WORKING = (AgentState.OFFLINE, AgentState.PAUSED)


class Ways:
    """`max_queue_depth` bounds the callers who wait, over all queues: above it each counts as full.

    `is_open` tells of the hours that a queue names whether they are open now. Whether a queue is full the
    commit alone decides; those that it found so are given in `full`.
    """

    def __init__(
        self,
        queues: Queues,
        roster: Roster,
        *,
        is_open: Callable[[str], bool],
        with_overflow: bool = True,
        max_queue_depth: int = 500,
    ) -> None:
        self._queues = queues
        self._roster = roster
        self._is_open = is_open
        self._with_overflow = with_overflow
        self._max_queue_depth = max_queue_depth

    def of_newcomer(self, queue: Queue, full: Collection[str] = ()) -> Way:
        """The way of a caller who is not here yet and comes to this queue."""
        waiting = sum(len(each.line) for each in self._queues)
        all_full = waiting >= self._max_queue_depth
        return self._find(queue, lambda name: all_full or name in full)

    def of_waiting(self, queue: Queue, leaving: Why, full: Collection[str] = ()) -> Way:
        """The way of a caller who waits in this queue and is to leave it."""
        return self._find(queue, lambda name: name in full, leaving)

    def is_empty(self, queue: Queue) -> bool:
        """Whether the queue is empty of agents, as its `empty_when` has it."""
        idle = _NOT_WORKING if queue.rules.empty_when == EmptyWhen.NOT_WORKING else (AgentState.OFFLINE,)
        return not any(queue.id in agent.queue_ids and agent.state not in idle for agent in self._roster)

    def _find(self, queue: Queue, is_full: Callable[[str], bool], leaving: Why | None = None) -> Way:
        def look(name: str) -> Station | None:
            found = self._queues.named(name)
            return None if found is None else self._station(found, is_full(name))

        return find_way(queue.name, look, with_overflow=self._with_overflow, leaving=leaving)

    def _station(self, queue: Queue, is_full: bool) -> Station:
        rules = queue.rules
        hindrance = None
        if queue.is_removed or (rules.hours and not self._is_open(rules.hours)):
            hindrance = Why.CLOSED
        elif not rules.join_when_empty and self.is_empty(queue):
            hindrance = Why.NO_AGENTS
        elif is_full:
            hindrance = Why.FULL
        return Station(queue.name, hindrance, rules.overflow_queue, rules.final_destination, rules.full_code)
