"""Followers: each hands somebody the events of the log after a number, in order, and goes on with new ones.

Theory of operation. A follower has a greenlet of its own and a cursor, the number up to which it has handed
on. It reads the log by number, a page at a time; when there is no more it waits for the bell, rung by
each commit of this process, or for a second, in which other processes may have committed. Every event comes
from the database, so nothing has to be fitted together: numbers rise in the order of the commits, and whoever
has seen number n misses no smaller one. The handler may wait: it holds up nobody but itself.

Old events may have been pruned. Numbers have no other gaps, so a follower whose next event does not follow on
the last first tells that it is so: `log_pruned` with the last missing number as its own, and `missing`, the
first and last of them, as its payload. The real `log_pruned`, which says who pruned, comes in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import gevent
from gevent.event import Event as Flag
from loguru import logger
from sqlalchemy import Engine

from callengine.db.engine import reading
from callengine.db.repositories import event_log
from callengine.errors import BadRequest, DatabaseError
from callengine.events.types import Event, EventType
from callengine.greenlets import spawn, wait_for_any

EventHandler = Callable[[Event], None]

PAGE = 200
"""Events that are read at once: one or two milliseconds on SQLite, which nobody else has meanwhile."""
LOOK_SECONDS = 1.0
"""How often the log is read though no bell has rung."""
END_SECONDS = 5.0
"""What a handler gets for the last events when the service stops."""


class Follower:
    """Hands `handler` each event (of `types`; None: of any) whose number is higher than `after`.

    An exception that the handler raises is logged, and it gets the next event.
    """

    def __init__(
        self, engine: Engine, handler: EventHandler, *, after: int, types: Collection[EventType] | None = None
    ) -> None:
        self._engine = engine
        self._handler = handler
        self._types = None if types is None else frozenset(types)
        self._number = after
        self._bell = Flag()
        self._is_to_end = False
        self._is_gone = False
        self._greenlet: gevent.Greenlet[..., object] | None = None

    def start(self) -> None:
        """Begin to hand on."""
        self._greenlet = spawn("follower", self._run)

    def ring(self) -> None:
        """Something was committed; never waits."""
        self._bell.set()

    def leave(self) -> None:
        """Hand on nothing more; harmless if that is so already. Never waits."""
        self._is_gone = True
        self._bell.set()

    def end(self, timeout: float) -> None:
        """Hand on what is committed until now, then end; a handler gets `timeout` seconds for that."""
        self._is_to_end = True
        self._bell.set()
        if self._greenlet is None:
            return
        self._greenlet.join(timeout=timeout)
        if not self._greenlet.ready():
            logger.warning("a reader of the log is given up: it has seen event {} last", self._number)
            self._greenlet.kill()

    def _run(self) -> None:
        while not self._is_gone:
            is_last = self._is_to_end
            self._bell.clear()
            if self._catch_up() and is_last:
                return
            wait_for_any(self._bell, timeout=LOOK_SECONDS)

    def _catch_up(self) -> bool:
        """Hand on all that is there. False if the database is out of reach."""
        try:
            while not self._is_gone and self._hand_on_a_page():
                gevent.sleep(0)
        except DatabaseError as error:
            logger.warning("the log cannot be read after event {}: {}", self._number, error)
            return self._is_to_end
        return True

    def _hand_on_a_page(self) -> bool:
        """Whether there was something."""
        with reading(self._engine) as connection:
            page = event_log.after(connection, self._number, most=PAGE)
        for number, event in page:
            if self._is_gone:
                return False
            if number != self._number + 1:
                self._tell(_gap(self._number + 1, number - 1, event))
            self._number = number
            if event is not None and (self._types is None or event.type in self._types):
                self._tell(event)
        return bool(page)

    def _tell(self, event: Event) -> None:
        try:
            self._handler(event)
        except Exception:
            logger.exception("a reader of the log failed at event {} ({})", event.number, event.type)


class Followers:
    """All that follow the log of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._all: list[Follower] = []

    def follow(
        self, handler: EventHandler, *, after: int, types: Collection[EventType] | None = None
    ) -> Callable[[], None]:
        """Hand on the events behind the number `after` until the returned function is called.

        Raises `BadRequest` if there never was a number so high.
        """
        with reading(self._engine) as connection:
            last = event_log.head(connection)
        if not 0 <= after <= last:
            raise BadRequest(f"the log cannot be read after event {after}; allowed: 0 to {last}, its last")
        follower = Follower(self._engine, handler, after=after, types=types)
        self._all.append(follower)
        follower.start()
        return lambda: self._leave(follower)

    def ring(self) -> None:
        """Something was committed; never waits."""
        for follower in self._all:
            follower.ring()

    def end(self) -> None:
        """Have each hand on what is committed until now, and end."""
        for follower in self._all:
            follower.end(END_SECONDS)
        self._all.clear()

    def _leave(self, follower: Follower) -> None:
        follower.leave()
        if follower in self._all:
            self._all.remove(follower)


def _gap(first: int, last: int, following: Event | None) -> Event:
    at = following.at if following else 0.0
    return Event(last, at, EventType.LOG_PRUNED, None, None, None, {"missing": [first, last]})
