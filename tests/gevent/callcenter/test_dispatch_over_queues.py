"""Dispatch over several queues, and what wakes it: here no sweep ever comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import gevent
import pytest
from loguru import logger

from callengine.callcenter.calls import Entry
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Place, Roster
from callengine.callcenter.routing.base import Caller, Candidate, Strategy
from callengine.callcenter.routing.strategies import Strategies
from callengine.clock import SystemClock
from callengine.events.types import Event as Happening
from callengine.events.types import EventType
from callengine.vocabulary import AgentState
from tests.fakes import rows
from tests.gevent.callcenter.conftest import wait_until
from tests.gevent.callcenter.test_dispatch import FakeCaller

CLOCK = SystemClock()
NEVER = 1000.0
"""Seconds to the first sweep."""


def agent(number: int, name: str, *queue_ids: int, tier: int = 1, **values: Any) -> Agent:
    places = dict.fromkeys(queue_ids, Place(tier))
    return Agent(number, name, 1, queue_ids, AgentState.AVAILABLE, 0, float(number), places=places, **values)


class Floor:
    """Queues, agents and a dispatch at work; `served` collects who got whom."""

    def __init__(self, queues: Sequence[Queue], *agents: Agent, strategies: Strategies | None = None) -> None:
        self.queues = {queue.name: queue for queue in queues}
        self.roster = Roster(agents)
        self.dispatch = Dispatch(
            Queues(queues), self.roster, clock=CLOCK, strategies=strategies, sweep_seconds=NEVER
        )
        self.dispatch.start()
        self.served: list[tuple[str, tuple[str, ...]]] = []

    def arrive(self, name: str, queue: str = "sales", *, waited: float = 0.0, **values: Any) -> Entry:
        """A caller joins a line; nobody decides before the next `settle`."""
        joined = CLOCK.now() - waited
        entry = Entry(name, self.queues[queue].id, 0, joined, joined, CLOCK.now() + 300)
        for key, value in values.items():
            setattr(entry, key, value)
        self.wait(entry)
        return entry

    def wait(self, entry: Entry) -> None:
        """Let its caller stand in line."""

        def story() -> None:
            found = self.dispatch.wait_for_agents(entry, FakeCaller())  # type: ignore[arg-type]
            self.served.append((entry.id, tuple(each.name for each in found)))

        gevent.spawn(story)

    def change(self, name: str, state: AgentState) -> None:
        """What a committed event says of an agent."""
        payload = {
            "new": state,
            "load": int(state is AgentState.BUSY),
            "available_since": None,
            "signed_on": True,
            "pause_next_reason": None,
            "delayed_until": None,
            "wrap_up_until": None,
        }
        self.tell(EventType.AGENT_STATE_CHANGED, name, payload)

    def tell(self, kind: EventType, name: str, payload: dict[str, Any]) -> None:
        self.roster.apply(Happening(1, CLOCK.now(), kind, None, None, name, payload))

    def until_served(self, count: int = 1) -> list[tuple[str, tuple[str, ...]]]:
        wait_until(lambda: len(self.served) >= count, f"{count} callers served")
        return self.served


MakeFloor = Callable[..., Floor]


@pytest.fixture
def floor() -> Iterator[MakeFloor]:
    floors: list[Floor] = []

    def make(queues: Sequence[Queue], *agents: Agent, **options: Any) -> Floor:
        floors.append(Floor(queues, *agents, **options))
        return floors[-1]

    yield make
    for each in floors:
        each.dispatch.stop()
        assert each.dispatch.found_by_sweep == 0


def queue(number: int = 1, name: str = "sales", *, ageing: float = 0.0, **rules: Any) -> Queue:
    return Queue(number, name, rows.rules(**rules), ageing_points_per_minute=ageing)


def settle() -> None:
    gevent.sleep(0.05)


@pytest.mark.parametrize(
    ("sales", "support", "first"),
    [
        ({}, {}, "early"),
        ({}, {"weight": 2}, "late"),
        ({}, {"priority_base": 51}, "late"),
        ({"weight": 2}, {"priority_base": 99}, "early"),
        ({"priority_base": 52}, {"priority_base": 51}, "early"),
    ],
)
def test_who_becomes_free_gets_the_first_of_all_its_queues(
    floor: MakeFloor, sales: dict[str, Any], support: dict[str, Any], first: str
) -> None:
    here = floor([queue(1, "sales", **sales), queue(2, "support", **support)], agent(1, "alice", 1, 2))
    here.change("alice", AgentState.BUSY)
    here.arrive("early", "sales", waited=20.0)
    here.arrive("late", "support", waited=10.0)
    settle()
    assert here.served == []
    here.change("alice", AgentState.AVAILABLE)
    assert here.until_served() == [(first, ("alice",))]


def test_ageing_brings_a_patient_caller_before_an_urgent_one(floor: MakeFloor) -> None:
    lines = [queue(1, "sales", ageing=2.0), queue(2, "support", ageing=2.0)]
    here = floor(lines, agent(1, "alice", 1, 2))
    here.change("alice", AgentState.BUSY)
    here.arrive("urgent", "sales", priority=9)
    here.arrive("patient", "support", waited=300.0)
    settle()
    here.change("alice", AgentState.AVAILABLE)
    assert here.until_served() == [("patient", ("alice",))]


def test_all_who_became_free_at_once_are_given_away_as_callers_rank(floor: MakeFloor) -> None:
    """The first caller may have either agent, the second only the one that also serves the first."""
    here = floor(
        [queue(1, "sales", strategy="longest_idle"), queue(2, "support")],
        agent(1, "both", 1, 2),
        agent(2, "one", 1),
    )
    for name in ("both", "one"):
        here.change(name, AgentState.BUSY)
    here.arrive("first", "sales", waited=30.0)
    here.arrive("second", "support", waited=20.0)
    here.arrive("third", "sales", waited=10.0)
    settle()
    here.change("one", AgentState.AVAILABLE)
    here.change("both", AgentState.AVAILABLE)
    assert here.until_served(2) == [("first", ("one",)), ("second", ("both",))]


def test_a_caller_that_nobody_can_serve_holds_up_nobody(floor: MakeFloor) -> None:
    french = queue(1, "sales", weight=9, skills=({"all": ["french"]},))
    here = floor([french, queue(2, "support")], agent(1, "alice", 1, 2))
    for number in range(20):
        here.arrive(f"french {number}", "sales", waited=100.0)
    here.arrive("anybody", "support")
    assert here.until_served() == [("anybody", ("alice",))]


def test_a_tier_opens_by_itself(floor: MakeFloor) -> None:
    here = floor([queue(tier_wait_seconds=0.15)], agent(1, "third", 1, tier=3), agent(2, "second", 1, tier=2))
    here.change("second", AgentState.PAUSED)
    entry = here.arrive("call")
    settle()
    assert here.served == []
    assert here.until_served() == [("call", ("third",))]
    assert CLOCK.now() - entry.joined_at >= 0.3


def test_a_skill_step_relaxes_by_itself(floor: MakeFloor) -> None:
    steps = ({"all": ["french>=3"]}, {"after_seconds": 0.2, "all": ["french>=2"]}, {"after_seconds": 60})
    here = floor([queue(skills=steps)], agent(1, "alice", 1, levels={"french": 2}), agent(2, "bob", 1))
    entry = here.arrive("call")
    settle()
    assert here.served == []
    assert here.until_served() == [("call", ("alice",))]
    assert CLOCK.now() - entry.joined_at >= 0.2
    assert entry.decision is not None
    assert (entry.decision["skill_step"], entry.decision["free"]) == (1, 2)


def test_the_wait_for_a_preferred_agent_ends_by_itself(floor: MakeFloor) -> None:
    here = floor([queue()], agent(1, "alice", 1), agent(2, "bob", 1))
    here.change("bob", AgentState.BUSY)
    until = CLOCK.now() + 0.2
    here.arrive("call", preferred_agent_id=2, preferred_until=until)
    settle()
    assert here.served == []
    assert here.until_served() == [("call", ("alice",))]
    assert CLOCK.now() >= until


def test_a_preferred_agent_that_becomes_free_has_its_caller(floor: MakeFloor) -> None:
    here = floor([queue()], agent(1, "alice", 1), agent(2, "bob", 1))
    here.change("bob", AgentState.BUSY)
    here.arrive("call", preferred_agent_id=2, preferred_until=CLOCK.now() + 60)
    settle()
    here.change("bob", AgentState.AVAILABLE)
    assert here.until_served() == [("call", ("bob",))]


@pytest.mark.parametrize("state", [AgentState.OFFLINE, AgentState.PAUSED])
def test_a_preferred_agent_that_goes_away_is_waited_for_no_longer(
    floor: MakeFloor, state: AgentState
) -> None:
    here = floor([queue()], agent(1, "alice", 1), agent(2, "bob", 1))
    here.change("bob", AgentState.BUSY)
    here.arrive("call", preferred_agent_id=2, preferred_until=CLOCK.now() + 60)
    settle()
    assert here.served == []
    here.change("bob", state)
    assert here.until_served() == [("call", ("alice",))]


def test_an_agent_that_missed_the_call_is_tried_again_by_itself(floor: MakeFloor) -> None:
    here = floor([queue()], agent(1, "alice", 1))
    entry = here.arrive("call")
    here.until_served()
    here.dispatch.missed(entry, 1)
    here.dispatch.decided(here.roster.by_id(1))
    again_at = entry.retry_at
    here.wait(entry)
    assert here.until_served(2)[1:] == [("call", ("alice",))]
    assert CLOCK.monotonic() >= again_at


@pytest.mark.parametrize(
    "payload", [{"skill": "french", "level": 3}, {"member": True, "queue_id": 1, "tier": 1, "position": 0}]
)
def test_what_is_said_of_a_free_agent_holds_at_once(floor: MakeFloor, payload: dict[str, Any]) -> None:
    levels = {} if "skill" in payload else {"french": 5}
    serves = (1,) if "skill" in payload else (2,)
    lines = [queue(1, "sales", skills=({"all": ["french>=3"]},)), queue(2, "support")]
    here = floor(lines, agent(1, "alice", *serves, levels=levels))
    here.arrive("call")
    settle()
    assert here.served == []
    here.tell(EventType.AGENT_CHANGED, "alice", payload)
    assert here.until_served() == [("call", ("alice",))]


def test_other_rules_hold_when_dispatch_is_told(floor: MakeFloor) -> None:
    here = floor([queue(skills=({"all": ["french"]},))], agent(1, "alice", 1))
    here.arrive("call")
    settle()
    assert here.served == []
    here.queues["sales"].rules = rows.rules()
    here.dispatch.take_over_rules()
    assert here.until_served() == [("call", ("alice",))]


def test_ring_all_holds_everybody_who_is_free(floor: MakeFloor) -> None:
    here = floor([queue(strategy="ring_all")], agent(1, "alice", 1), agent(2, "bob", 1), agent(3, "carol", 1))
    here.change("carol", AgentState.BUSY)
    here.arrive("first")
    assert here.until_served() == [("first", ("alice", "bob"))]
    here.arrive("second")
    settle()
    assert len(here.served) == 1
    assert [each.held for each in here.roster] == [True, True, False]
    assert here.dispatch.choose_at_once(Entry("x", 1, 0, 0.0, 0.0, 1.0)) == []
    here.dispatch.decided(here.roster.find("bob"))
    assert here.until_served(2)[1:] == [("second", ("bob",))]


def test_round_robin_goes_on_from_choice_to_choice(floor: MakeFloor) -> None:
    here = floor([queue()], *(agent(number, f"agent{number}", 1) for number in (1, 2, 3)))
    for number in range(7):
        here.arrive(f"call {number}")
        ((_call, (name,)),) = here.until_served(number + 1)[number:]
        here.dispatch.decided(here.roster.find(name))
    assert [name for _call, (name,) in here.served] == [f"agent{1 + number % 3}" for number in range(7)]


class WithOwn(Strategies):
    """Knows one strategy more, which fails."""

    def learn(self, wanted: Iterable[str]) -> list[str]:
        return super().learn(set(wanted) - {"own"})

    def find(self, name: str) -> Strategy | None:
        return Strategy(_fails, is_own=True) if name == "own" else super().find(name)


def _fails(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> list[Candidate]:
    raise RuntimeError("no idea")


def test_a_strategy_that_fails_stops_nobody_and_is_told_once_a_call(floor: MakeFloor) -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="ERROR", format="{message}")
    try:
        here = floor([queue(strategy="own")], agent(1, "a", 1), agent(2, "b", 1), strategies=WithOwn())
        entry = here.arrive("call")
        assert here.until_served() == [("call", ("a",))]
        here.dispatch.missed(entry, 1)
        here.dispatch.decided(here.roster.by_id(1))
        here.wait(entry)
        assert here.until_served(2)[1:] == [("call", ("b",))]
        here.arrive("another")
        here.until_served(3)
        settle()
    finally:
        logger.remove(sink)
    told = "the strategy own of queue sales failed: RuntimeError: no idea; round robin decided"
    assert [line.strip() for line in lines] == [told, told]
