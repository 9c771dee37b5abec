"""Own strategies: orders that other packages bring by the entry point group `callengine.routing`.

Nothing may rest on their being right: one that raises, or answers somebody who was not asked about, is
replaced by round robin for that decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points

from callengine.callcenter.routing import round_robin
from callengine.callcenter.routing.base import Caller, Candidate, Order

GROUP = "callengine.routing"


class StrategyNotLoaded(Exception):
    """Why a strategy that is there cannot be used."""


def found() -> list[EntryPoint]:
    """The entry points of all packages that are installed, by name."""
    return sorted(entry_points(group=GROUP), key=lambda each: each.name)


def load(name: str) -> Order:
    """The order of this name; raises `StrategyNotLoaded`."""
    those = [each for each in found() if each.name == name]
    if len(those) != 1:
        packages = ", ".join(sorted(each.dist.name if each.dist else each.value for each in those))
        raise StrategyNotLoaded(
            f"more than one package brings a strategy {name}: {packages}"
            if those
            else f"no package brings a strategy {name}"
        )
    try:
        order = those[0].load()
    except Exception as error:
        raise StrategyNotLoaded(
            f"the strategy {name} cannot be loaded from {those[0].value}: {type(error).__name__}: {error}"
        ) from error
    if not callable(order):
        raise StrategyNotLoaded(f"the strategy {name}, {those[0].value}, is no function")
    return order  # type: ignore[no-any-return]


def guarded(
    order: Order,
    entry: Caller,
    candidates: Sequence[Candidate],
    now: float,
    *,
    on_failure: Callable[[str], None],
) -> Iterator[Candidate]:
    """What `order` answers as long as it is right, then round robin; `on_failure` is told what was wrong."""
    left = {each.agent_id: each for each in candidates}
    try:
        for each in order(entry, tuple(candidates), now):
            if left.get(each.agent_id) is not each:
                raise LookupError(f"it answered {each!r}, who is no candidate, or was one already")
            del left[each.agent_id]
            yield each
    except Exception as error:
        on_failure(f"{type(error).__name__}: {error}")
        yield from round_robin.order(entry, list(left.values()), now)
