"""An own strategy: urgent callers get the most experienced agent, all others the least experienced one."""

from collections.abc import Iterator, Sequence

from callengine.callcenter.routing.base import Caller, Candidate


def order(entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """By the level in the skill `experience`, 0 if an agent has none; equals by how long they are free."""
    sign = -1 if entry.priority > 0 else 1
    by_level = sorted(
        candidates, key=lambda agent: (sign * agent.levels.get("experience", 0), agent.available_since)
    )
    return iter(by_level)
