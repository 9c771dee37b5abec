"""The roster: which agents are free for which queue, kept in memory from committed events."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from callengine.callcenter.agent_states import CLAIMABLE, is_leaving
from callengine.callcenter.routing import Candidate
from callengine.db.repositories.agents import AgentRecord
from callengine.errors import AgentNotFound
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState

_agent_id = attrgetter("agent_id")


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
    candidate: Candidate | None = None
    """Its place among the free agents of its queues, while it has one."""

    @property
    def free(self) -> bool:
        """Whether a claim would succeed as far as memory knows; the database decides."""
        is_kept = self.held or self.is_leaving or self.delayed_until is not None
        return self.state in CLAIMABLE and self.load < self.max_concurrent_calls and not is_kept


class Roster:
    """All agents of the tenant, and for each queue the free ones in ascending order of their key.

    `on_free(queue_id)` is called when an agent becomes free for that queue, `on_delayed(agent_id, until)`
    when one is to be left alone until then (seconds since the epoch).
    """

    def __init__(self, agents: Iterable[Agent]) -> None:
        self._by_name = {agent.name: agent for agent in agents}
        self._free: dict[int, list[Candidate]] = {}
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

    def candidates(self, queue_id: int) -> Sequence[Candidate]:
        """The free agents of a queue, in ascending order of `agent_id`."""
        return self._free.get(queue_id, ())

    def apply(self, event: Event) -> None:
        """Take over what an event says: an agent is added, changed, removed, or in another state."""
        if event.type is EventType.AGENT_ADDED:
            self._add(event)
        elif event.type is EventType.AGENT_REMOVED:
            self._remove(event)
        elif event.type is EventType.AGENT_STATE_CHANGED:
            self._change(event)
        elif event.type is EventType.AGENT_CHANGED:
            self._change_capacity(event)

    def _add(self, event: Event) -> None:
        agent = Agent(
            id=event.payload["agent_id"],
            name=event.agent or "",
            max_concurrent_calls=event.payload["max_concurrent_calls"],
            queue_ids=tuple(event.payload["queue_ids"]),
            state=AgentState.OFFLINE,
            load=0,
            available_since=event.at,
        )
        self._by_name[agent.name] = self._by_id[agent.id] = agent

    def _remove(self, event: Event) -> None:
        agent = self._by_name.pop(event.agent or "", None)
        if agent is not None:
            del self._by_id[agent.id]
            if agent.candidate is not None:
                self._take_out(agent, agent.candidate)

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
        self._delay(agent, event.payload["delayed_until"])
        self._place(agent)

    def _change_capacity(self, event: Event) -> None:
        agent = self._by_name.get(event.agent or "")
        if agent is not None and "max_concurrent_calls" in event.payload:
            agent.max_concurrent_calls = event.payload["max_concurrent_calls"]
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
            agent.state, agent.load = record.state, record.load
            agent.max_concurrent_calls = record.max_concurrent_calls
            agent.available_since = record.available_since or record.state_since
            agent.is_leaving = is_leaving(
                load=record.load,
                signed_on=record.signed_on,
                pause_next_reason=record.pause_next_reason,
                wrap_up_until=record.wrap_up_until,
            )
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
        if agent.candidate is not None:
            self._take_out(agent, agent.candidate)
        if not agent.free:
            return
        agent.candidate = Candidate(agent.id, agent.available_since)
        for queue_id in agent.queue_ids:
            insort(self._free.setdefault(queue_id, []), agent.candidate, key=_agent_id)
            self.on_free(queue_id)

    def _take_out(self, agent: Agent, candidate: Candidate) -> None:
        for queue_id in agent.queue_ids:
            free = self._free[queue_id]
            del free[bisect_left(free, candidate.agent_id, key=_agent_id)]
        agent.candidate = None


def _nobody_cares(queue_id: int) -> None:
    """Until dispatch says otherwise."""


def _nobody_watches(agent_id: int, until: float) -> None:
    """Until who watches the time says otherwise."""
