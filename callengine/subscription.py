"""A subscription: somebody who is told of events as long as the service runs, and again after each start."""

from __future__ import annotations

from collections.abc import Callable, Collection

from callengine.events.bus import EventHandler
from callengine.events.types import Event, EventType
from callengine.foundation import Foundation


class Subscription:
    """Without `after` the handler is told of what comes; with it, of all events behind that number first."""

    def __init__(self, handler: EventHandler, types: Collection[EventType] | None, after: int | None) -> None:
        self._handler = handler
        self._types = types
        self._after = after
        self._end: Callable[[], None] = _not_begun

    def begin(self, base: Foundation) -> None:
        """The service starts, or runs; raises `BadRequest` if the log never had the number `after`."""
        if self._after is None:
            self._end = base.bus.subscribe(self._handler, self._types)
        else:
            self._end = base.followers.follow(self._note, after=self._after, types=self._types)

    def end(self) -> None:
        """Tell nothing more; harmless if it has not begun."""
        self._end()

    def _note(self, event: Event) -> None:
        """After another start it goes on behind what was handed on already."""
        self._after = event.number
        self._handler(event)


def _not_begun() -> None:
    """There is nothing to end."""
