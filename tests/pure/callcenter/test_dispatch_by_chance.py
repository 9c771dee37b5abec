"""Dispatch, driven by chance: by indexes and deadlines it finds what a look at everything would find."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from callengine.callcenter.calls import Entry
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Place, Roster
from callengine.callcenter.routing.skills import lacks, requirement_at
from callengine.callcenter.routing.tiers import open_tier
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState
from tests.fakes import rows
from tests.fakes.clock import FakeClock

STEPS = (
    {"after_seconds": 0, "all": ["french>=3"]},
    {"after_seconds": 7.5, "all": ["french>=1"]},
    {"after_seconds": 20},
)
SERVES = {1: (1, 2), 2: (2, 3), 3: (1, 3), 4: (1, 2, 3)}
"""The queues of each agent; its number is its tier in the second, and its level in what the third wants."""
AGENTS = len(SERVES)
AGEING = 3.0
STATES = [AgentState.AVAILABLE, AgentState.AVAILABLE, AgentState.BUSY, AgentState.PAUSED]
"""Free half the time; away or busy the other half."""
some_agent = st.integers(1, AGENTS)
some_queue = st.integers(1, 3)


def rarely(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """None three times out of four."""
    return st.integers(0, 3).flatmap(lambda chance: values if chance == 3 else st.none())


class Chance(RuleBasedStateMachine):
    """Four agents, three queues: a plain one, one with tiers and weight, one with skills."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queues = [
            Queue(1, "plain", rows.rules(), ageing_points_per_minute=AGEING),
            Queue(2, "tiers", rows.rules(tier_wait_seconds=5.0, weight=2), ageing_points_per_minute=AGEING),
            Queue(3, "skills", rows.rules(strategy="skills", skills=STEPS), ageing_points_per_minute=AGEING),
        ]
        self.roster = Roster(
            Agent(
                number,
                f"agent{number}",
                1,
                SERVES[number],
                AgentState.BUSY,
                1,
                0.0,
                places={2: Place(number)},
                levels={"french": number} if number < AGENTS else {},
            )
            for number in SERVES
        )
        self.dispatch = Dispatch(Queues(self.queues), self.roster, clock=self.clock)
        self.dispatch.take_over_rules()
        self.entries: list[Entry] = []

    def settle(self) -> None:
        self.dispatch._decide_what_is_due()

    @property
    def waiting(self) -> list[Entry]:
        return [entry for queue in self.queues for entry in queue.line]

    @rule(
        queue=some_queue,
        priority=st.integers(0, 3),
        preferred=st.none() | some_agent,
        missed=rarely(some_agent),
        made_by=rarely(some_agent),
    )
    def arrive(
        self, queue: int, priority: int, preferred: int | None, missed: int | None, made_by: int | None
    ) -> None:
        now = self.clock.now()
        entry = Entry(f"{len(self.entries):04}", queue, priority, now, now, now + 900, made_by=made_by)
        entry.preferred_agent_id, entry.preferred_until = preferred, now + 12.0
        if missed is not None:
            self.dispatch.missed(entry, missed)
        self.entries.append(entry)
        self.dispatch.stand_again(entry)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.dispatch.interrupt(data.draw(st.sampled_from(self.waiting)), "gone")

    @rule(number=some_agent, state=st.sampled_from(STATES))
    def change(self, number: int, state: AgentState) -> None:
        load = int(state in (AgentState.BUSY, AgentState.RESERVED))
        self.tell(
            EventType.AGENT_STATE_CHANGED,
            number,
            new=state,
            load=load,
            available_since=None,
            signed_on=True,
            pause_next_reason=None,
            delayed_until=None,
            wrap_up_until=None,
        )
        best = self.best_for(number)
        self.settle()
        if best is not None:
            assert best.chosen, f"agent{number} did not go to {best.id}, the first that it may serve"

    @rule(number=some_agent)
    def end_a_call(self, number: int) -> None:
        """The claim is decided, the conversation over, the agent free again."""
        self.dispatch.decided(self.roster.by_id(number))
        self.change(number, AgentState.AVAILABLE)

    @rule(number=some_agent, queue=some_queue, tier=st.integers(0, 3))
    def assign(self, number: int, queue: int, tier: int) -> None:
        place = {"tier": tier, "position": 0} if tier else {}
        self.tell(EventType.AGENT_CHANGED, number, queue_id=queue, member=tier > 0, **place)
        self.settle()

    @rule(number=some_agent, level=st.integers(0, 4))
    def learn(self, number: int, level: int) -> None:
        self.tell(EventType.AGENT_CHANGED, number, skill="french", level=level)
        self.settle()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 5.0, 7.5, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def tell(self, kind: EventType, number: int, **payload: object) -> None:
        name = f"agent{number}"
        self.roster.apply(Event(1, self.clock.now(), kind, None, None, name, payload))

    def may_serve(self, agent: Agent, entry: Entry) -> bool:
        """By the rules alone, without any index."""
        queue = self.queues[entry.queue_id - 1]
        if not agent.free or queue.id not in agent.queue_ids or agent.id == entry.made_by:
            return False
        if agent.id in entry.missed and self.clock.monotonic() < entry.retry_at:
            return False
        waited = self.clock.now() - entry.joined_at
        required = requirement_at(queue.steps, waited)
        preferred = self.roster.get(entry.preferred_agent_id)
        if preferred is not None and self.clock.now() < entry.preferred_until:
            knows = lacks(required, preferred.levels) is None
            is_its_own = preferred.id in entry.missed or preferred.id == entry.made_by
            if preferred.is_here and queue.id in preferred.queue_ids and knows and not is_its_own:
                return agent is preferred
        tier = agent.places.get(queue.id, Place()).tier
        is_open = tier <= open_tier(waited, queue.rules.tier_wait_seconds)
        return is_open and lacks(required, agent.levels) is None

    def best_for(self, number: int) -> Entry | None:
        """The first of all who wait that this agent may serve."""
        agent = self.roster.by_id(number)
        found = [entry for entry in self.waiting if self.may_serve(agent, entry)]
        return min(found, key=self.urgency, default=None)

    def urgency(self, entry: Entry) -> tuple[float, ...]:
        """Weight, effective priority of this moment, first arrival."""
        rules = self.queues[entry.queue_id - 1].rules
        gained = AGEING * (self.clock.now() - entry.first_arrived_at) / 60
        effective = round(entry.priority + rules.priority_base + gained, 6)
        return (-rules.weight, -effective, entry.first_arrived_at, int(entry.id))

    @invariant()
    def nobody_waits_for_whom_somebody_is_free(self) -> None:
        pairs = [(e.id, a.name) for e in self.waiting for a in self.roster if self.may_serve(a, e)]
        assert pairs == []

    @invariant()
    def who_is_free_is_listed_in_each_queue(self) -> None:
        for queue in self.queues:
            tiers = self.roster.free.tiers(queue.id)
            listed = [each.agent_id for tier in tiers for each in self.roster.free.of(queue.id, tier)]
            assert sorted(listed) == [a.id for a in self.roster if a.free and queue.id in a.queue_ids]

    @invariant()
    def nobody_in_line_has_an_agent(self) -> None:
        assert all(not entry.chosen for entry in self.waiting)


Chance.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
test_by_chance = Chance.TestCase
