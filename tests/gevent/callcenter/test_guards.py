"""Every guard of a call's way through the database, and what would happen without it.

Each is tempted on both databases, in the situation that it is there for: it must refuse, and nothing may have
changed. Then it is taken away, and the same temptation must be seen to succeed: so each guard is shown to be
what holds, and none is believed in for a test that cannot fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, Table, Update, literal_column, or_, select, update
from sqlalchemy.sql import ColumnElement, visitors
from sqlalchemy.sql.expression import ColumnClause

from callengine.callcenter import agents, own_calls
from callengine.callcenter.agent_states import TRANSITIONS, AgentInput
from callengine.db.base import Base, table_of
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.models import Agent, Call, Leg, Offer, Queue, QueueEntry
from callengine.db.repositories import agent_states, calls, entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, GuardFailed, NotAllowed, QueueFull
from callengine.events.types import EventType
from callengine.vocabulary import AgentState, CallState, EntryState, OfferState
from tests.fakes import rows

CALL, ENTRY, OFFER, LEG = "c" * 32, "e" * 32, "0" * 32, "1" * 32

Removal = Callable[[pytest.MonkeyPatch], None]
Temptation = Callable[[Transaction], object]
Situation = dict[type[Base], dict[str, Any]]


@dataclass(frozen=True)
class Guard:
    """One condition under which alone something may be done."""

    name: str
    """What must be so."""
    situation: Situation
    """Columns of the rows in which it is not so; without them a call rings at an agent's phone."""
    tempt: Temptation
    """Does what the guard has to refuse."""
    remove: Removal
    """Takes the guard away, and nothing else."""
    refusal: type[CallCenterError] = field(default=GuardFailed)

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


# How guards are taken away


def without(statement: Update, *columns: str) -> Update:
    """The statement with what it asks of these columns made true; its parameters stay the same."""
    changed = statement.where()
    changed._where_criteria = tuple(
        or_(criterion, literal_column("1=1")) if _is_about(criterion, columns) else criterion
        for criterion in statement._where_criteria
    )
    return changed


def _is_about(criterion: ColumnElement[Any], columns: tuple[str, ...]) -> bool:
    elements = visitors.iterate(criterion)
    return any(isinstance(each, ColumnClause) and each.name in columns for each in elements)


def unasked(module: Any, name: str, *columns: str) -> Removal:
    """Removes what the module's statement `name` asks of `columns`."""
    return lambda patch: patch.setattr(module, name, without(getattr(module, name), *columns))


def allowed(state: AgentState, happening: AgentInput, then: AgentState) -> Removal:
    """Removes that an agent in this state refuses this."""
    return lambda patch: patch.setitem(TRANSITIONS[state], happening, then)


def believed(**standing: Any) -> Removal:
    """Removes a look at the agent's row: it is believed to be so."""
    read = agent_states.read_for_change

    def remove(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(agent_states, "read_for_change", lambda tx, key: replace(read(tx, key), **standing))

    return remove


# What is tempted


def told(change: Temptation) -> Temptation:
    """A change of rows, and the event without which no unit may change a state."""

    def tempt(tx: Transaction) -> None:
        change(tx)
        tx.add_event(EventType.CALL_OFFERED, call_id=CALL)

    return tempt


def claim(tx: Transaction) -> None:
    agents.claim(tx, 1, call_id=CALL)


def offer_entry(tx: Transaction) -> None:
    entries.offer(tx, ENTRY)


def queue_call_to_offered(tx: Transaction) -> None:
    calls.change_state(tx, CALL, CallState.QUEUED, CallState.OFFERED)


def connect_call(tx: Transaction) -> None:
    calls.connect(tx, CALL, agent_id=1, wait_seconds=1.0, ring_seconds=1.0)


def connect_entry(tx: Transaction) -> None:
    entries.leave(tx, ENTRY, queue_id=1, present=EntryState.OFFERED, state=EntryState.CONNECTED)


def abandon_entry(tx: Transaction) -> None:
    entries.leave(tx, ENTRY, queue_id=1, present=EntryState.WAITING, state=EntryState.ABANDONED)


def join(tx: Transaction) -> None:
    entries.join(tx, rows.entry(id="f" * 32), queue_name="support")


def end_call(tx: Transaction) -> None:
    calls.end(
        tx,
        CALL,
        disposition="abandoned",
        cause="bye",
        hung_up_by="caller",
        wait_seconds=1.0,
        talk_seconds=None,
    )


def write_agent(**believed_to_be: Any) -> Temptation:
    """Write a standing that was decided from one which is not the row's any more."""

    def tempt(tx: Transaction) -> None:
        old = replace(agent_states.read_for_change(tx, 1), **believed_to_be)
        agent_states.write(tx, old, replace(old, state=AgentState.RESERVED, load=1))
        tx.add_event(EventType.AGENT_STATE_CHANGED, agent=old.name)

    return tempt


FREE = {"state": "available", "load": 0, "signed_on": True}
BUSY_WITH_ROOM = {"state": "busy", "load": 1, "max_concurrent_calls": 2, "signed_on": True}

GUARDS = [
    # The claim
    Guard(
        "the entry still waits when it is offered",
        {QueueEntry: {"state": "offered"}},
        told(offer_entry),
        unasked(entries, "OFFER", "state"),
    ),
    Guard(
        "the entry is not left when it is offered",
        {QueueEntry: {"state": "abandoned", "left_at": rows.NOW}},
        told(offer_entry),
        unasked(entries, "OFFER", "state"),
    ),
    Guard(
        "the agent is not offline when it is claimed",
        {Agent: {"state": "offline", "load": 0}},
        claim,
        allowed(AgentState.OFFLINE, AgentInput.CLAIMED, AgentState.RESERVED),
    ),
    Guard(
        "the agent is not paused when it is claimed",
        {Agent: {"state": "paused", "load": 0, "pause_reason": "lunch"}},
        claim,
        allowed(AgentState.PAUSED, AgentInput.CLAIMED, AgentState.RESERVED),
    ),
    Guard(
        "the agent is not in wrap-up when it is claimed",
        {Agent: {"state": "wrap_up", "load": 0, "wrap_up_until": rows.NOW + 60}},
        claim,
        allowed(AgentState.WRAP_UP, AgentInput.CLAIMED, AgentState.RESERVED),
    ),
    Guard(
        "the agent has room for one more when it is claimed",
        {Agent: {"state": "busy", "load": 2, "max_concurrent_calls": 2, "signed_on": True}},
        claim,
        believed(max_concurrent_calls=3),
    ),
    Guard(
        "the agent is not to be signed off when it is claimed",
        {Agent: {"state": "busy", "load": 1, "max_concurrent_calls": 2, "signed_on": False}},
        claim,
        believed(signed_on=True),
    ),
    Guard(
        "no pause is ordered for the agent when it is claimed",
        {Agent: {**BUSY_WITH_ROOM, "pause_next_reason": "lunch"}},
        claim,
        believed(pause_next_reason=None),
    ),
    Guard(
        "the agent does not call in its wrap-up when it is claimed",
        {Agent: {**BUSY_WITH_ROOM, "wrap_up_until": rows.NOW + 60}},
        claim,
        believed(wrap_up_until=None),
    ),
    Guard(
        "the agent is not left alone when it is claimed",
        {Agent: {**FREE, "delayed_until": rows.NOW + 60, "delayed_after": "rejected"}},
        claim,
        believed(delayed_until=None),
    ),
    Guard(
        "an agent that calls has room for it",
        {Agent: {"state": "busy", "load": 1, "signed_on": True}},
        lambda tx: own_calls.begin(tx, 1, call_id=CALL),
        believed(max_concurrent_calls=2),
        refusal=NotAllowed,
    ),
    Guard(
        "the agent's state is still the one that was read",
        {Agent: {"state": "paused", "load": 0}},
        told(write_agent(state=AgentState.AVAILABLE)),
        unasked(agent_states, "WRITE", "state"),
    ),
    Guard(
        "the agent's load is still the one that was read",
        {Agent: {"state": "busy", "load": 1}},
        told(write_agent(load=0)),
        unasked(agent_states, "WRITE", "load"),
    ),
    Guard(
        "the call is still queued when it is offered",
        {Call: {"state": "connected"}},
        told(queue_call_to_offered),
        unasked(calls, "CHANGE_STATE", "state"),
    ),
    # The place in the queue
    Guard(
        "the queue has room for one more",
        {Queue: {"depth": 3, "capacity": 3}},
        told(join),
        unasked(entries, "TAKE_PLACE", "depth", "capacity"),
        refusal=QueueFull,
    ),
    # The answer
    Guard(
        "the entry is still offered when an agent answers",
        {QueueEntry: {"state": "waiting"}},
        told(connect_entry),
        unasked(entries, "LEAVE", "state"),
    ),
    Guard(
        "the offer still rings when an agent answers",
        {Offer: {"state": "withdrawn", "ended_at": rows.NOW}},
        told(lambda tx: offers.connect(tx, OFFER, ring_seconds=1.0)),
        unasked(offers, "CONNECT", "state"),
    ),
    Guard(
        "the call is still offered when an agent answers",
        {Call: {"state": "queued"}},
        told(connect_call),
        unasked(calls, "CONNECT", "state"),
    ),
    Guard(
        "the agent has an offer when it answers",
        {Agent: {"state": "available", "load": 0}},
        lambda tx: agents.connect(tx, 1, call_id=CALL),
        allowed(AgentState.AVAILABLE, AgentInput.CONNECTED, AgentState.BUSY),
    ),
    Guard(
        "the phone's leg still rings when it answers",
        {Leg: {"state": "ending"}},
        told(lambda tx: legs.connect(tx, LEG, {})),
        unasked(legs, "CONNECT", "state"),
    ),
    # The offer that comes to nothing
    Guard(
        "the offer still rings when it fails",
        {Offer: {"state": "connected", "answered_at": rows.NOW}},
        told(lambda tx: offers.fail(tx, OFFER, OfferState.BUSY, sip_status=486, ring_seconds=1.0)),
        unasked(offers, "FAIL", "state"),
    ),
    Guard(
        "the entry is still offered when it goes back into the line",
        {QueueEntry: {"state": "connected", "left_at": rows.NOW}},
        told(lambda tx: entries.return_to_line(tx, ENTRY)),
        unasked(entries, "RETURN", "state"),
    ),
    # The end
    Guard(
        "the entry still waits when its caller gives up",
        {QueueEntry: {"state": "offered"}},
        told(abandon_entry),
        unasked(entries, "LEAVE", "state"),
    ),
    Guard(
        "the offer is a conversation when that ends",
        {Offer: {"state": "ringing"}},
        told(lambda tx: offers.end(tx, OFFER, talk_seconds=1.0)),
        unasked(offers, "END", "state"),
    ),
    Guard(
        "the call has no record when it ends",
        {Call: {"state": "ended", "ended_at": rows.NOW, "disposition": "answered"}},
        told(end_call),
        unasked(calls, "END", "state"),
    ),
    Guard(
        "the agent holds something when it is released",
        {Agent: {"state": "available", "load": 0}},
        lambda tx: agents.release(tx, 1, call_id=CALL, cause="bye", was_connected=True),
        allowed(AgentState.AVAILABLE, AgentInput.RELEASED_WITH_MORE, AgentState.AVAILABLE),
    ),
]


class NotRefused(AssertionError):
    """What must not be done was done."""


@pytest.fixture
def tempted(engine: Engine, committer: Committer) -> Callable[[Guard], None]:
    """Bring the situation about, do what must be refused, and see that it was and that nothing changed."""

    def tempt(guard: Guard) -> None:
        committer.commit(partial(_bring_about, guard.situation))
        before = _everything(engine)
        try:
            committer.commit(guard.tempt)
        except guard.refusal:
            assert _everything(engine) == before
            return
        except CallCenterError as error:
            raise NotRefused(f"something else refused it, by luck: {error}") from error
        raise NotRefused(guard.name)

    return tempt


def _bring_about(situation: Situation, tx: Transaction) -> None:
    rows.store_call(tx.connection)
    for model, columns in situation.items():
        tx.execute(update(table_of(model)).values(columns))
    tx.add_event(EventType.CALL_OFFERED, call_id=CALL)


def _everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    tables: list[Table] = Base.metadata.sorted_tables
    with reading(engine) as connection:
        return [
            [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in tables
            if table.name not in ("log_head",)
        ]


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_it_refuses_and_nothing_changes(guard: Guard, tempted: Callable[[Guard], None]) -> None:
    tempted(guard)


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_taken_away_it_is_missed(
    guard: Guard, tempted: Callable[[Guard], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.remove(monkeypatch)
    with pytest.raises(NotRefused):
        tempted(guard)
