"""Longest idle: the agent that has waited longest for a call, whatever queue its last one came from."""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop

from callengine.callcenter.routing.base import Candidate


def order(candidates: Sequence[Candidate], last_agent_id: int | None) -> Iterator[Candidate]:  # noqa: ARG001
    """The candidates by the time since which they are free; equal times by `agent_id`."""
    heap = [(each.available_since, each.agent_id, each) for each in candidates]
    heapify(heap)
    while heap:
        yield heappop(heap)[2]
