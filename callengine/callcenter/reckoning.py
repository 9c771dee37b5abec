"""Reckoning: the figures of an interval, computed from the log, and those of today, kept as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import gevent
from gevent.event import Event as Flag
from gevent.pool import Group
from loguru import logger
from sqlalchemy import Connection, Engine

from callengine import greenlets
from callengine.callcenter.figures.fold import Fold, Seat, Sheets
from callengine.callcenter.profiles import TOLD_BY, profile_of
from callengine.clock import Clock
from callengine.db.engine import reading
from callengine.db.repositories import agents, event_log, looking_up
from callengine.db.repositories.agents import AgentRecord
from callengine.errors import DatabaseError, Overloaded
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState

DAY_SECONDS = 86400.0
_PAGE = 200
"""Events read at once, before others have their turn."""
_SEATS_AT_ONCE = 20
_LONGEST_START_SECONDS = 60.0
_TRY_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Reckoned:
    """The sheets of [since, until), and how many of its events are gone from the log (or may be)."""

    since: float
    until: float
    sheets: Sheets
    missing: int


def day_of(at: float) -> float:
    """When the day of that time began, by UTC; both in seconds since the epoch."""
    return at - at % DAY_SECONDS


def reckon(engine: Engine, since: float, until: float, *, within: float | None = None) -> Reckoned:
    """The figures of [since, until), from the log alone; others have their turn meanwhile."""
    fold = Fold(since, within=within)
    with reading(engine) as connection:
        first = event_log.first_number_since(connection, since)
        last = event_log.first_number_since(connection, until) - 1
    _seat_all(engine, fold, first)
    missing = _feed(engine, fold, first, last)
    return Reckoned(since, until, fold.sheets(until), missing)


def _feed(engine: Engine, fold: Fold, first: int, last: int) -> int:
    """Have the fold take the events `first` to `last`; how many of them are not there."""
    number, seen = first - 1, 0
    while number < last:
        with reading(engine) as connection:
            page = event_log.after(connection, number, through=last, most=_PAGE)
            _take(connection, fold, (event for _, event in page if event is not None), first)
        seen += len(page)
        number = page[-1][0] if page else last
        gevent.sleep(0)
    return max(0, last + 1 - first - seen)


def _take(connection: Connection, fold: Fold, page: Iterable[Event], first: int) -> None:
    for event in page:
        if not fold.knows(event):
            assert event.call_id is not None
            earlier = event_log.of_call(connection, event.call_id)
            fold.remember(event.call_id, (each for each in earlier if each.number < first))
        fold.take(event)


def _seat_all(engine: Engine, fold: Fold, first: int) -> None:
    """Seat every agent as it stood before event `first`; those included who were removed since."""
    with reading(engine) as connection:
        present = {record.name: record for record in agents.read_agents(connection)}
        names = agents.every_name(connection)
    for start in range(0, len(names), _SEATS_AT_ONCE):
        with reading(engine) as connection:
            for name in names[start : start + _SEATS_AT_ONCE]:
                seat = seat_before(connection, name, present.get(name), first)
                if seat is not None:
                    fold.seat(seat)
        gevent.sleep(0)


def seat_before(connection: Connection, name: str, present: AgentRecord | None, number: int) -> Seat | None:
    """How an agent stood before the event with that number; None if it was not there.

    Its row as it is at `present` counts where the log has nothing to say: it was so all the time, or what the
    log said was pruned.
    """
    queues = queues_before(connection, name, present, number)
    if queues is None:
        return None
    last = event_log.last_before(connection, name, EventType.AGENT_STATE_CHANGED, number)
    if last is None:
        return _seat_by_what_followed(connection, name, present, number, queues)
    seat = Seat(name, AgentState(last.payload["new"]), last.at, last.payload.get("pause_reason"), queues)
    if seat.state is AgentState.WRAP_UP:
        _find_wrap_up(connection, seat, last)
    return seat


def _seat_by_what_followed(
    connection: Connection, name: str, present: AgentRecord | None, number: int, queues: set[str]
) -> Seat:
    following = event_log.first_since(connection, name, EventType.AGENT_STATE_CHANGED, number)
    if following is not None:
        return Seat(name, AgentState(following.payload["old"]), 0.0, None, queues)
    if present is None:
        return Seat(name, AgentState.OFFLINE, 0.0, None, queues)
    return Seat(name, present.state, 0.0, present.pause_reason, queues)


def queues_before(
    connection: Connection, name: str, present: AgentRecord | None, number: int
) -> set[str] | None:
    """Which queues an agent served before the event with that number; None if it was not there."""
    said = event_log.all_before(connection, name, TOLD_BY, number)
    if any(event.type is not EventType.AGENT_CHANGED for event in said):
        profile = profile_of(said)
        return None if profile is None else set(profile.queues)
    if event_log.first_since(connection, name, EventType.AGENT_ADDED, number) or present is None:
        return None
    return {place.queue for place in present.queues}


def _find_wrap_up(connection: Connection, seat: Seat, last: Event) -> None:
    """When the wrap-up began, which may have been changed since, and after whose call."""
    while last.payload["old"] == AgentState.WRAP_UP:
        before = event_log.last_before(connection, seat.name, EventType.AGENT_STATE_CHANGED, last.number)
        if before is None:
            break
        last = before
    seat.state_since = last.at
    if last.call_id is not None:
        for event in event_log.of_call(connection, last.call_id):
            if event.type is EventType.CALL_ENDED and event.agent == seat.name:
                seat.last_queue = event.queue


class Today:
    """The figures since midnight (UTC): read from the log once, then fed with what is committed."""

    def __init__(self, *, engine: Engine, clock: Clock, node: str) -> None:
        self._engine = engine
        self._clock = clock
        self._node = node
        self._fold = Fold(day_of(clock.now()))
        self._missing = 0
        self._early: list[Event] | None = []
        self._is_there = Flag()
        self._group = Group()

    def start(self) -> None:
        """Begin to read what was before; `note` may be called already."""
        greenlets.spawn("figures", self._catch_up, owner=self._group)

    def stop(self) -> None:
        """Wait until the log is read, or leave it."""
        self._group.kill()

    def note(self, event: Event) -> None:
        """A committed event; never waits."""
        if self._early is not None:
            self._early.append(event)
            return
        self._go_to(event.at)
        self._fold.take(event)

    def figures(self) -> Reckoned:
        """Those of the day until now; raises `Overloaded` if what was before cannot be read in a minute."""
        if not greenlets.wait_for_any(self._is_there, timeout=_LONGEST_START_SECONDS):
            raise Overloaded("the log of today is still being read")
        now = self._clock.now()
        self._go_to(now)
        return Reckoned(self._fold.since, now, self._fold.sheets(now), self._missing)

    def _catch_up(self) -> None:
        while True:
            try:
                last = self._read_the_log()
                break
            except DatabaseError as error:
                logger.warning("the figures of today cannot be read: {}", error)
                gevent.sleep(_TRY_AGAIN_SECONDS)
        early, self._early = self._early or [], None
        for event in early:
            if event.number > last:
                self.note(event)
        self._is_there.set()

    def _read_the_log(self) -> int:
        """Take all events of today that are there; the number of the last."""
        self._fold = Fold(day_of(self._clock.now()))
        with reading(self._engine) as connection:
            first = event_log.first_number_since(connection, self._fold.since)
            last = event_log.head(connection)
        _seat_all(self._engine, self._fold, first)
        self._missing = _feed(self._engine, self._fold, first, last)
        self._remember_live_calls(last)
        return last

    def _remember_live_calls(self, last: int) -> None:
        """Those that came yesterday, and of which nothing was heard today."""
        with reading(self._engine) as connection:
            for call in looking_up.live_calls(connection, self._node):
                if not self._fold.knows_call(call["id"]):
                    earlier = event_log.of_call(connection, call["id"])
                    self._fold.remember(call["id"], (each for each in earlier if each.number <= last))

    def _go_to(self, at: float) -> None:
        """At midnight the sheets begin anew."""
        if at >= self._fold.since + DAY_SECONDS:
            self._fold.begin_anew(day_of(at))
            self._missing = 0
