"""The statements on calls: from the INVITE to the record."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, bindparam, case, func, insert, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Call
from callengine.db.transaction import Transaction
from callengine.vocabulary import LIVE_CALLS, CallKind, CallState

_calls = table_of(Call)
_this_call = (_calls.c.id == bindparam("call_key"), _calls.c.state == bindparam("present"))

INSERT = insert(_calls)
CHANGE_QUEUE = (
    update(_calls).where(_calls.c.id == bindparam("call_key")).values(queue_id=bindparam("queue_key"))
)
CHANGE_STATE = update(_calls).where(*_this_call).values(state=bindparam("state"))
CONNECT = (
    update(_calls)
    .where(*_this_call)
    .values(
        state=CallState.CONNECTED,
        agent_id=bindparam("agent_id"),
        connected_at=bindparam("connected_at"),
        answered_at=func.coalesce(_calls.c.answered_at, bindparam("connected_at")),
        wait_seconds=bindparam("wait_seconds"),
        ring_seconds=bindparam("ring_seconds"),
    )
)
ANSWER = update(_calls).where(_calls.c.id == bindparam("call_key")).values(answered_at=bindparam("answered"))
END = (
    update(_calls)
    .where(_calls.c.id == bindparam("call_key"), _calls.c.state != CallState.ENDED)
    .values(
        state=CallState.ENDED,
        ended_at=bindparam("ended_at"),
        wait_seconds=bindparam("wait_seconds"),
        talk_seconds=bindparam("talk_seconds"),
        disposition=bindparam("disposition"),
        cause=bindparam("cause"),
        hung_up_by=bindparam("hung_up_by"),
    )
)
LIVE = (
    select(_calls)
    .where(
        _calls.c.node == bindparam("node"),
        _calls.c.state.in_(LIVE_CALLS),
    )
    .order_by(_calls.c.arrived_at, _calls.c.id)
)
_was_served = and_(_calls.c.connected_at.is_not(None), _calls.c.queue_id.is_not(None))
TOTALS = select(
    func.count(),
    func.count(case((_was_served, 1))),
    func.sum(case((_was_served, _calls.c.wait_seconds))),
).select_from(_calls)
AGENTS_OF_NUMBER = (
    select(_calls.c.agent_id)
    .where(_calls.c.caller_number == bindparam("number"), _calls.c.kind == CallKind.CUSTOMER)
    .order_by(_calls.c.arrived_at.desc())
    .limit(20)
)
FIND = select(_calls).where(_calls.c.id == bindparam("call_key"))


def insert_call(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Store a new call; `row` has a value for each column that is not null."""
    tx.change(INSERT, row)


def change_state(tx: Transaction, call_id: str, present: CallState, state: CallState) -> None:
    """Move a call from `present` to `state`; raises `GuardFailed` if it is not there any more."""
    tx.guard(
        CHANGE_STATE,
        {"call_key": call_id, "present": present, "state": state},
        what=f"call {call_id} is no longer {present}",
    )


def answer(tx: Transaction, call_id: str) -> None:
    """The caller's phone is given its 200, now, before an agent has answered."""
    tx.change(ANSWER, {"call_key": call_id, "answered": tx.now})


def change_queue(tx: Transaction, call_id: str, queue_id: int) -> None:
    """A caller who waits does so in another queue from now on."""
    tx.change(CHANGE_QUEUE, {"call_key": call_id, "queue_key": queue_id})


def connect(
    tx: Transaction, call_id: str, *, agent_id: int, wait_seconds: float, ring_seconds: float
) -> None:
    """An agent has answered: `offered` becomes `connected`, now; so is the caller if it was not before."""
    tx.guard(
        CONNECT,
        {
            "call_key": call_id,
            "present": CallState.OFFERED,
            "agent_id": agent_id,
            "connected_at": tx.now,
            "wait_seconds": max(0.0, wait_seconds),
            "ring_seconds": max(0.0, ring_seconds),
        },
        what=f"call {call_id} is no longer offered",
    )


def end(
    tx: Transaction,
    call_id: str,
    *,
    disposition: str,
    cause: str,
    hung_up_by: str,
    wait_seconds: float | None,
    talk_seconds: float | None,
) -> None:
    """Complete the record, now; raises `GuardFailed` if it was complete. Durations in seconds."""
    tx.guard(
        END,
        {
            "call_key": call_id,
            "ended_at": tx.now,
            "wait_seconds": wait_seconds,
            "talk_seconds": talk_seconds,
            "disposition": disposition,
            "cause": cause,
            "hung_up_by": hung_up_by,
        },
        what=f"call {call_id} has ended already",
    )


def find(connection: Connection, call_id: str) -> dict[str, Any] | None:
    """The row of a call."""
    row = connection.execute(FIND, {"call_key": call_id}).mappings().one_or_none()
    return None if row is None else dict(row)


def live(connection: Connection, node: str) -> list[dict[str, Any]]:
    """The calls of a node that have no complete record, the first to arrive first."""
    return [dict(row) for row in connection.execute(LIVE, {"node": node}).mappings()]


def totals(connection: Connection) -> tuple[int, int, float]:
    """Calls that ever arrived, those of queues that were answered, and the sum of their waiting seconds."""
    arrived, answered, waited = connection.execute(TOTALS).one()
    return int(arrived), int(answered), float(waited or 0.0)


def last_agent_of(tx: Transaction, caller_number: str) -> int | None:
    """The agent who spoke with this number last, of its latest 20 calls; None if nobody has."""
    found = tx.execute(AGENTS_OF_NUMBER, {"number": caller_number}).scalars()
    return next((agent_id for agent_id in found if agent_id is not None), None)
