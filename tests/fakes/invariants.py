"""What holds in every moment of a call center, whatever has just been interrupted; read from its rows.

Each check yields one line for each thing that is not as it should be. `of_rows` may be asked at any time: the
rows are what was committed. `at_rest` may be asked when nothing happens any more unless time passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

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
from tests.fakes.committed import Row, Rows
from tests.fakes.lines import idle_beside_waiting, out_of_order, overdue
from tests.fakes.paper_center import PaperCenter
from tests.fakes.prospects import Prospects

_OF_LIVE_CALL = {
    CallState.QUEUED: EntryState.WAITING,
    CallState.OFFERED: EntryState.OFFERED,
    CallState.CONNECTED: EntryState.CONNECTED,
}
_HAD_THE_CALL = (OfferState.CONNECTED, OfferState.ENDED)


def of_rows(rows: Rows) -> Iterator[str]:
    """What is wrong with the rows in themselves."""
    yield from _loads(rows)
    yield from _calls(rows)
    yield from _depths(rows)
    yield from _rounds(rows)


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


def _rounds(rows: Rows) -> Iterator[str]:
    """A round goes to several agents only by `ring_all`; who answers has the call, and no other rings."""
    strategies = {queue["id"]: queue["strategy"] for queue in rows.queues}
    queue_of = {entry["id"]: entry["queue_id"] for entry in rows.entries}
    rounds: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for offer in rows.offers:
        if offer["entry_id"]:
            rounds[offer["entry_id"], offer["round"]].append(offer)
    for (entry_id, number), offers in rounds.items():
        what, states = f"round {number} of {entry_id}", [offer["state"] for offer in offers]
        if len(offers) > 1 and strategies[queue_of[entry_id]] != "ring_all":
            yield f"{what} went to {len(offers)} agents at once"
        answered = [offer for offer in offers if offer["state"] in _HAD_THE_CALL]
        if len(answered) > 1:
            yield f"{what} was answered by {len(answered)} agents"
        if answered and OfferState.RINGING in states:
            yield f"{what} is answered and rings: {states}"


def _depths(rows: Rows) -> Iterator[str]:
    for queue in rows.queues:
        inside = [e for e in rows.entries if e["queue_id"] == queue["id"] and e["state"] in LIVE_ENTRIES]
        if queue["depth"] != len(inside):
            yield f"{queue['name']} has {len(inside)} callers and the depth {queue['depth']}"
        if queue["depth"] > queue["capacity"]:
            yield f"{queue['name']} has {queue['depth']} callers, above its capacity"


def at_rest(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """What is wrong although nothing happens any more."""
    prospects = Prospects(rows, ageing=center.ageing)
    yield from _lost(center, rows)
    yield from out_of_order(center, prospects)
    yield from idle_beside_waiting(center, prospects)
    yield from overdue(center, rows)
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


def _memory(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """The roster is what the rows are, and dispatch holds nobody."""
    for agent in rows.agents:
        known = center.parts.people.roster.find(agent["name"])
        if (known.state, known.load) != (agent["state"], agent["load"]):
            by_rows, by_memory = (agent["state"], agent["load"]), (known.state, known.load)
            yield f"{known.name} is {by_rows}, in memory {by_memory}"
        if known.held:
            yield f"{known.name} is held and nothing happens"
