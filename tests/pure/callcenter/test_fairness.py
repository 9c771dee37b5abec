"""Round robin gives everybody the same, exactly, over 10,000 calls: dispatch and roster, no time passes."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from callengine.callcenter.calls import Entry
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Roster
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState
from tests.fakes import rows
from tests.fakes.clock import FakeClock

CALLS = 10_000
A_WHILE = 37
"""Calls between two moments at which somebody comes or goes."""


class Shift:
    """Agents at work on one queue, and how many calls each has had."""

    def __init__(self, count: int) -> None:
        self.clock = FakeClock()
        self.queue = Queue(1, "support", rows.rules(strategy="round_robin"))
        names = {number: f"agent{number}" for number in range(1, count + 1)}
        self.roster = Roster(
            Agent(number, name, 1, (1,), AgentState.AVAILABLE, 0, 0.0) for number, name in names.items()
        )
        self.dispatch = Dispatch(Queues([self.queue]), self.roster, clock=self.clock)
        self.there = set(names.values())
        self.calls: Counter[str] = Counter()

    def one_call(self, number: int) -> None:
        """A caller comes, is served and goes, before the next one comes."""
        now = self.clock.now()
        (agent,) = self.dispatch.choose_at_once(Entry(f"{number}", 1, 0, now, now, now + 300))
        self.calls[agent.name] += 1
        self.queue.last_agent_id = agent.id
        self.become(agent.name, AgentState.BUSY)
        self.dispatch.decided(agent)
        self.clock.advance(1.0)
        self.become(agent.name, AgentState.AVAILABLE)

    def become(self, name: str, state: AgentState) -> None:
        """What a committed event says of an agent."""
        load = int(state is AgentState.BUSY)
        payload = {**_STANDING, "new": state, "load": load, "available_since": self.clock.now()}
        event = Event(1, self.clock.now(), EventType.AGENT_STATE_CHANGED, None, None, name, payload)
        self.roster.apply(event)

    def spread(self) -> int:
        """By how much the calls of those who are there differ at most."""
        counts = [self.calls[name] for name in self.there]
        return max(counts) - min(counts)


_STANDING = {
    "signed_on": True,
    "pause_next_reason": None,
    "wrap_up_until": None,
    "delayed_until": None,
    "delayed_after": None,
    "calls_handled": 0,
    "talk_seconds": 0.0,
    "counted_on": None,
}


@pytest.mark.parametrize("agents", [2, 3, 7])
def test_counts_never_differ_by_more_than_one(agents: int) -> None:
    shift = Shift(agents)
    for number in range(CALLS):
        shift.one_call(number)
        assert shift.spread() <= 1
    assert sum(shift.calls.values()) == CALLS


@pytest.mark.parametrize("agents", [3, 7])
def test_while_the_same_agents_are_there_it_holds_from_when_they_were(agents: int) -> None:
    shift, random = Shift(agents), Random(agents)
    everybody = sorted(shift.there)
    for number in range(CALLS):
        if number % A_WHILE == 0:
            name = random.choice(everybody)
            if name not in shift.there:
                shift.there.add(name)
                shift.become(name, AgentState.AVAILABLE)
            elif len(shift.there) > 1:
                shift.there.discard(name)
                shift.become(name, AgentState.OFFLINE)
            shift.calls.clear()
        shift.one_call(number)
        assert shift.spread() <= 1
        assert shift.calls.keys() <= shift.there
