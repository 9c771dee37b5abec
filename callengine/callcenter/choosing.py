"""Choosing: which free agents a waiting caller is offered to, from what memory knows at one moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from callengine.callcenter.calls import Entry
from callengine.callcenter.queues import Queue
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.routing import own_strategies, round_robin, skills
from callengine.callcenter.routing.base import Caller, Candidate, Strategy
from callengine.callcenter.routing.strategies import Strategies
from callengine.callcenter.routing.tiers import EVERY_TIER, open_tier, opens_after

_ROUND_ROBIN = Strategy(round_robin.order)


class Choice(NamedTuple):
    """Whom the caller is to be offered to, all at once, and on what that was decided."""

    agent_ids: tuple[int, ...]
    decision: dict[str, Any]
    """For the log, so that it can be explained when all has changed: the strategy, how long the caller had
    waited, the highest `tier` that was open (0: all), the number of the skill step and what it required, the
    agent that was preferred, how many were free for the queue, and who had missed the call.
    """


class Look:
    """One look at those who wait and those who are free; no agent becomes free while it lasts.

    So a group of callers who may be offered to the same agents is tried once: where the first of them finds
    nobody, the others need not search. `now` is in seconds since the epoch, `monotonic` the time by which
    waits are measured. `on_failure(entry, why)` is told what was wrong with a queue's strategy.
    """

    def __init__(
        self,
        roster: Roster,
        strategies: Strategies,
        *,
        now: float,
        monotonic: float,
        on_failure: Callable[[Entry, str], None],
    ) -> None:
        self._roster = roster
        self._free = roster.free
        self._strategies = strategies
        self._now = now
        self._monotonic = monotonic
        self._on_failure = on_failure
        self._hopeless: set[tuple[int, int, int | None]] = set()
        self._tiers: dict[int, list[int]] = {}
        """In which tiers of a queue anybody was free when it was looked at first: no tier can be added."""

    def choose(self, queue: Queue, entry: Entry) -> Choice | None:
        """The agents that this caller is to be offered to now; None if it must wait."""
        waited = self._waited(entry)
        step = skills.step_at(queue.steps, waited)
        required = skills.NOTHING if step is None else queue.steps[step].requirement
        preferred = self._preferred(queue, entry, required)
        if preferred is not None:
            own = preferred.candidates.get(queue.id)
            return self._choice(queue, entry, [own], preferred=preferred) if own else None
        tiers = self._open_tiers(queue, waited)
        group = (queue.id, tiers[-1] if tiers else 0, step)
        if group in self._hopeless:
            return None
        by_tier = [found for tier in tiers if (found := self._free.of(queue.id, tier, required))]
        if not by_tier:
            self._hopeless.add(group)
            return None
        chosen = self._first_of(queue, entry, by_tier, required)
        choice = self._choice(queue, entry, chosen) if chosen else None
        if any(each.agent_id in entry.missed for each in chosen):
            entry.missed.clear()
        return choice

    def again_at(self, queue: Queue, entry: Entry) -> float | None:
        """When more agents may be found for a caller for whom there was none, if none becomes free before."""
        waited = self._waited(entry)
        open_ones, tiers = len(self._open_tiers(queue, waited)), self._tiers_of(queue)
        step_after = skills.next_step_after(queue.steps, waited)
        waits = []
        if open_ones < len(tiers):
            waits.append(opens_after(tiers[open_ones], queue.rules.tier_wait_seconds) - waited)
        if step_after is not None:
            waits.append(step_after - waited)
        if entry.preferred_agent_id is not None and entry.preferred_until > self._now:
            waits.append(entry.preferred_until - self._now)
        if entry.missed and entry.retry_at > self._monotonic:
            waits.append(entry.retry_at - self._monotonic)
        return self._monotonic + min(waits) if waits else None

    def _waited(self, entry: Entry) -> float:
        return max(0.0, self._now - entry.joined_at)

    def _tiers_of(self, queue: Queue) -> list[int]:
        found = self._tiers.get(queue.id)
        if found is None:
            found = self._tiers[queue.id] = self._free.tiers(queue.id)
        return found

    def _open_tiers(self, queue: Queue, waited: float) -> list[int]:
        tiers = self._tiers_of(queue)
        highest = open_tier(waited, queue.rules.tier_wait_seconds)
        return tiers if not tiers or tiers[-1] <= highest else tiers[: bisect_right(tiers, highest)]

    def _preferred(self, queue: Queue, entry: Entry, required: skills.Requirement) -> Agent | None:
        """The agent for whom the caller is to wait, as long as that makes sense."""
        if entry.preferred_agent_id is None or entry.preferred_until <= self._now:
            return None
        agent = self._roster.get(entry.preferred_agent_id)
        if agent is None or not agent.is_here or agent.id in entry.missed or agent.id == entry.made_by:
            return None
        serves = queue.id in agent.queue_ids and skills.meets(required, agent.levels)
        return agent if serves else None

    def _first_of(
        self,
        queue: Queue,
        entry: Entry,
        by_tier: Iterable[Sequence[Candidate]],
        required: skills.Requirement,
    ) -> list[Candidate]:
        """Those who come first, or all if the strategy rings all; who missed this call only after others."""
        strategy = self._strategy(queue, entry)
        missed: list[Candidate] = []
        others: list[Candidate] = []
        for candidate in self._in_order(strategy, queue, entry, by_tier, required):
            if candidate.agent_id == entry.made_by:
                continue
            (missed if candidate.agent_id in entry.missed else others).append(candidate)
            if others and not strategy.rings_all:
                return others
        if not others and missed and self._monotonic >= entry.retry_at:
            return missed if strategy.rings_all else missed[:1]
        return others

    def _strategy(self, queue: Queue, entry: Entry) -> Strategy:
        found = self._strategies.find(queue.rules.strategy)
        if found is None:
            self._on_failure(entry, "there is no such strategy")
        return found or _ROUND_ROBIN

    def _in_order(
        self,
        strategy: Strategy,
        queue: Queue,
        entry: Entry,
        by_tier: Iterable[Sequence[Candidate]],
        required: skills.Requirement,
    ) -> Iterator[Candidate]:
        """Lower tiers first, each in the strategy's order."""
        caller = Caller(
            queue=queue.name,
            priority=entry.priority,
            waited_seconds=self._waited(entry),
            required=required,
            last_agent_id=queue.last_agent_id,
        )
        for candidates in by_tier:
            if strategy.is_own:
                yield from own_strategies.guarded(
                    strategy.order,
                    caller,
                    candidates,
                    self._now,
                    on_failure=lambda why: self._on_failure(entry, why),
                )
            else:
                yield from strategy.order(caller, candidates, self._now)

    def _choice(
        self, queue: Queue, entry: Entry, chosen: Sequence[Candidate], *, preferred: Agent | None = None
    ) -> Choice:
        waited = self._waited(entry)
        step = skills.step_at(queue.steps, waited)
        highest = open_tier(waited, queue.rules.tier_wait_seconds)
        missed = (self._roster.get(agent_id) for agent_id in sorted(entry.missed))
        decision = {
            "strategy": queue.rules.strategy,
            "waited_seconds": waited,
            "tier": 0 if highest == EVERY_TIER else highest,
            "skill_step": step,
            "required": None if step is None else skills.plain_requirement(queue.steps[step].requirement),
            "preferred": preferred.name if preferred else None,
            "free": self._free.count(queue.id),
            "missed": [agent.name for agent in missed if agent is not None],
        }
        return Choice(tuple(each.agent_id for each in chosen), decision)
