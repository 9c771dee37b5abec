"""The roster: which agents are free for which queue, kept in memory from committed events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from callengine.callcenter.agent_states import CLAIMABLE, is_leaving
from callengine.callcenter.routing.base import Candidate
from callengine.callcenter.routing.free_agents import FreeAgents
from callengine.db.repositories.agents import AgentRecord
from callengine.errors import AgentNotFound
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState


class Place(NamedTuple):
    """An agent's place in a queue."""

    tier: int = 1
    position: int = 0


@dataclass(eq=False)
class Agent:
    """An agent as its last committed event left it."""

    id: int
    name: str
    max_concurrent_calls: int
    queue_ids: tuple[int, ...]
    state: AgentState
    load: int
    available_since: float
    delayed_until: float | None = None
    """Left alone after a missed offer, until then; whoever watches the time ends it by `delay_over`."""
    is_leaving: bool = False
    """To be signed off or paused when its present calls are over."""
    held: bool = False
    """Chosen by dispatch, the claim not yet decided: no state, but a reason to take another."""
    places: Mapping[int, Place] = field(default_factory=dict)
    """Its place in each queue, by the queue's key, where that is not the usual one."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """Its level in each skill that it has."""
    calls_handled: int = 0
    talk_seconds: float = 0.0
    counted_on: str | None = None
    """The day of the two counts (UTC, ISO 8601)."""
    candidates: Mapping[int, Candidate] = field(default_factory=dict)
    """What it is among the free agents of its queues, by the queue's key, while it is free."""

    @property
    def free(self) -> bool:
        """Whether a claim would succeed as far as memory knows; the database decides."""
        is_kept = self.held or self.is_leaving or self.delayed_until is not None
        return self.state in CLAIMABLE and self.load < self.max_concurrent_calls and not is_kept

    @property
    def is_here(self) -> bool:
        """Whether a caller may wait for it in particular: it is signed on and not paused."""
        return self.state not in (AgentState.OFFLINE, AgentState.PAUSED)

    def candidate_for(self, queue_id: int) -> Candidate:
        """What a strategy for this queue is told of it."""
        tier, position = self.places.get(queue_id, Place())
        return Candidate(
            agent_id=self.id,
            available_since=self.available_since,
            name=self.name,
            position=position,
            tier=tier,
            levels=self.levels,
            calls_handled=self.calls_handled,
            talk_seconds=self.talk_seconds,
            counted_on=self.counted_on,
        )


def agent_of(record: AgentRecord) -> Agent:
    """The agent as its row stands."""
    agent = Agent(record.id, record.name, 1, (), record.state, 0, 0.0)
    _take_over(agent, record)
    agent.delayed_until = record.delayed_until
    return agent


def _take_over(agent: Agent, record: AgentRecord) -> None:
    agent.state, agent.load = record.state, record.load
    agent.max_concurrent_calls = record.max_concurrent_calls
    agent.available_since = record.available_since or record.state_since
    agent.is_leaving = is_leaving(
        load=record.load,
        signed_on=record.signed_on,
        pause_next_reason=record.pause_next_reason,
        wrap_up_until=record.wrap_up_until,
    )
    agent.queue_ids = tuple(place.queue_id for place in record.queues)
    agent.places = {place.queue_id: Place(place.tier, place.position) for place in record.queues}
    agent.levels = dict(record.skills)
    agent.calls_handled, agent.talk_seconds = record.calls_handled, record.talk_seconds
    agent.counted_on = record.counted_on


class Roster:
    """All agents of the tenant, and for each queue the free ones.

    `on_free(queue_id)` is called when an agent becomes free for that queue, or nobody is to wait for it any
    more; `on_delayed(agent_id, until)` when one is to be left alone until then (seconds since the epoch).
    """

    def __init__(self, agents: Iterable[Agent]) -> None:
        self._by_name = {agent.name: agent for agent in agents}
        self.free = FreeAgents()
        self._by_id = {agent.id: agent for agent in self._by_name.values()}
        self.on_free: Callable[[int], None] = _nobody_cares
        self.on_delayed: Callable[[int, float], None] = _nobody_watches
        for agent in self._by_name.values():
            self._place(agent)

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Agent:
        """The agent of this name; raises `AgentNotFound`."""
        try:
            return self._by_name[name]
        except KeyError:
            raise AgentNotFound(f"there is no agent {name!r}") from None

    def knows(self, name: str) -> bool:
        """Whether there is an agent of this name."""
        return name in self._by_name

    def by_id(self, agent_id: int) -> Agent:
        """The agent with this key; raises `AgentNotFound`."""
        try:
            return self._by_id[agent_id]
        except KeyError:
            raise AgentNotFound(f"there is no agent with the key {agent_id}") from None

    def get(self, agent_id: int | None) -> Agent | None:
        """The agent with this key, if there is one."""
        return None if agent_id is None else self._by_id.get(agent_id)

    def apply(self, event: Event) -> None:
        """Take over what an event says: an agent is added, changed, removed, or in another state."""
        if event.type is EventType.AGENT_ADDED:
            self._add(event)
        elif event.type is EventType.AGENT_REMOVED:
            self._remove(event)
        elif event.type is EventType.AGENT_STATE_CHANGED:
            self._change(event)
        elif event.type is EventType.AGENT_CHANGED:
            self._change_what_it_is(event)

    def _add(self, event: Event) -> None:
        agent = Agent(
            id=event.payload["agent_id"],
            name=event.agent or "",
            max_concurrent_calls=event.payload["max_concurrent_calls"],
            queue_ids=tuple(event.payload["queue_ids"]),
            state=AgentState.OFFLINE,
            load=0,
            available_since=event.at,
            places=_places(event.payload),
            levels=dict(event.payload["skills"]),
        )
        self._by_name[agent.name] = self._by_id[agent.id] = agent

    def _remove(self, event: Event) -> None:
        agent = self._by_name.pop(event.agent or "", None)
        if agent is not None:
            del self._by_id[agent.id]
            self._take_out(agent)
            self._tell(agent.queue_ids)

    def _change(self, event: Event) -> None:
        agent = self._by_name.get(event.agent or "")
        if agent is None:
            return
        agent.state = AgentState(event.payload["new"])
        agent.load = event.payload["load"]
        agent.available_since = event.payload["available_since"] or event.at
        agent.is_leaving = is_leaving(
            load=agent.load,
            signed_on=event.payload["signed_on"],
            pause_next_reason=event.payload["pause_next_reason"],
            wrap_up_until=event.payload["wrap_up_until"],
        )
        agent.calls_handled = event.payload.get("calls_handled", agent.calls_handled)
        agent.talk_seconds = event.payload.get("talk_seconds", agent.talk_seconds)
        agent.counted_on = event.payload.get("counted_on", agent.counted_on)
        self._delay(agent, event.payload["delayed_until"])
        self._place(agent)
        if not agent.is_here:
            self._tell(agent.queue_ids)

    def _change_what_it_is(self, event: Event) -> None:
        agent = self._by_name.get(event.agent or "")
        if agent is None:
            return
        self._take_out(agent)
        payload = event.payload
        agent.max_concurrent_calls = payload.get("max_concurrent_calls", agent.max_concurrent_calls)
        if "member" in payload:
            _change_membership(agent, payload)
            self._tell([payload["queue_id"]])
        if "skill" in payload:
            others = {name: level for name, level in agent.levels.items() if name != payload["skill"]}
            agent.levels = others | ({payload["skill"]: payload["level"]} if payload["level"] else {})
            self._tell(agent.queue_ids)
        self._place(agent)

    def _delay(self, agent: Agent, until: float | None) -> None:
        if until != agent.delayed_until:
            agent.delayed_until = until
            if until is not None:
                self.on_delayed(agent.id, until)

    def delay_over(self, agent_id: int, until: float) -> None:
        """The time `until` which the agent was to be left alone is over; unless another holds by now."""
        agent = self._by_id.get(agent_id)
        if agent is not None and agent.delayed_until == until:
            agent.delayed_until = None
            self._place(agent)

    def correct(self, record: AgentRecord) -> None:
        """Take over what the database says of an agent that is known."""
        agent = self._by_id.get(record.id)
        if agent is not None:
            self._take_out(agent)
            self._tell(agent.queue_ids)
            _take_over(agent, record)
            agent.delayed_until = None
            self._delay(agent, record.delayed_until)
            self._place(agent)

    def shift(self, seconds: float) -> None:
        """The clock was set: all have been free for as long as before."""
        for agent in self:
            agent.available_since += seconds
            self._delay(agent, agent.delayed_until and agent.delayed_until + seconds)
            self._place(agent)

    def hold(self, agent: Agent) -> None:
        """Keep the agent from being chosen again until `let_go`."""
        agent.held = True
        self._place(agent)

    def let_go(self, agent: Agent) -> None:
        """The claim for which the agent was held has been decided."""
        agent.held = False
        self._place(agent)

    def _place(self, agent: Agent) -> None:
        self._take_out(agent)
        if agent.free:
            agent.candidates = {queue_id: agent.candidate_for(queue_id) for queue_id in agent.queue_ids}
            for queue_id, candidate in agent.candidates.items():
                self.free.put(queue_id, candidate)
            self._tell(agent.queue_ids)

    def _take_out(self, agent: Agent) -> None:
        for queue_id, candidate in agent.candidates.items():
            self.free.take(queue_id, candidate)
        agent.candidates = {}

    def _tell(self, queue_ids: Iterable[int]) -> None:
        for queue_id in queue_ids:
            self.on_free(queue_id)


def _places(payload: Mapping[str, Any]) -> dict[int, Place]:
    return {
        queue_id: Place(tier) for queue_id, tier in zip(payload["queue_ids"], payload["tiers"], strict=True)
    }


def _change_membership(agent: Agent, payload: Mapping[str, Any]) -> None:
    queue_id = payload["queue_id"]
    places = {key: place for key, place in agent.places.items() if key != queue_id}
    queue_ids = tuple(key for key in agent.queue_ids if key != queue_id)
    if payload["member"]:
        places[queue_id] = Place(payload["tier"], payload["position"])
        queue_ids = (*queue_ids, queue_id)
    agent.places, agent.queue_ids = places, queue_ids


def _nobody_cares(queue_id: int) -> None:
    """Until dispatch says otherwise."""


def _nobody_watches(agent_id: int, until: float) -> None:
    """Until who watches the time says otherwise."""
