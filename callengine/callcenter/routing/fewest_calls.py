"""Fewest calls: the agent that has had the fewest conversations today (UTC), from whatever queue."""

from collections.abc import Iterator, Sequence

from callengine.callcenter.routing.base import Caller, Candidate, day_of
from callengine.callcenter.routing.in_order import by


def order(_entry: Caller, candidates: Sequence[Candidate], now: float) -> Iterator[Candidate]:
    """The candidates by their conversations of the day; equal numbers by how long they are free."""
    today = day_of(now)
    return by(lambda each: each.calls_on(today), candidates)
