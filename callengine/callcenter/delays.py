"""Delays: ends each agent's time of being left alone after a missed offer when it is over."""

from __future__ import annotations

from functools import partial

from callengine.callcenter.roster import Roster
from callengine.clock import Clock
from callengine.sip.timer_driver import TimerDriver

_LATE = 0.01
"""Seconds after its time at which a delay is ended, so that the claim finds it surely over."""


class Delays:
    """Watches the time for the roster; nothing is stored, since the stored time says when a delay is over."""

    def __init__(self, *, roster: Roster, timers: TimerDriver, clock: Clock) -> None:
        """Those that the roster has already are watched from now on."""
        self._roster = roster
        self._timers = timers
        self._clock = clock
        roster.on_delayed = self.end_at
        for agent in roster:
            if agent.delayed_until is not None:
                self.end_at(agent.id, agent.delayed_until)

    def end_at(self, agent_id: int, until: float) -> None:
        """Have the agent's delay ended at `until`, in seconds since the epoch."""
        due = self._clock.monotonic() + until - self._clock.now() + _LATE
        self._timers.queue.schedule(due, partial(self._roster.delay_over, agent_id, until))
