"""Candidates in ascending order of a key, found as they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop

from callengine.callcenter.routing.base import Candidate


def by(key: Callable[[Candidate], float], candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """The least key first; equal ones by how long the agents are free, then by `agent_id`."""
    heap = [(key(each), each.available_since, each.agent_id, each) for each in candidates]
    heapify(heap)
    while heap:
        yield heappop(heap)[3]
