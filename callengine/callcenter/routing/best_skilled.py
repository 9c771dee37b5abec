"""Skills: the agent that is best at what the caller needs at present; among equals the longest idle."""

from collections.abc import Iterator, Sequence

from callengine.callcenter.routing.base import Caller, Candidate
from callengine.callcenter.routing.in_order import by
from callengine.callcenter.routing.skills import proficiency


def order(entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """The candidates by their level in what is required, the highest first; equals by idle time."""
    return by(lambda each: -proficiency(entry.required, each.levels), candidates)
