"""The roster takes over what events say, and knows who is free."""

from __future__ import annotations

from typing import Any

import pytest

from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.routing.base import Candidate
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
    return [candidate.agent_id for candidate in roster.free.of(QUEUE, 1)]


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


def described(**payload: Any) -> Event:
    """`agent_changed` of alice."""
    return Event(2, 200.0, EventType.AGENT_CHANGED, None, None, "alice", payload)


def candidate(roster: Roster, queue_id: int = QUEUE, tier: int = 1) -> Candidate:
    (found,) = roster.free.of(queue_id, tier)
    return found


def test_another_place_holds_at_once() -> None:
    roster, told = Roster([agent()]), list[int]()
    roster.on_free = told.append
    roster.apply(described(member=True, queue_id=8, tier=2, position=5))
    assert {7, 8} <= set(told)
    assert (candidate(roster).position, candidate(roster, 8, tier=2).position) == (0, 5)
    roster.apply(described(member=True, queue_id=QUEUE, tier=3, position=1))
    assert (roster.free.tiers(QUEUE), candidate(roster, tier=3).position) == ([3], 1)
    roster.apply(described(member=False, queue_id=8))
    assert not roster.free.any_of(8)
    assert roster.find("alice").queue_ids == (QUEUE,)


def test_what_it_has_learned_holds_at_once() -> None:
    roster = Roster([agent()])
    roster.apply(described(skill="french", level=3))
    roster.apply(described(skill="gold", level=1))
    assert candidate(roster).levels == {"french": 3, "gold": 1}
    roster.apply(described(skill="french", level=9))
    roster.apply(described(skill="gold", level=0))
    assert candidate(roster).levels == {"french": 9}


def test_who_is_busy_is_changed_too() -> None:
    roster = Roster([agent()])
    roster.apply(changed(new="busy", load=1))
    roster.apply(described(member=True, queue_id=8, tier=2, position=0))
    roster.apply(described(skill="french", level=3))
    assert not roster.free.any_of(8)
    roster.apply(changed())
    assert candidate(roster, 8, tier=2).levels == {"french": 3}


def test_counts_are_taken_over() -> None:
    roster = Roster([agent()])
    roster.apply(changed(calls_handled=4, talk_seconds=31.5, counted_on="2026-11-28"))
    found = candidate(roster)
    assert (found.calls_on("2026-11-28"), found.talked_on("2026-11-28")) == (4, 31.5)
    assert (found.calls_on("2026-11-29"), found.talked_on("2026-11-29")) == (0, 0.0)


@pytest.mark.parametrize("state", ["offline", "paused"])
def test_who_goes_away_is_not_waited_for(state: str) -> None:
    roster, told = Roster([agent()]), list[int]()
    roster.apply(changed(new="busy", load=1))
    roster.on_free = told.append
    roster.apply(changed(new=state))
    assert told == [QUEUE]
    assert not roster.find("alice").is_here


def test_who_is_busy_and_forgets_a_skill_is_not_waited_for() -> None:
    roster, told = Roster([agent()]), list[int]()
    roster.apply(changed(new="busy", load=1))
    roster.on_free = told.append
    roster.apply(described(skill="french", level=0))
    assert told == [QUEUE]


def test_who_is_removed_is_gone() -> None:
    roster, told = Roster([agent()]), list[int]()
    roster.on_free = told.append
    roster.apply(Event(3, 200.0, EventType.AGENT_REMOVED, None, None, "alice", {}))
    assert (roster.get(1), roster.free.any_of(QUEUE), told) == (None, False, [QUEUE])
