"""Round robin: the agent after the one that was offered a call last, in a fixed circle.

Fair by proof: while all agents are free alike, each is passed once in a round of the circle, so the numbers
of calls that they were offered never differ by more than one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from callengine.callcenter.routing.base import Candidate

_agent_id = attrgetter("agent_id")


def order(candidates: Sequence[Candidate], last_agent_id: int | None) -> Iterator[Candidate]:
    """The candidates, which come sorted by `agent_id`, starting after `last_agent_id`."""
    start = 0 if last_agent_id is None else bisect_right(candidates, last_agent_id, key=_agent_id)
    for index in range(len(candidates)):
        yield candidates[(start + index) % len(candidates)]
