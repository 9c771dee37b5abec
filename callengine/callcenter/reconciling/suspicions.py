"""Suspicions: what disagrees for a moment is a change under way; what disagrees in every look is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from callengine.callcenter.reconciling.picture import Disagreement


class Suspicions:
    """Since when each disagreement has stood; a lease is `lease_seconds` long."""

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._since: dict[Disagreement, float] = {}

    def note(self, found: Iterable[Disagreement], now: float) -> list[Disagreement]:
        """Take note of a look at `now` (monotonic); those that have stood for a lease, in their order.

        They are due once: what is seen again afterwards is a new disagreement.
        """
        found = list(found)
        since = {each: self._since.get(each, now) for each in found}
        due = [each for each in found if now - since[each] >= self._lease_seconds]
        self._since = {each: first for each, first in since.items() if each not in due}
        return due
