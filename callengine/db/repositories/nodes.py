"""The statements on what belongs to one node: who its present process is, and when it was last heard of."""

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Call, Leg, LoggedEvent, QueueEntry
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.vocabulary import LIVE_CALLS, LIVE_ENTRIES, LIVE_LEGS

_calls = table_of(Call)
_legs = table_of(Leg)
_entries = table_of(QueueEntry)
_log = table_of(LoggedEvent)

_LATEST_EVENTS = 1000
"""Among these is the one by which a process hands over; what follows was changed while none ran."""

_ALIVE = (
    (_calls, LIVE_CALLS),
    (_legs, LIVE_LEGS),
    (_entries, LIVE_ENTRIES),
)
TAKE_OVER = tuple(
    update(table)
    .where(table.c.node == bindparam("node_name"), table.c.state.in_(alive))
    .values(incarnation=bindparam("life"))
    for table, alive in _ALIVE
)
NODES = tuple(select(table.c.node).where(table.c.state.in_(alive)).distinct() for table, alive in _ALIVE)
RENAME = tuple(
    update(table)
    .where(table.c.node == bindparam("old_name"), table.c.state.in_(alive))
    .values(node=bindparam("new_name"))
    for table, alive in _ALIVE
)
LAST_EVENT = select(_log.c.at).where(_log.c.number == select(func.max(_log.c.number)).scalar_subquery())
LAST_HANDED_OVER = (
    select(_log.c.payload)
    .where(_log.c.number > select(func.max(_log.c.number) - _LATEST_EVENTS).scalar_subquery())
    .where(_log.c.type == EventType.SERVICE_HANDED_OVER.value)
    .order_by(_log.c.number.desc())
    .limit(1)
)


def take_over(tx: Transaction, *, node: str, incarnation: str) -> None:
    """Everything of the node that is alive belongs to this process from now on."""
    for statement in TAKE_OVER:
        tx.change(statement, {"node_name": node, "life": incarnation})


def others(connection: Connection, node: str) -> list[str]:
    """The names of other nodes that something alive belongs to."""
    found = {row[0] for statement in NODES for row in connection.execute(statement)}
    return sorted(found - {node})


def rename(tx: Transaction, old: str, new: str) -> None:
    """Everything that is alive of the node `old` belongs to the node `new`."""
    for statement in RENAME:
        tx.change(statement, {"old_name": old, "new_name": new})


def last_event_at(connection: Connection) -> float | None:
    """When the last event was committed, in seconds since the epoch; None if there is none."""
    at: float | None = connection.execute(LAST_EVENT).scalar_one_or_none()
    return at


def last_handed_over(connection: Connection) -> str | None:
    """The incarnation that was the last to hand its calls over; None if none ever did."""
    payload = connection.execute(LAST_HANDED_OVER).scalar_one_or_none()
    return None if payload is None else str(payload["incarnation"])
