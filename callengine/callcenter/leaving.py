"""Leaving: when a queue becomes empty of agents, those who wait in it go on, if it is set so."""

from __future__ import annotations

from callengine.callcenter.admission import Why
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.queues import Queues
from callengine.callcenter.roster import Roster
from callengine.callcenter.ways import Ways
from callengine.events.types import Event


class Leaving:
    """Told of each change of an agent after the roster has taken it over."""

    def __init__(self, *, queues: Queues, roster: Roster, ways: Ways, dispatch: Dispatch) -> None:
        self._queues = queues
        self._roster = roster
        self._ways = ways
        self._dispatch = dispatch

    def note(self, event: Event) -> None:
        """Take everybody out of the lines that have no agent left; never waits."""
        del event
        for queue in self._queues:
            if queue.rules.leave_when_empty and len(queue.line) and self._ways.is_empty(queue):
                for entry in queue.line:
                    self._dispatch.interrupt(entry, Why.NO_AGENTS)
