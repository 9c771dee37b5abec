"""Round robin: the agent after the one that was offered a call last, in a fixed circle.

Fair by proof: while all agents are free alike, each is passed once in a round of the circle, so the numbers
of calls that they were offered never differ by more than one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from callengine.callcenter.routing.base import Caller, Candidate

_agent_id = attrgetter("agent_id")


def order(entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """The candidates, which come sorted by `agent_id`, starting after the queue's `last_agent_id`."""
    last = entry.last_agent_id
    start = 0 if last is None else bisect_right(candidates, last, key=_agent_id)
    for index in range(len(candidates)):
        yield candidates[(start + index) % len(candidates)]
