"""Nobody is lost or counted twice on the way: through overflow, an operator's move, and rounds that end.

Looked at each time that all is at rest, it judges what was told since by the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callengine.callcenter.admission import Why
from callengine.events.types import Event, EventType
from callengine.vocabulary import LIVE_ENTRIES, MISSED_OFFERS, AgentState, CallState, EntryState, OfferState
from tests.fakes.committed import Rows
from tests.fakes.paper_center import PaperCenter
from tests.fakes.prospects import MARGIN


@dataclass
class _Counts:
    """What the log and the rows must agree about, by the call and the name of the agent."""

    failed: Counter[tuple[str, str]]
    """Offers that were told to have come to nothing."""
    missed: Counter[tuple[str, str]]
    """Offers that an agent was told to have missed."""


class GoingOn:
    """Watches the callers of one center."""

    def __init__(self, center: PaperCenter) -> None:
        self._center = center
        self._seen = 0
        self._first_arrivals: dict[str, float] = {}
        self._past: set[str] = set()
        """Places that were judged, and whose times are moved no more."""
        self._depths: dict[str, int] = {}
        self._in_row: dict[str, int] = {}
        self._free_since: dict[str, float | None] = {}
        self._counts = _Counts(Counter(), Counter())

    def judge(self, rows: Rows) -> Iterator[str]:
        """What went wrong since the last time."""
        news = self._center.events[self._seen :]
        yield from self._kept_arrivals(rows)
        yield from self._one_place(rows)
        yield from self._steps(rows, news)
        yield from self._sent_away(rows, news)
        yield from self._withdrawn(news)
        yield from self._told(rows, news)
        self._remember(rows)

    def forget(self, rows: Rows) -> None:
        """Times have been moved: begin anew with those of the present."""
        for event in self._center.events[self._seen :]:
            self._count(event)
        self._first_arrivals.clear()
        self._free_since.clear()
        self._past = {entry["id"] for entry in rows.entries if entry["state"] not in LIVE_ENTRIES}
        for entry in rows.entries:
            if entry["state"] in LIVE_ENTRIES:
                self._first_arrivals[entry["call_id"]] = entry["first_arrived_at"]
        self._remember(rows)

    def _remember(self, rows: Rows) -> None:
        self._seen = len(self._center.events)
        self._depths = {queue["name"]: queue["depth"] for queue in rows.queues}

    def _kept_arrivals(self, rows: Rows) -> Iterator[str]:
        """Wherever a caller goes on to, it has arrived when it arrived first."""
        for entry in sorted(rows.entries, key=lambda entry: float(entry["joined_at"])):
            if entry["id"] in self._past:
                continue
            first = self._first_arrivals.setdefault(entry["call_id"], entry["first_arrived_at"])
            if abs(first - entry["first_arrived_at"]) > MARGIN:
                by_place = entry["first_arrived_at"]
                yield f"{entry['call_id']} arrived at {first}, and by {entry['id']} at {by_place}"
            if entry["state"] not in LIVE_ENTRIES:
                self._past.add(entry["id"])

    def _one_place(self, rows: Rows) -> Iterator[str]:
        """A caller who went on has a place where it is now, and its call has ended if it has none."""
        for call in rows.calls:
            if call["queue_id"] is None:
                continue
            places = [entry["state"] for entry in rows.entries_of(call["id"])]
            live = sum(state in LIVE_ENTRIES for state in places)
            if live != (call["state"] in (CallState.QUEUED, CallState.OFFERED)):
                yield f"{call['id']} is {call['state']} and has the places {places}"
            last = [state for state in places if state != EntryState.OVERFLOWED]
            if len(last) != 1:
                yield f"{call['id']} is {call['state']}, and was left at one of {places}"

    def _steps(self, rows: Rows, news: Sequence[Event]) -> Iterator[str]:
        """A caller goes on to where its queue says, not too early, and from a full one only if it is full."""
        queues = {queue["name"]: queue for queue in rows.queues}
        for event in news:
            if event.type is not EventType.QUEUE_OVERFLOWED:
                continue
            queue, reason = queues[event.queue or ""], event.payload["reason"]
            if event.payload["to"] != queue["overflow_queue"]:
                yield f"{event.call_id} went on from {event.queue} to {event.payload['to']}"
            if reason == Why.FULL and self._had_room(event.queue or "", rows, news):
                yield f"{event.call_id} went on from {event.queue}, which was not full"
            if reason == Why.MAX_WAIT_TIME and (
                event.payload["waited_seconds"] < queue["max_wait_time_seconds"] - MARGIN
            ):
                yield f"{event.call_id} went on from {event.queue} after {event.payload['waited_seconds']} s"

    def _sent_away(self, rows: Rows, news: Sequence[Event]) -> Iterator[str]:
        """Nobody is refused or sent away beside a queue that has room for it."""
        queues = {queue["name"]: queue for queue in rows.queues}
        for event in news:
            following = queues[event.queue]["overflow_queue"] if event.queue else ""
            is_rejected = event.type is EventType.CALL_REJECTED and event.payload["reason"] == Why.FULL
            is_ended = event.type is EventType.CALL_ENDED and event.payload["cause"] in (
                Why.MAX_WAIT_TIME,
                Why.WITHDRAWN,
            )
            if is_rejected and self._had_room(event.queue or "", rows, news):
                yield f"a caller was refused by {event.queue}, which was not full"
            if (is_rejected or is_ended) and following and self._had_room(following, rows, news):
                yield f"a caller of {event.queue} was sent away, and there was room in {following}"

    def _had_room(self, name: str, rows: Rows, news: Sequence[Event]) -> bool:
        """Whether a queue cannot have been full since the last rest, whoever left it meanwhile."""
        joined = sum(event.type is EventType.CALL_QUEUED and event.queue == name for event in news)
        capacity = next(queue["capacity"] for queue in rows.queues if queue["name"] == name)
        return self._depths.get(name, 0) + joined < int(capacity)

    def _withdrawn(self, news: Sequence[Event]) -> Iterator[str]:
        """An offer that was withdrawn has cost its agent no idle time."""
        for event in news:
            if event.type is not EventType.AGENT_STATE_CHANGED or event.agent is None:
                continue
            is_withdrawn = event.payload["cause"] == OfferState.WITHDRAWN
            before, since = self._free_since.get(event.agent), event.payload["available_since"]
            is_free = event.payload["new"] == AgentState.AVAILABLE
            if is_withdrawn and is_free and before is not None and abs(before - since) > MARGIN:
                yield f"{event.agent} was free since {before}, and after a withdrawn offer since {since}"
            self._free_since[event.agent] = since

    def _told(self, rows: Rows, news: Sequence[Event]) -> Iterator[str]:
        """What came to nothing by the log, and what agents have missed, are the missed offers of the rows."""
        for event in news:
            self._count(event)
        names = {agent["id"]: agent["name"] for agent in rows.agents}
        missed = Counter(
            (offer["call_id"], names[offer["agent_id"]])
            for offer in rows.offers
            if offer["entry_id"] and offer["state"] in MISSED_OFFERS
        )
        for key in missed.keys() | self._counts.failed.keys():
            if missed[key] != self._counts.failed[key]:
                yield f"{key} has {missed[key]} missed offers, and by the log {self._counts.failed[key]}"
        for key, times in self._counts.missed.items():
            if times > missed[key]:
                yield f"{key} counts as missed {times} times, and has {missed[key]} missed offers"

    def _count(self, event: Event) -> None:
        key = (event.call_id or "", event.agent or "")
        if event.type is EventType.CALL_OFFER_FAILED and event.queue is not None:
            self._counts.failed[key] += 1
        elif event.type is EventType.AGENT_STATE_CHANGED:
            in_row = event.payload["missed_in_row"]
            if in_row > self._in_row.get(key[1], 0):
                self._counts.missed[key] += 1
            self._in_row[key[1]] = in_row
