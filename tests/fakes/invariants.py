"""What holds in every moment of a call center, whatever has just been interrupted; read from its rows.

Each check yields one line for each thing that is not as it should be. `of_rows` may be asked at any time: the
rows are what was committed. `at_rest` may be asked when nothing happens any more unless time passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from callengine.callcenter.agent_states import CLAIMABLE
from callengine.callcenter.calls import Entry
from callengine.db.engine import reading
from callengine.events.types import EventType
from callengine.vocabulary import (
    COMPLETED_ELSEWHERE,
    LIVE_ENTRIES,
    LIVE_LEGS,
    LIVE_OFFERS,
    AgentState,
    CallState,
    EntryState,
    OfferState,
)
from tests.fakes.paper_center import PaperCenter

Row = dict[str, Any]

_OF_LIVE_CALL = {
    CallState.QUEUED: EntryState.WAITING,
    CallState.OFFERED: EntryState.OFFERED,
    CallState.CONNECTED: EntryState.CONNECTED,
}
_HAD_THE_CALL = (OfferState.CONNECTED, OfferState.ENDED)


@dataclass(frozen=True)
class Rows:
    """Everything, as it was committed at one moment."""

    agents: list[Row]
    queues: list[Row]
    memberships: list[Row]
    calls: list[Row]
    entries: list[Row]
    offers: list[Row]
    legs: list[Row]

    def offers_of(self, call_id: str) -> list[Row]:
        return [offer for offer in self.offers if offer["call_id"] == call_id]

    def made_by(self) -> dict[str, int | None]:
        """The agent that has made a call, by the id of its place; it is not offered its own call."""
        maker = {call["id"]: call["from_agent_id"] for call in self.calls}
        return {entry["id"]: maker[entry["call_id"]] for entry in self.entries}

    def entries_of(self, call_id: str) -> list[Row]:
        return [entry for entry in self.entries if entry["call_id"] == call_id]


def read_rows(engine: Engine) -> Rows:
    """One view of the database: PostgreSQL is asked for one, SQLite gives it."""
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        tables = ("agents", "queues", "memberships", "calls", "queue_entries", "offers", "legs")
        found = [connection.execute(text(f"SELECT * FROM {table}")).mappings() for table in tables]
        return Rows(*[[dict(row) for row in rows] for rows in found])


def of_rows(rows: Rows) -> Iterator[str]:
    """What is wrong with the rows in themselves."""
    yield from _loads(rows)
    yield from _calls(rows)
    yield from _depths(rows)


def _loads(rows: Rows) -> Iterator[str]:
    """No agent holds more offers and calls than its capacity; its load and state say how many it holds."""
    held: defaultdict[int, set[str]] = defaultdict(set)
    talking: set[int] = set()
    agent_of = {offer["id"]: offer["agent_id"] for offer in rows.offers}
    for offer in rows.offers:
        if offer["state"] in LIVE_OFFERS:
            held[offer["agent_id"]].add(offer["id"])
        if offer["state"] == OfferState.CONNECTED:
            talking.add(offer["agent_id"])
    made_by = {call["id"]: call["from_agent_id"] for call in rows.calls}
    for leg in rows.legs:
        if leg["state"] not in LIVE_LEGS:
            continue
        if leg["offer_id"] and leg["end_cause"] != COMPLETED_ELSEWHERE:
            held[agent_of[leg["offer_id"]]].add(leg["offer_id"])
        elif leg["role"] == "caller" and made_by[leg["call_id"]]:
            held[made_by[leg["call_id"]]].add(leg["call_id"])
    for agent in rows.agents:
        name, load, state = agent["name"], agent["load"], agent["state"]
        holds = len(held[agent["id"]])
        if holds > agent["max_concurrent_calls"]:
            yield f"{name} holds {holds} offers and calls, above its capacity"
        if load != holds:
            yield f"{name} holds {holds} offers and calls, and its load is {load}"
        if (load > 0) != (state in (AgentState.RESERVED, AgentState.BUSY)):
            yield f"{name} is {state} with a load of {load}"
        if agent["id"] in talking and state != AgentState.BUSY:
            yield f"{name} is {state} and talks"


def _calls(rows: Rows) -> Iterator[str]:
    """No caller has two agents; each has one place, which says the same as the call and its offers."""
    for call in rows.calls:
        key, state = call["id"], call["state"]
        offers, entries = rows.offers_of(key), rows.entries_of(key)
        had = [offer for offer in offers if offer["state"] in _HAD_THE_CALL]
        ringing = [offer["agent_id"] for offer in offers if offer["state"] == OfferState.RINGING]
        live = [entry["state"] for entry in entries if entry["state"] in LIVE_ENTRIES]
        if len(had) > 1:
            yield f"call {key} was answered by {len(had)} agents"
        if len(ringing) != len(set(ringing)):
            yield f"call {key} rings an agent twice"
        if ringing and state != CallState.OFFERED:
            yield f"call {key} is {state} and rings"
        if state == CallState.OFFERED and not ringing:
            yield f"call {key} is offered to nobody"
        if (state == CallState.CONNECTED) != any(o["state"] == OfferState.CONNECTED for o in offers):
            yield f"call {key} is {state}, its offers {[o['state'] for o in offers]}"
        if not entries and call["queue_id"]:
            yield f"call {key} has no place"
        places = [entry["state"] for entry in entries]
        if places and _OF_LIVE_CALL.get(state, places[0]) not in places:
            yield f"call {key} is {state}, its places {places}"
        if len(live) > (state in (CallState.QUEUED, CallState.OFFERED)):
            yield f"call {key} is {state} and has the places {live}"


def _depths(rows: Rows) -> Iterator[str]:
    for queue in rows.queues:
        inside = [e for e in rows.entries if e["queue_id"] == queue["id"] and e["state"] in LIVE_ENTRIES]
        if queue["depth"] != len(inside):
            yield f"{queue['name']} has {len(inside)} callers and the depth {queue['depth']}"
        if queue["depth"] > queue["capacity"]:
            yield f"{queue['name']} has {queue['depth']} callers, above its capacity"


def at_rest(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """What is wrong although nothing happens any more."""
    yield from _lost(center, rows)
    yield from _lines(center, rows)
    yield from _idle_beside_waiting(center, rows)
    yield from _memory(center, rows)
    yield from center.complaints
    repaired = [event for event in center.events if event.type == EventType.STATE_REPAIRED]
    yield from (
        f"repaired: {event.payload}" for event in repaired if event.payload["reason"] != "clock_jumped"
    )


def _lost(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """A caller whose phone has the call has a live call, and the other way round."""
    call_of = {leg["sip_call_id"]: leg["call_id"] for leg in rows.legs if leg["role"] == "caller"}
    live = {call["id"] for call in rows.calls if call["state"] != CallState.ENDED}
    up = {call_of.get(each.call_id) for each in center.dialled if not each.ended.is_set()}
    if None in up:
        yield "a phone has a call of which there is no row"
    yield from (f"the caller of {key} is lost" for key in up - live - {None})
    yield from (f"call {key} has no caller any more" for key in live - up)


def _lines(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """Who waits by the rows stands in line, in the order of priority and first arrival."""
    for queue in center.parts.people.queues:
        waiting = [
            entry
            for entry in rows.entries
            if entry["queue_id"] == queue.id and entry["state"] == EntryState.WAITING
        ]
        waiting.sort(key=lambda entry: (-entry["priority"], entry["first_arrived_at"], entry["id"]))
        in_line, by_rows = [entry.id for entry in queue.line], [entry["id"] for entry in waiting]
        if in_line != by_rows:
            yield f"the line of {queue.name} is {in_line}, and by the rows {by_rows}"


def _idle_beside_waiting(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """No agent that could be rung is free beside a caller who waits, unless it has just missed that call."""
    serves = {(row["queue_id"], row["agent_id"]) for row in rows.memberships}
    made_by = rows.made_by()
    for queue in center.parts.people.queues:
        for entry in queue.line:
            for agent in rows.agents:
                is_possible = (queue.id, agent["id"]) in serves and made_by[entry.id] != agent["id"]
                is_skipped = agent["id"] in entry.missed and center.time.monotonic() < entry.retry_at
                if is_possible and not is_skipped and _is_free(agent, center):
                    yield f"{agent['name']} is free and {entry.id} waits in {queue.name}"


def _is_free(agent: Row, center: PaperCenter) -> bool:
    is_delayed = (agent["delayed_until"] or 0.0) > center.time.now()
    is_leaving = agent["pause_next_reason"] is not None or not _stays(agent)
    has_room = agent["state"] in CLAIMABLE and agent["load"] < agent["max_concurrent_calls"]
    has_phone = bool(center.parts.people.presence.bindings_of(agent["name"]))
    return has_room and has_phone and not is_delayed and not is_leaving


def _stays(agent: Row) -> bool:
    """Whether it is neither to be signed off after its call nor still has its wrap-up before it."""
    return agent["load"] == 0 or (bool(agent["signed_on"]) and agent["wrap_up_until"] is None)


def _memory(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """The roster is what the rows are, and dispatch holds nobody."""
    for agent in rows.agents:
        known = center.parts.people.roster.find(agent["name"])
        if (known.state, known.load) != (agent["state"], agent["load"]):
            by_rows, by_memory = (agent["state"], agent["load"]), (known.state, known.load)
            yield f"{known.name} is {by_rows}, in memory {by_memory}"
        if known.held:
            yield f"{known.name} is held and nothing happens"


class OrderOfService:
    """Nobody is passed over: an agent gets the first in line whom it may have.

    Looked at each time that all is at rest, it judges what was offered since: who stood in line all the time,
    before the caller that was offered, should have had that agent.
    """

    def __init__(self, center: PaperCenter) -> None:
        self._center = center
        self._seen = 0
        self._lines: dict[str, list[Entry]] = {}

    def judge(self, rows: Rows) -> Iterator[str]:
        """Who was passed over since the last time."""
        news = [event for event in self._center.events[self._seen :] if event.type == EventType.CALL_OFFERED]
        self._seen = len(self._center.events)
        call_of = {entry["id"]: entry["call_id"] for entry in rows.entries}
        ranks = {entry["call_id"]: (-entry["priority"], entry["first_arrived_at"]) for entry in rows.entries}
        moved, made_by = {event.call_id for event in news}, rows.made_by()
        agents = {agent["name"]: agent["id"] for agent in rows.agents}
        for event in news:
            for entry in self._lines.get(event.queue or "", ()):
                key = call_of[entry.id]
                agent = agents[event.agent or ""]
                stood_there = key not in moved and entry in self._line(event.queue or "")
                may_have = agent not in entry.missed and made_by[entry.id] != agent
                if stood_there and may_have and ranks[key] < ranks[event.call_id or ""]:
                    yield f"{event.agent} was given {event.call_id}, and {key} stood before it"
        self._lines = {queue.name: list(queue.line) for queue in self._center.parts.people.queues}

    def _line(self, name: str) -> list[Entry]:
        return list(self._center.parts.people.queues.find(name).line)
