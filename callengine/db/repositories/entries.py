"""The statements on queue entries and on the depth of their queue."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Call, Queue, QueueEntry
from callengine.db.transaction import Transaction
from callengine.errors import QueueFull
from callengine.vocabulary import EntryState

_entries = table_of(QueueEntry)
_queues = table_of(Queue)
_calls = table_of(Call)
_this_entry = (_entries.c.id == bindparam("entry_key"), _entries.c.state == bindparam("present"))

INSERT = insert(_entries)
OFFER = update(_entries).where(*_this_entry).values(state=EntryState.OFFERED, rounds=_entries.c.rounds + 1)
RETURN = update(_entries).where(*_this_entry).values(state=EntryState.WAITING)
LEAVE = update(_entries).where(*_this_entry).values(state=bindparam("state"), left_at=bindparam("left_at"))
TAKE_PLACE = (
    update(_queues)
    .where(_queues.c.id == bindparam("queue_key"), _queues.c.depth < _queues.c.capacity)
    .values(depth=_queues.c.depth + 1)
    .returning(_queues.c.depth)
)
GIVE_PLACE = (
    update(_queues)
    .where(_queues.c.id == bindparam("queue_key"))
    .values(depth=_queues.c.depth - 1)
    .returning(_queues.c.depth)
)
DEPTH = select(_queues.c.depth).where(_queues.c.id == bindparam("queue_key"))
PRIORITIZE = update(_entries).where(*_this_entry).values(priority=bindparam("new_priority"))
POINT = (
    update(_queues).where(_queues.c.id == bindparam("queue_key")).values(last_agent_id=bindparam("agent_key"))
)
OF_CALL = (
    select(_entries)
    .where(_entries.c.call_id == bindparam("call_key"))
    .order_by(_entries.c.left_at.is_not(None), _entries.c.joined_at.desc())
    .limit(1)
)


EARLIER_PLACES = (
    select(_entries.c.first_arrived_at, _calls.c.ended_at, _calls.c.connected_at, _calls.c.disposition)
    .join_from(_calls, _entries, _entries.c.call_id == _calls.c.id)
    .where(_calls.c.caller_number == bindparam("number"), _entries.c.queue_id == bindparam("queue_key"))
    .order_by(_calls.c.arrived_at.desc())
    .limit(20)
)


class EarlierPlace(NamedTuple):
    """A place that a caller had, and what became of its call. Times are seconds since the epoch."""

    first_arrived_at: float
    ended_at: float | None
    connected_at: float | None
    disposition: str | None


def earlier_places(connection: Connection, number: str, queue_id: int) -> list[EarlierPlace]:
    """The places in this queue of the latest calls from a number, the latest first."""
    rows = connection.execute(EARLIER_PLACES, {"number": number, "queue_key": queue_id})
    return [EarlierPlace(*row) for row in rows]


def join(tx: Transaction, row: Mapping[str, Any], *, queue_name: str) -> int:
    """Store a new entry and take its place in the queue; answers the queue's depth with it.

    Raises `QueueFull` if waiting and offered entries already number the queue's capacity.
    """
    taken = tx.fetch(TAKE_PLACE, {"queue_key": row["queue_id"]})
    if not taken:
        raise QueueFull(f"queue {queue_name} is full")
    tx.change(INSERT, row)
    return int(taken[0][0])


def offer(tx: Transaction, entry_id: str) -> None:
    """`waiting` becomes `offered`: half of the claim; raises `GuardFailed` if it is not waiting."""
    tx.guard(
        OFFER,
        {"entry_key": entry_id, "present": EntryState.WAITING},
        what=f"entry {entry_id} is no longer waiting",
    )


def return_to_line(tx: Transaction, entry_id: str) -> None:
    """The offer came to nothing: `offered` becomes `waiting`, at its place."""
    tx.guard(
        RETURN,
        {"entry_key": entry_id, "present": EntryState.OFFERED},
        what=f"entry {entry_id} is no longer offered",
    )


def leave(tx: Transaction, entry_id: str, *, queue_id: int, present: EntryState, state: EntryState) -> int:
    """The entry ends as `state`, now, and its place is given up; answers the depth that is left."""
    tx.guard(
        LEAVE,
        {"entry_key": entry_id, "present": present, "state": state, "left_at": tx.now},
        what=f"entry {entry_id} is no longer {present}",
    )
    return int(tx.fetch(GIVE_PLACE, {"queue_key": queue_id})[0][0])


def depth_of(tx: Transaction, queue_id: int) -> int:
    """How many wait in a queue or are offered."""
    return int(tx.fetch(DEPTH, {"queue_key": queue_id})[0][0])


def prioritize(tx: Transaction, entry_id: str, priority: int) -> None:
    """Make a caller who waits as urgent as this; raises `GuardFailed` if it is not waiting."""
    tx.guard(
        PRIORITIZE,
        {"entry_key": entry_id, "present": EntryState.WAITING, "new_priority": priority},
        what=f"entry {entry_id} is no longer waiting",
    )


def point_to(tx: Transaction, queue_id: int, agent_id: int) -> None:
    """Move the queue's durable round-robin pointer."""
    tx.change(POINT, {"queue_key": queue_id, "agent_key": agent_id})


def of_call(connection: Connection, call_id: str) -> dict[str, Any] | None:
    """The entry that a call made last."""
    row = connection.execute(OF_CALL, {"call_key": call_id}).mappings().one_or_none()
    return None if row is None else dict(row)
