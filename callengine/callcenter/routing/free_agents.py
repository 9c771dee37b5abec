"""The free agents of each queue, by tier and by skill: who is wanted is found without looking at all."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from operator import attrgetter

from callengine.callcenter.routing.base import Candidate
from callengine.callcenter.routing.skills import NOTHING, Requirement, meets

_agent_id = attrgetter("agent_id")


class FreeAgents:
    """Each list is in ascending order of `agent_id`."""

    def __init__(self) -> None:
        self._queues: dict[int, dict[int, _Tier]] = {}

    def put(self, queue_id: int, candidate: Candidate) -> None:
        """This agent is free for calls of the queue."""
        self._queues.setdefault(queue_id, {}).setdefault(candidate.tier, _Tier()).put(candidate)

    def take(self, queue_id: int, candidate: Candidate) -> None:
        """It is so no more; raises KeyError if it was not put there."""
        tiers = self._queues[queue_id]
        tiers[candidate.tier].take(candidate)
        if not tiers[candidate.tier].everyone:
            del tiers[candidate.tier]
            if not tiers:
                del self._queues[queue_id]

    def any_of(self, queue_id: int) -> bool:
        """Whether anyone is free for the queue, whatever tier and skills."""
        return queue_id in self._queues

    def count(self, queue_id: int) -> int:
        """How many are free for the queue, whatever tier and skills."""
        return sum(len(tier.everyone) for tier in self._queues.get(queue_id, {}).values())

    def tiers(self, queue_id: int) -> list[int]:
        """The tiers of the queue in which anyone is free, in ascending order."""
        return sorted(self._queues.get(queue_id, ()))

    def of(self, queue_id: int, tier: int, required: Requirement = NOTHING) -> Sequence[Candidate]:
        """Those of one tier who have what is required. The list may change when anyone is put or taken."""
        found = self._queues.get(queue_id, {}).get(tier)
        return () if found is None else found.who_meet(required)


class _Tier:
    def __init__(self) -> None:
        self.everyone: list[Candidate] = []
        self._by_skill: dict[str, list[Candidate]] = {}

    def put(self, candidate: Candidate) -> None:
        insort(self.everyone, candidate, key=_agent_id)
        for skill in candidate.levels:
            insort(self._by_skill.setdefault(skill, []), candidate, key=_agent_id)

    def take(self, candidate: Candidate) -> None:
        _take_out(self.everyone, candidate)
        for skill in candidate.levels:
            _take_out(self._by_skill[skill], candidate)

    def who_meet(self, required: Requirement) -> Sequence[Candidate]:
        if required == NOTHING:
            return self.everyone
        return [each for each in self._who_may(required) if meets(required, each.levels)]

    def _who_may(self, required: Requirement) -> Iterable[Candidate]:
        """The fewest among whom all are who have what is required."""
        if required.all:
            return min((self._by_skill.get(need.skill, []) for need in required.all), key=len)
        found = {each.agent_id: each for need in required.any for each in self._by_skill.get(need.skill, ())}
        return [found[agent_id] for agent_id in sorted(found)]


def _take_out(candidates: list[Candidate], candidate: Candidate) -> None:
    index = bisect_left(candidates, candidate.agent_id, key=_agent_id)
    if index == len(candidates) or candidates[index] is not candidate:
        raise KeyError(candidate.agent_id)
    del candidates[index]
