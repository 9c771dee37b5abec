"""Wrap-up: ends each agent's time after a call when it is over."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Engine

from callengine.callcenter import agents
from callengine.callcenter.roster import Roster
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories.agents import read_agents
from callengine.db.transaction import Transaction
from callengine.events.types import Event
from callengine.sip.timer_driver import TimerDriver
from callengine.vocabulary import AgentState

_TOLERANCE = 0.01
"""Seconds by which the two clocks may disagree about the end of a wrap-up."""


class WrapUp:
    """Told of every `agent_state_changed`; the end that it commits changes memory like any other."""

    def __init__(self, *, roster: Roster, committer: Committer, timers: TimerDriver, clock: Clock) -> None:
        self._roster = roster
        self._committer = committer
        self._timers = timers
        self._clock = clock

    def note(self, event: Event) -> None:
        """An agent's state has changed: if it is in wrap-up now, see to its end."""
        until = event.payload["wrap_up_until"]
        if event.payload["new"] == AgentState.WRAP_UP and isinstance(until, float) and event.agent:
            self.end_at(self._roster.find(event.agent).id, until)

    def take_up(self, engine: Engine) -> None:
        """See to the end of the wrap-ups that the database holds."""
        with reading(engine) as connection:
            for agent in read_agents(connection):
                if agent.wrap_up_until is not None:
                    self.end_at(agent.id, agent.wrap_up_until)

    def end_at(self, agent_id: int, until: float) -> None:
        """Have the agent's wrap-up ended at `until`, in seconds since the epoch."""
        due = self._clock.monotonic() + until - self._clock.now()
        self._timers.queue.schedule(due, partial(self._committer.submit, partial(_end, agent_id)))


def _end(agent_id: int, tx: Transaction) -> None:
    """Unless the agent has left wrap-up meanwhile, or is in a later one."""
    agents.end_wrap_up_if_due(tx, agent_id, by=tx.now + _TOLERANCE, cause="wrap_up_over")
