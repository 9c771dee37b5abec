"""Random: any of the free agents, each as likely as the others."""

from collections.abc import Iterator, Sequence
from random import Random

from callengine.callcenter.routing.base import Caller, Candidate, Order


def order_by(source: Random) -> Order:
    """The order that draws from `source`."""

    def order(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
        """The candidates as if shuffled, one draw for each that is asked for."""
        left = list(candidates)
        while left:
            drawn = source.randrange(len(left))
            left[drawn], left[-1] = left[-1], left[drawn]
            yield left.pop()

    return order
