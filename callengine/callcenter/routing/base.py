"""What a routing strategy is given and what it answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that is free for a call of this queue."""

    agent_id: int
    """The agent's key; candidates come in ascending order of it."""
    available_since: float
    """When the agent became free, in seconds since the epoch."""


Strategy = Callable[[Sequence[Candidate], int | None], Iterator[Candidate]]
"""`(candidates, last_agent_id) -> candidates in the order in which they are to be tried`.

`last_agent_id` is the queue's durable pointer: the agent that was offered a call of this queue last. The
order is lazy, since most often its first agent is the only one that matters.
"""
