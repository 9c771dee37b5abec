"""Top down: always the first free agent of a fixed order, the membership's position."""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop

from callengine.callcenter.routing.base import Caller, Candidate


def order(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """The candidates by their position in the queue; equal ones by `agent_id`, which is by age."""
    heap = [(each.position, each.agent_id, each) for each in candidates]
    heapify(heap)
    while heap:
        yield heappop(heap)[2]
