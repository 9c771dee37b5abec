"""Which agent is offered a call first: one pure strategy a file, found by name."""

from callengine.callcenter.routing import longest_idle, round_robin
from callengine.callcenter.routing.base import Candidate, Strategy

STRATEGIES: dict[str, Strategy] = {
    "longest_idle": longest_idle.order,
    "round_robin": round_robin.order,
}

__all__ = ["STRATEGIES", "Candidate", "Strategy"]
