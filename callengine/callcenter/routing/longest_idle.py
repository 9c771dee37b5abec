"""Longest idle: the agent that has waited longest for a call, whatever queue its last one came from."""

from collections.abc import Iterator, Sequence
from operator import attrgetter

from callengine.callcenter.routing.base import Caller, Candidate
from callengine.callcenter.routing.in_order import by

_available_since = attrgetter("available_since")


def order(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """The candidates by the time since which they are free; equal times by `agent_id`."""
    return by(_available_since, candidates)
