"""The statements on legs: stored before their first message, until the phone has confirmed the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, insert, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Binding, Call, Leg
from callengine.db.transaction import Transaction
from callengine.vocabulary import LEGS_UP, LIVE_LEGS, LegRole, LegState

_legs, _calls, _bindings = table_of(Leg), table_of(Call), table_of(Binding)

_binding_that_is_left = (
    select(_bindings.c.id)
    .where(_bindings.c.id == bindparam("binding_key"))
    .with_for_update(read=True, key_share=True)
    .scalar_subquery()
)
INSERT = insert(_legs).values(binding_id=_binding_that_is_left)
CONNECT = update(_legs).where(_legs.c.id == bindparam("leg_key"), _legs.c.state == LegState.INVITING)
CHANGE = update(_legs).where(_legs.c.id == bindparam("leg_key"))
END = (
    update(_legs)
    .where(_legs.c.id == bindparam("leg_key"), _legs.c.state != LegState.ENDED)
    .values(state=LegState.ENDED, ended_at=bindparam("ended"), end_cause=bindparam("why"))
)
ENDING = (
    update(_legs)
    .where(_legs.c.id == bindparam("leg_key"), _legs.c.state.in_(LEGS_UP))
    .values(state=LegState.ENDING, end_cause=bindparam("why"))
)
_made_by = case((_legs.c.role == LegRole.CALLER, _calls.c.from_agent_id)).label("made_by")


def _with_agent(*which: ColumnElement[bool]) -> Select[Any]:
    """Legs, and for a caller's leg the agent who made the call."""
    return select(_legs, _made_by).join_from(_legs, _calls, _legs.c.call_id == _calls.c.id).where(*which)


OF_CALL = _with_agent(_legs.c.call_id == bindparam("call_key")).order_by(_legs.c.created_at)
LIVE = _with_agent(_legs.c.node == bindparam("node"), _legs.c.state.in_(LIVE_LEGS))


def insert_legs(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new legs; each row has a value for each column that is not null.

    A phone may have unregistered since its leg was made: then the leg has no binding, as if that came later.
    """
    for row in rows:
        tx.change(INSERT, {**row, "binding_key": row["binding_id"]})


def connect(tx: Transaction, leg_id: str, columns: Mapping[str, Any]) -> None:
    """The phone has answered: `columns` are what is known now; raises `GuardFailed` if it no longer rings."""
    values = {"leg_key": leg_id, "state": LegState.CONNECTED, "answered_at": tx.now, **columns}
    tx.guard(CONNECT, values, what=f"leg {leg_id} is no longer inviting")


def change(tx: Transaction, leg_id: str, columns: Mapping[str, Any]) -> None:
    """Store what has become different of a leg whose state stays."""
    tx.change(CHANGE, {"leg_key": leg_id, **columns})


def end(tx: Transaction, leg_id: str, cause: str) -> None:
    """The phone has confirmed the end, or never will; harmless if the leg has ended."""
    tx.change(END, {"leg_key": leg_id, "ended": tx.now, "why": cause})


def ending(tx: Transaction, leg_id: str, cause: str) -> None:
    """Our BYE or CANCEL is due; harmless if the leg has ended."""
    tx.change(ENDING, {"leg_key": leg_id, "why": cause})


def of_call(connection: Connection, call_id: str) -> list[dict[str, Any]]:
    """The legs of a call, oldest first; `made_by` is the agent who calls from it."""
    return [dict(row) for row in connection.execute(OF_CALL, {"call_key": call_id}).mappings()]


def live(connection: Connection, node: str) -> list[dict[str, Any]]:
    """The legs of a node that a phone may still hold; `made_by` is the agent who calls from it."""
    return [dict(row) for row in connection.execute(LIVE, {"node": node}).mappings()]
