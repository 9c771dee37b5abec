"""The fold: takes events one after the other and keeps the sheets of an interval.

Theory of operation. What is counted is counted at the event that settles it, and belongs to the interval in
which that event lies: a call that is offered before noon and answered after counts as offered before and as
handled after. What lasts, an agent's state, belongs to each interval with the part that lies in it: every
change of the agent, and the end of the interval, puts down the seconds since the one before.

So a fold needs two things from before its interval, and no more: how each agent stood when it began
(`seat`), and of each call that was there already what was logged of it (`remember`). The same fold is fed
from the log for an interval that is over, and by the bus for the day that goes on: both are equal, since
nothing goes in but events. An event's time may lie before the last one's where the clock was set back; such
a stretch counts as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from callengine.callcenter.figures.sheet import Scope, Sheet
from callengine.events.types import Event, EventType
from callengine.vocabulary import MISSED_OFFERS, AgentState, Disposition

SERVICE_LEVEL_SECONDS = 20.0
"""Within what a call is to be answered where its event does not say what its queue is set to."""

OF_CALLS = frozenset(
    [
        EventType.CALL_QUEUED,
        EventType.CALL_OFFERED,
        EventType.CALL_OFFER_FAILED,
        EventType.CALL_CONNECTED,
        EventType.CALL_ENDED,
        EventType.QUEUE_OVERFLOWED,
    ]
)
"""Before one of these is taken the fold must know the call: see `knows`."""


@dataclass
class Seat:
    """An agent, as the fold last saw it."""

    name: str
    state: AgentState
    state_since: float
    pause_reason: str | None = None
    queues: set[str] = field(default_factory=set)
    last_queue: str | None = None
    """Where its last conversation came from: a wrap-up belongs there."""
    counted_until: float = 0.0


@dataclass
class Place:
    """A call that waits or is answered, with the queue that it waits in and the one that it came from."""

    queue: str
    joined_at: float
    first_queued_at: float
    before: str | None = None


@dataclass(frozen=True)
class Sheets:
    """What an interval comes to."""

    total: Sheet
    queues: Mapping[str, Sheet]
    agents: Mapping[str, Sheet]

    def add(self, later: Sheets) -> Sheets:
        """The sheets of both intervals."""
        queues, agents = dict(deepcopy(self.queues)), dict(deepcopy(self.agents))
        total = deepcopy(self.total)
        total.add(later.total)
        for mine, theirs, scope in (
            (queues, later.queues, Scope.QUEUE),
            (agents, later.agents, Scope.AGENT),
        ):
            for name, sheet in theirs.items():
                mine.setdefault(name, Sheet(scope)).add(sheet)
        return Sheets(total, queues, agents)


class Fold:
    """Of an interval that begins at `since` (seconds since the epoch).

    `within` (seconds) takes the place of what the queues are set to for the service level.
    """

    def __init__(self, since: float, *, within: float | None = None) -> None:
        self.since = since
        self._within = within
        self._seats: dict[str, Seat] = {}
        self._places: dict[str, Place] = {}
        self._total = Sheet(Scope.TOTAL)
        self._queues: dict[str, Sheet] = {}
        self._agents: dict[str, Sheet] = {}
        self._take: dict[EventType, Callable[[Event], None]] = {
            EventType.CALL_QUEUED: self._queued,
            EventType.CALL_OFFERED: self._offered,
            EventType.CALL_OFFER_FAILED: self._offer_failed,
            EventType.CALL_CONNECTED: self._connected,
            EventType.CALL_ENDED: self._ended,
            EventType.QUEUE_OVERFLOWED: self._overflowed,
            EventType.AGENT_STATE_CHANGED: self._changed_state,
            EventType.AGENT_ADDED: self._agent_added,
            EventType.AGENT_CHANGED: self._agent_changed,
            EventType.AGENT_REMOVED: self._agent_removed,
        }

    def seat(self, seat: Seat) -> None:
        """How an agent stood when the interval began."""
        seat.counted_until = self.since
        self._seats[seat.name] = seat

    def knows(self, event: Event) -> bool:
        """Whether the call of an event is known; if not, `remember` what was logged of it before."""
        return event.type not in OF_CALLS or event.call_id is None or self.knows_call(event.call_id)

    def knows_call(self, call_id: str) -> bool:
        """Whether this call is known to wait or to be answered."""
        return call_id in self._places

    def remember(self, call_id: str, earlier: Iterable[Event]) -> None:
        """What was logged of a call before the interval; none of it is counted."""
        for event in earlier:
            if event.type is EventType.CALL_QUEUED and event.queue is not None:
                self._join(call_id, event.queue, event.at)
            elif event.type is EventType.QUEUE_OVERFLOWED and event.payload["to"] is not None:
                self._join(call_id, event.payload["to"], event.at)

    def take(self, event: Event) -> None:
        """One more event of the interval."""
        take = self._take.get(event.type)
        if take is not None:
            take(event)

    def begin_anew(self, since: float) -> None:
        """The interval ends, and the next begins at `since` with the agents and calls as they are."""
        self.since = since
        for seat in self._seats.values():
            seat.counted_until = since
        self._total = Sheet(Scope.TOTAL)
        self._queues.clear()
        self._agents.clear()

    def sheets(self, until: float) -> Sheets:
        """What has come together up to `until`; the fold may go on afterwards."""
        so_far = Sheets(*deepcopy((self._total, self._queues, self._agents)))
        for seat in self._seats.values():
            _count_state(seat, until, self._sheets_of(seat, so_far))
        return so_far

    # Calls

    def _queued(self, event: Event) -> None:
        if event.call_id is not None and event.queue is not None:
            self._count_offered(event.call_id, event.queue, event.at)

    def _count_offered(self, call_id: str, queue: str, at: float) -> None:
        if call_id not in self._places:
            self._total.offered += 1
        if self._join(call_id, queue, at):
            self._queue(queue).offered += 1

    def _join(self, call_id: str, queue: str, at: float) -> bool:
        """Note that a call is in a queue; False if that is known."""
        place = self._places.get(call_id)
        if place is None:
            self._places[call_id] = Place(queue, at, at)
            return True
        if place.queue == queue:
            return False
        place.queue, place.before, place.joined_at = queue, place.queue, at
        return True

    def _overflowed(self, event: Event) -> None:
        """A call that found its queue full was offered to it all the same, and never had a place there."""
        call_id, queue, to = event.call_id, event.queue, event.payload["to"]
        if call_id is None or queue is None or to is None:
            return
        place = self._places.get(call_id)
        if place is None or (place.queue, place.before) != (to, queue):
            self._count_offered(call_id, queue, event.at)
            self._queue(queue).note_wait(max(0.0, event.at - self._places[call_id].joined_at))
            self._count_offered(call_id, to, event.at)
        self._queue(queue).overflowed += 1
        self._total.overflowed += 1

    def _offered(self, event: Event) -> None:
        for sheet in self._of(event):
            sheet.offers += 1

    def _offer_failed(self, event: Event) -> None:
        result = event.payload["result"]
        if result in MISSED_OFFERS:
            for sheet in self._of(event):
                sheet.offers_missed[result] += 1

    def _connected(self, event: Event) -> None:
        if event.queue is None:
            return
        waited = float(event.payload["wait_seconds"])
        in_all = max(waited, event.at - self._first_queued_at(event))
        bound = self._within
        if bound is None:
            bound = float(event.payload.get("service_level_seconds", SERVICE_LEVEL_SECONDS))
        for sheet, seconds in ((self._queue(event.queue), waited), (self._total, in_all)):
            sheet.handled += 1
            sheet.answered_within += seconds <= bound
            sheet.waited_seconds += seconds
            sheet.note_wait(seconds)
        if event.agent is not None:
            self._agent(event.agent).handled += 1

    def _ended(self, event: Event) -> None:
        if event.queue is not None:
            if event.payload["talk_seconds"] is not None:
                self._conversation_ended(event, float(event.payload["talk_seconds"]))
            else:
                self._given_up(event, event.queue)
        self._places.pop(event.call_id or "", None)

    def _conversation_ended(self, event: Event, talk_seconds: float) -> None:
        for sheet in self._of(event):
            sheet.conversations += 1
            sheet.talk_seconds += talk_seconds
            sheet.hold_seconds += float(event.payload.get("hold_seconds") or 0.0)
        if event.agent in self._seats:
            self._seats[event.agent].last_queue = event.queue

    def _given_up(self, event: Event, queue: str) -> None:
        outcome = _OUTCOMES.get(event.payload["disposition"])
        if outcome is None or event.call_id not in self._places:
            return
        waited = float(event.payload["wait_seconds"])
        in_all = max(waited, event.at - self._first_queued_at(event))
        for sheet, seconds in ((self._queue(queue), waited), (self._total, in_all)):
            setattr(sheet, outcome, getattr(sheet, outcome) + 1)
            sheet.note_wait(seconds)

    def _first_queued_at(self, event: Event) -> float:
        place = self._places.get(event.call_id or "")
        return event.at if place is None else place.first_queued_at

    # Agents

    def _changed_state(self, event: Event) -> None:
        seat = self._seat_of(event, AgentState(event.payload["old"]))
        self._count(seat, event.at)
        state = AgentState(event.payload["new"])
        seat.pause_reason = event.payload.get("pause_reason")
        if state is seat.state:
            return
        if seat.state is AgentState.WRAP_UP:
            self._wrap_up_ended(seat, max(0.0, event.at - seat.state_since), event.queue)
        seat.state, seat.state_since = state, event.at

    def _wrap_up_ended(self, seat: Seat, seconds: float, queue: str | None) -> None:
        sheets = [self._total, self._agent(seat.name)]
        queue = queue or seat.last_queue
        if queue is not None:
            sheets.append(self._queue(queue))
        for sheet in sheets:
            sheet.wrap_up_seconds += seconds

    def _agent_added(self, event: Event) -> None:
        seat = self._seat_of(event, AgentState.OFFLINE)
        self._count(seat, event.at)
        seat.queues = set(event.payload["queues"])

    def _agent_changed(self, event: Event) -> None:
        seat = self._seat_of(event, AgentState.OFFLINE)
        self._count(seat, event.at)
        _note_membership(seat.queues, event)

    def _agent_removed(self, event: Event) -> None:
        seat = self._seats.pop(event.agent or "", None)
        if seat is not None:
            self._count(seat, event.at)

    def _seat_of(self, event: Event, state: AgentState) -> Seat:
        name = event.agent or ""
        if name not in self._seats:
            self._seats[name] = Seat(name, state, event.at, counted_until=event.at)
        return self._seats[name]

    def _count(self, seat: Seat, until: float) -> None:
        sheets = Sheets(self._total, self._queues, self._agents)
        _count_state(seat, until, self._sheets_of(seat, sheets))
        seat.counted_until = max(seat.counted_until, until)

    # Sheets

    def _of(self, event: Event) -> Iterable[Sheet]:
        """The sheets that an event of a queue's call belongs to; none for the calls that agents make."""
        if event.queue is None:
            return
        yield self._total
        yield self._queue(event.queue)
        if event.agent is not None:
            yield self._agent(event.agent)

    @staticmethod
    def _sheets_of(seat: Seat, sheets: Sheets) -> list[Sheet]:
        return [
            sheets.total,
            _sheet(sheets.agents, seat.name, Scope.AGENT),
            *(_sheet(sheets.queues, queue, Scope.QUEUE) for queue in seat.queues),
        ]

    def _queue(self, name: str) -> Sheet:
        return _sheet(self._queues, name, Scope.QUEUE)

    def _agent(self, name: str) -> Sheet:
        return _sheet(self._agents, name, Scope.AGENT)


_OUTCOMES: dict[Any, str] = {
    Disposition.ABANDONED: "abandoned",
    Disposition.SHORT_ABANDONED: "short_abandoned",
    Disposition.TIMED_OUT: "timed_out",
    Disposition.REJECTED: "rejected",
    Disposition.FAILED: "failed",
}


def _note_membership(queues: set[str], event: Event) -> None:
    if event.queue is None or "member" not in event.payload:
        return
    if event.payload["member"]:
        queues.add(event.queue)
    else:
        queues.discard(event.queue)


def _sheet(sheets: Any, name: str, scope: Scope) -> Sheet:
    if name not in sheets:
        sheets[name] = Sheet(scope)
    found: Sheet = sheets[name]
    return found


def _count_state(seat: Seat, until: float, sheets: Collection[Sheet]) -> None:
    seconds = until - seat.counted_until
    if seconds > 0:
        for sheet in sheets:
            sheet.note_state(seat.state, seat.pause_reason, seconds)
