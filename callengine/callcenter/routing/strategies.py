"""All strategies by name: one pure file each, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from callengine.callcenter.routing import (
    at_random,
    best_skilled,
    fewest_calls,
    least_talk_time,
    longest_idle,
    own_strategies,
    ring_all,
    round_robin,
    top_down,
)
from callengine.callcenter.routing.base import Strategy
from callengine.callcenter.routing.own_strategies import StrategyNotLoaded

SKILLS = "skills"

BUILT_IN = (
    "round_robin",
    "longest_idle",
    "fewest_calls",
    "least_talk_time",
    "random",
    "top_down",
    "ring_all",
    SKILLS,
)
"""The names of our own."""


def names() -> list[str]:
    """The names of all strategies that are there: ours first, then those of other packages."""
    own = sorted({each.name for each in own_strategies.found()})
    return [*BUILT_IN, *(name for name in own if name not in BUILT_IN)]


class Strategies:
    """Those that queues name; `source` is what `random` draws from."""

    def __init__(self, source: Random | None = None) -> None:
        self._known = {
            "round_robin": Strategy(round_robin.order),
            "longest_idle": Strategy(longest_idle.order),
            "fewest_calls": Strategy(fewest_calls.order),
            "least_talk_time": Strategy(least_talk_time.order),
            "random": Strategy(at_random.order_by(source or Random())),
            "top_down": Strategy(top_down.order),
            "ring_all": Strategy(ring_all.order, rings_all=True),
            SKILLS: Strategy(best_skilled.order),
        }

    def learn(self, wanted: Iterable[str]) -> list[str]:
        """Load those of `wanted` that are not known yet; what is wrong with the ones that cannot be."""
        problems = []
        for name in sorted(set(wanted) - self._known.keys()):
            try:
                self._known[name] = Strategy(own_strategies.load(name), is_own=True)
            except StrategyNotLoaded as error:
                problems.append(str(error))
        return problems

    def find(self, name: str) -> Strategy | None:
        """The strategy of this name; None if it is not there."""
        return self._known.get(name)
