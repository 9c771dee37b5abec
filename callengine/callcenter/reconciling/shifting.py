"""Shifting: when the clock is set, the times of all that is alive are moved as far, in rows and in memory.

The time that the clock showed before was wrong, so the moved times are the true ones; durations, deadlines
and the order of those who wait stay what they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from loguru import logger

from callengine.callcenter.calls import Call, Calls
from callengine.callcenter.presence import Presence
from callengine.callcenter.repair_reasons import Reason
from callengine.callcenter.roster import Roster
from callengine.db.committer import Committer
from callengine.db.repositories import shifting


class Shifting:
    """Moves the times of one node."""

    def __init__(
        self, *, node: str, committer: Committer, live: Calls, roster: Roster, presence: Presence
    ) -> None:
        self._node = node
        self._committer = committer
        self._live = live
        self._roster = roster
        self._presence = presence

    def shift(self, seconds: float) -> None:
        """The clock was set by so many seconds. Raises `DatabaseError`, and nothing is moved."""
        self._committer.commit(
            partial(shifting.shift, node=self._node, seconds=seconds, reason=Reason.CLOCK_JUMPED)
        )
        _shift_calls(self._live, seconds)
        self._roster.shift(seconds)
        self._presence.load([agent.name for agent in self._roster])
        logger.warning("the machine's clock was set by {:+.1f} s; everything keeps its length", seconds)


def _shift_calls(live: Iterable[Call], seconds: float) -> None:
    for call in live:
        call.arrived_at += seconds
        if call.connected_at is not None:
            call.connected_at += seconds
        call.entry.first_arrived_at += seconds
        call.entry.joined_at += seconds
        call.entry.gives_up_at += seconds
        if call.offer is not None:
            call.offer.offered_at += seconds
            call.offer.deadline_at += seconds
