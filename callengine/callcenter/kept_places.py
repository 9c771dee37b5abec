"""Kept places: who was cut off or gave up, and calls again soon, stands where it stood before."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine

from callengine.callcenter.queues import Queue
from callengine.db.engine import reading
from callengine.db.repositories import entries
from callengine.db.repositories.entries import EarlierPlace
from callengine.vocabulary import Disposition

_LEFT = (Disposition.ABANDONED, Disposition.SHORT_ABANDONED, Disposition.FAILED)


class KeptPlaces:
    """Looks for the place that a caller had, by its number; one that is withheld has none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first_arrival(self, queue: Queue, number: str | None, now: float) -> float:
        """When the caller arrived first, as far as this queue knows; `now` if it keeps no place for it."""
        keep = queue.rules.keep_place_seconds
        if not keep or number is None:
            return now
        with reading(self._engine) as connection:
            earlier = entries.earlier_places(connection, number, queue.id)
        found = place_to_take(earlier, since=now - keep)
        return now if found is None else min(found, now)


def place_to_take(earlier: Iterable[EarlierPlace], *, since: float) -> float | None:
    """The first arrival of the latest place that was left since then and that nobody has taken back.

    `earlier` are the places that the number had in this queue, the latest call first.
    """
    taken: set[float] = set()
    for place in earlier:
        was_left = place.disposition in _LEFT and place.connected_at is None
        is_recent = place.ended_at is not None and place.ended_at >= since
        if was_left and is_recent and place.first_arrived_at not in taken:
            return place.first_arrived_at
        taken.add(place.first_arrived_at)
    return None
