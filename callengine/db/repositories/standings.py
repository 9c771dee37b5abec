"""What is alive, in few columns, to be compared with what a running service knows; and set right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, bindparam, case, func, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Agent, Binding, Call, Leg, Offer, Queue, QueueEntry
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import GuardFailed
from callengine.vocabulary import (
    COMPLETED_ELSEWHERE,
    LEGS_UP,
    LIVE_CALLS,
    LIVE_ENTRIES,
    LIVE_LEGS,
    LIVE_OFFERS,
    EntryState,
    LegRole,
    LegState,
    OfferState,
)

_calls, _entries, _offers = table_of(Call), table_of(QueueEntry), table_of(Offer)
_legs, _agents, _bindings, _queues = table_of(Leg), table_of(Agent), table_of(Binding), table_of(Queue)

CALLS = select(_calls.c.id, _calls.c.state, _calls.c.connected_at).where(
    _calls.c.node == bindparam("node_name"), _calls.c.state.in_(LIVE_CALLS)
)
ENTRIES = select(
    _entries.c.id, _entries.c.call_id, _entries.c.queue_id, _entries.c.state, _entries.c.expires_at
).where(_entries.c.node == bindparam("node_name"), _entries.c.state.in_(LIVE_ENTRIES))
LEGS = (
    select(
        _legs.c.id,
        _legs.c.call_id,
        _legs.c.offer_id,
        _offers.c.agent_id,
        _legs.c.state,
        _legs.c.end_cause,
        case((_legs.c.role == LegRole.CALLER, _calls.c.from_agent_id)).label("made_by"),
    )
    .select_from(
        _legs.outerjoin(_offers, _legs.c.offer_id == _offers.c.id).join(
            _calls, _legs.c.call_id == _calls.c.id
        )
    )
    .where(_legs.c.node == bindparam("node_name"), _legs.c.state.in_(LIVE_LEGS))
)
AGENTS = select(
    _agents.c.id,
    _agents.c.name,
    _agents.c.state,
    _agents.c.load,
    _agents.c.wrap_up_until,
    _agents.c.signed_on,
    _agents.c.pause_next_reason,
    _agents.c.delayed_until,
).where(_agents.c.tenant_id == DEFAULT_TENANT_ID, _agents.c.removed_at.is_(None))
OFFERS = select(
    _offers.c.id,
    _offers.c.call_id,
    _offers.c.entry_id,
    _offers.c.agent_id,
    _offers.c.state,
    _offers.c.deadline_at,
).where(
    _offers.c.agent_id.in_(select(_agents.c.id).where(_agents.c.tenant_id == DEFAULT_TENANT_ID)),
    _offers.c.state.in_(LIVE_OFFERS),
)
REGISTERED = select(_bindings.c.agent_id).where(_bindings.c.expires_at > bindparam("now")).distinct()
QUEUES = select(_queues.c.id, _queues.c.name, _queues.c.depth).where(_queues.c.tenant_id == DEFAULT_TENANT_ID)

_HELD_BY_OFFERS = select(_offers.c.id, _offers.c.state).where(
    _offers.c.agent_id == bindparam("agent_key"), _offers.c.state.in_(LIVE_OFFERS)
)
_HELD_BY_LEGS = (
    select(_legs.c.offer_id)
    .join_from(_legs, _offers, _legs.c.offer_id == _offers.c.id)
    .where(
        _offers.c.agent_id == bindparam("agent_key"),
        _legs.c.state.in_(LIVE_LEGS),
        func.coalesce(_legs.c.end_cause, "") != COMPLETED_ELSEWHERE,
    )
)
_OWN_CALLS = (
    select(_calls.c.id)
    .join_from(_calls, _legs, _legs.c.call_id == _calls.c.id)
    .where(
        _calls.c.from_agent_id == bindparam("agent_key"),
        _legs.c.role == LegRole.CALLER,
        _legs.c.state.in_(LIVE_LEGS),
    )
)
_ENTRY_OF_CALL = select(_entries.c.id, _entries.c.queue_id, _entries.c.state).where(
    _entries.c.call_id == bindparam("call_key"), _entries.c.state.in_(LIVE_ENTRIES)
)
_OFFERS_OF_CALL = select(_offers.c.id, _offers.c.state, _offers.c.offered_at, _offers.c.answered_at).where(
    _offers.c.call_id == bindparam("call_key"), _offers.c.state.in_(LIVE_OFFERS)
)
_OFFER = select(_offers.c.id, _offers.c.state, _offers.c.offered_at, _offers.c.answered_at).where(
    _offers.c.id == bindparam("offer_key"), _offers.c.state.in_(LIVE_OFFERS)
)


def _legs_ending(which: ColumnElement[bool]) -> Update:
    is_up = _legs.c.state.in_(LEGS_UP)
    return update(_legs).where(which, is_up).values(state=LegState.ENDING, end_cause=bindparam("why"))


_TIMES = (
    select(_calls.c.arrived_at, _calls.c.queued_at, _calls.c.connected_at, _queues.c.name)
    .select_from(_calls.outerjoin(_queues, _calls.c.queue_id == _queues.c.id))
    .where(_calls.c.id == bindparam("call_key"), _calls.c.state.in_(LIVE_CALLS))
)
LEGS_OF_CALL_ENDING = _legs_ending(_legs.c.call_id == bindparam("call_key"))
LEGS_OF_OFFER_ENDING = _legs_ending(_legs.c.offer_id == bindparam("offer_key"))
COUNT_AGAIN = (
    update(_queues)
    .where(_queues.c.id == bindparam("queue_key"))
    .values(
        depth=select(func.count())
        .select_from(_entries)
        .where(_entries.c.queue_id == bindparam("queue_key"), _entries.c.state.in_(LIVE_ENTRIES))
        .scalar_subquery()
    )
    .returning(_queues.c.depth)
)


@dataclass(frozen=True)
class Standings:
    """The rows of everything that is alive, each a tuple in the order of its statement's columns."""

    calls: Sequence[tuple[Any, ...]]
    entries: Sequence[tuple[Any, ...]]
    offers: Sequence[tuple[Any, ...]]
    legs: Sequence[tuple[Any, ...]]
    agents: Sequence[tuple[Any, ...]]
    registered: frozenset[int]
    queues: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class CallTimes:
    """When a call came into its queue, and when an agent had it; seconds since the epoch."""

    queued_at: float
    connected_at: float | None
    queue: str | None


def read(connection: Connection, *, node: str, now: float) -> Standings:
    """What is alive on a node, and how agents and queues stand; `now` in seconds since the epoch."""

    def rows(statement: Select[Any], **parameters: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(statement, parameters)]

    return Standings(
        calls=rows(CALLS, node_name=node),
        entries=rows(ENTRIES, node_name=node),
        offers=rows(OFFERS),
        legs=rows(LEGS, node_name=node),
        agents=rows(AGENTS),
        registered=frozenset(row[0] for row in rows(REGISTERED, now=now)),
        queues=rows(QUEUES),
    )


def held_by(tx: Transaction, agent_id: int) -> tuple[int, bool]:
    """How many offers and own calls hold an agent, and whether it is busy with one of them."""
    offers = tx.fetch(_HELD_BY_OFFERS, {"agent_key": agent_id})
    legs = tx.fetch(_HELD_BY_LEGS, {"agent_key": agent_id})
    own = {row[0] for row in tx.fetch(_OWN_CALLS, {"agent_key": agent_id})}
    is_busy = bool(own) or any(state == OfferState.CONNECTED for _, state in offers)
    return len({row[0] for row in (*offers, *legs)}) + len(own), is_busy


def times_of(tx: Transaction, call_id: str) -> CallTimes:
    """Of a call that is alive; raises `GuardFailed` if it has ended."""
    row = tx.execute(_TIMES, {"call_key": call_id}).one_or_none()
    if row is None:
        raise GuardFailed(f"call {call_id} has ended already")
    return CallTimes(row.arrived_at if row.queued_at is None else row.queued_at, row.connected_at, row.name)


def live_entries(tx: Transaction, call_id: str) -> list[tuple[str, int, EntryState]]:
    """The places that a call holds: id, queue's id, state."""
    rows = tx.fetch(_ENTRY_OF_CALL, {"call_key": call_id})
    return [(entry_id, queue_id, EntryState(state)) for entry_id, queue_id, state in rows]


def live_offers(tx: Transaction, *, call_id: str) -> list[tuple[str, OfferState, float, float | None]]:
    """The offers of a call that are alive: id, state, offered at, answered at."""
    return _offer_rows(tx.fetch(_OFFERS_OF_CALL, {"call_key": call_id}))


def live_offer(tx: Transaction, offer_id: str) -> list[tuple[str, OfferState, float, float | None]]:
    """The offer with this id, if it is alive: id, state, offered at, answered at."""
    return _offer_rows(tx.fetch(_OFFER, {"offer_key": offer_id}))


def _offer_rows(rows: list[tuple[Any, ...]]) -> list[tuple[str, OfferState, float, float | None]]:
    return [(key, OfferState(state), offered, answered) for key, state, offered, answered in rows]


def legs_of_call_ending(tx: Transaction, call_id: str, cause: str) -> None:
    """Whatever is up of a call is to be hung up."""
    tx.change(LEGS_OF_CALL_ENDING, {"call_key": call_id, "why": cause})


def legs_of_offer_ending(tx: Transaction, offer_id: str, cause: str) -> None:
    """Whatever is up of an offer is to be hung up."""
    tx.change(LEGS_OF_OFFER_ENDING, {"offer_key": offer_id, "why": cause})


def count_again(tx: Transaction, queue_id: int) -> int:
    """Make a queue's depth the number of its waiting and offered entries; the depth."""
    return int(tx.fetch(COUNT_AGAIN, {"queue_key": queue_id})[0][0])
