"""Shifting: when the clock is set, the times of all that is alive are moved as far, in rows and in memory.

The time that the clock showed before was wrong, so the moved times are the true ones; durations, deadlines
and the order of those who wait stay what they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from loguru import logger
from sqlalchemy import Engine

from callengine.callcenter.calls import Call, Calls
from callengine.callcenter.presence import Presence
from callengine.callcenter.reconciling.clock_watch import LEAST_SECONDS
from callengine.callcenter.repair_reasons import Reason
from callengine.callcenter.roster import Roster
from callengine.callcenter.wrap_up import WrapUp
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import nodes, shifting


class Shifting:
    """Moves the times of one node."""

    def __init__(
        self,
        *,
        node: str,
        engine: Engine,
        committer: Committer,
        live: Calls,
        roster: Roster,
        presence: Presence,
        wrap_up: WrapUp,
        clock: Clock,
    ) -> None:
        self._node = node
        self._engine = engine
        self._committer = committer
        self._live = live
        self._roster = roster
        self._presence = presence
        self._wrap_up = wrap_up
        self._clock = clock

    def after_absence(self) -> None:
        """Events of the future: the clock was set back while nobody looked. It is as if no time had passed.

        That it was set forward then cannot be told from a longer absence.
        """
        with reading(self._engine) as connection:
            last = nodes.last_event_at(connection)
        if last is not None and last - self._clock.now() >= LEAST_SECONDS:
            self.shift(self._clock.now() - last)

    def shift(self, seconds: float) -> None:
        """The clock was set by so many seconds. Raises `DatabaseError`, and nothing is moved."""
        self._committer.commit(
            partial(shifting.shift, node=self._node, seconds=seconds, reason=Reason.CLOCK_JUMPED)
        )
        _shift_calls(self._live, seconds)
        self._roster.shift(seconds)
        self._presence.load([agent.name for agent in self._roster])
        self._wrap_up.take_up(self._engine)
        logger.warning("the machine's clock was set by {:+.1f} s; everything keeps its length", seconds)


def _shift_calls(live: Iterable[Call], seconds: float) -> None:
    for call in live:
        call.arrived_at += seconds
        if call.connected_at is not None:
            call.connected_at += seconds
        if call.place is not None:
            call.place.first_arrived_at += seconds
            call.place.joined_at += seconds
            call.place.gives_up_at += seconds
            call.place.preferred_until += seconds
        for offer in call.offers:
            offer.offered_at += seconds
            offer.deadline_at += seconds
