"""The roster takes over what events say, and knows who is free."""

from __future__ import annotations

from typing import Any

import pytest

from callengine.callcenter.roster import Agent, Roster
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState

QUEUE = 7


def agent(name: str = "alice", *, capacity: int = 1) -> Agent:
    return Agent(1, name, capacity, (QUEUE,), AgentState.AVAILABLE, 0, 100.0)


def changed(**payload: Any) -> Event:
    """`agent_state_changed` of alice."""
    standing = {
        "new": "available",
        "load": 0,
        "available_since": 100.0,
        "signed_on": True,
        "pause_next_reason": None,
        "wrap_up_until": None,
        "delayed_until": None,
    }
    return Event(1, 200.0, EventType.AGENT_STATE_CHANGED, None, None, "alice", standing | payload)


def free(roster: Roster) -> list[int]:
    return [candidate.agent_id for candidate in roster.candidates(QUEUE)]


@pytest.mark.parametrize(
    ("payload", "is_free"),
    [
        ({}, True),
        ({"new": "busy", "load": 1}, True),
        ({"new": "busy", "load": 2}, False),
        ({"new": "busy", "load": 1, "signed_on": False}, False),
        ({"new": "busy", "load": 1, "pause_next_reason": "lunch"}, False),
        ({"new": "busy", "load": 1, "wrap_up_until": 230.0}, False),
        ({"delayed_until": 230.0}, False),
        ({"new": "paused"}, False),
        ({"new": "wrap_up"}, False),
        ({"new": "offline"}, False),
    ],
)
def test_who_is_free(payload: dict[str, Any], is_free: bool) -> None:
    roster = Roster([agent(capacity=2)])
    roster.apply(changed(**payload))
    assert bool(free(roster)) is is_free


def test_another_capacity_holds_at_once() -> None:
    roster = Roster([agent()])
    roster.apply(changed(new="busy", load=1))
    assert free(roster) == []
    told: list[int] = []
    roster.on_free = told.append
    roster.apply(Event(2, 200.0, EventType.AGENT_CHANGED, None, None, "alice", {"max_concurrent_calls": 2}))
    assert (free(roster), told) == ([1], [QUEUE])
    roster.apply(Event(3, 200.0, EventType.AGENT_CHANGED, None, None, "alice", {"max_concurrent_calls": 1}))
    assert free(roster) == []


def test_a_delay_is_over_when_its_own_time_is() -> None:
    roster = Roster([agent()])
    watched: list[tuple[int, float]] = []
    roster.on_delayed = lambda agent_id, until: watched.append((agent_id, until))
    roster.apply(changed(delayed_until=230.0))
    roster.apply(changed(delayed_until=230.0))
    roster.apply(changed(delayed_until=260.0))
    assert watched == [(1, 230.0), (1, 260.0)]
    roster.delay_over(1, 230.0)
    assert free(roster) == []
    roster.delay_over(1, 260.0)
    roster.delay_over(2, 260.0)
    assert free(roster) == [1]


def test_a_delay_keeps_its_length_when_the_clock_is_set() -> None:
    roster = Roster([agent()])
    watched: list[float] = []
    roster.on_delayed = lambda _agent_id, until: watched.append(until)
    roster.apply(changed(delayed_until=230.0))
    roster.shift(-50.0)
    assert watched == [230.0, 180.0]
    roster.delay_over(1, 180.0)
    assert free(roster) == [1]
