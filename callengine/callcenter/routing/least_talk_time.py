"""Least talk time: the agent that has talked for the shortest time today (UTC), for whatever queue."""

from collections.abc import Iterator, Sequence

from callengine.callcenter.routing.base import Caller, Candidate, day_of
from callengine.callcenter.routing.in_order import by


def order(_entry: Caller, candidates: Sequence[Candidate], now: float) -> Iterator[Candidate]:
    """The candidates by the seconds that they have talked today; equal ones by how long they are free."""
    today = day_of(now)
    return by(lambda each: each.talked_on(today), candidates)
