"""What people look up: who waits in a queue, calls of now and of before, and what happened in one of them."""

from typing import Any

from sqlalchemy import Double, Integer, Select, bindparam, func, select
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Agent, Call, LoggedEvent, Queue, QueueEntry
from callengine.vocabulary import LIVE_CALLS, LIVE_ENTRIES

_calls = table_of(Call)
_agents = table_of(Agent)
_queues = table_of(Queue)
_entries = table_of(QueueEntry)
_log = table_of(LoggedEvent)

WAITING_BY_QUEUE = (
    select(_entries.c.queue_id, func.count(), func.min(_entries.c.first_arrived_at))
    .where(_entries.c.node == bindparam("node_name"), _entries.c.state.in_(LIVE_ENTRIES))
    .group_by(_entries.c.queue_id)
)
LINE = (
    select(
        _entries.c.call_id,
        _entries.c.state,
        _entries.c.priority,
        _entries.c.first_arrived_at,
        _entries.c.rounds,
        _entries.c.joined_at,
        _entries.c.preferred_until,
        _agents.c.name.label("preferred_agent"),
        _calls.c.caller_number,
    )
    .select_from(
        _entries.join(_calls, _entries.c.call_id == _calls.c.id).outerjoin(
            _agents, _entries.c.preferred_agent_id == _agents.c.id
        )
    )
    .where(_entries.c.queue_id == bindparam("queue_key"), _entries.c.state.in_(LIVE_ENTRIES))
    .order_by(
        (_entries.c.priority - bindparam("ageing", type_=Double) * _entries.c.first_arrived_at).desc(),
        _entries.c.first_arrived_at,
        _entries.c.id,
    )
)


def _records() -> Select[Any]:
    """Calls with the names of their queue and agent."""
    with_queue = _calls.outerjoin(_queues, _calls.c.queue_id == _queues.c.id)
    with_agent = with_queue.outerjoin(_agents, _calls.c.agent_id == _agents.c.id)
    return select(_calls, _queues.c.name.label("queue"), _agents.c.name.label("agent")).select_from(
        with_agent
    )


CALLS_OF_NOW = (
    _records()
    .where(_calls.c.node == bindparam("node_name"), _calls.c.state.in_(LIVE_CALLS))
    .order_by(_calls.c.arrived_at)
)
LATEST_CALLS = (
    _records()
    .where(_calls.c.arrived_at > bindparam("since"))
    .order_by(_calls.c.arrived_at.desc())
    .limit(bindparam("most", type_=Integer))
)
BY_PREFIX = _records().where(_calls.c.id >= bindparam("first"), _calls.c.id < bindparam("beyond")).limit(2)
EVENTS_OF_CALL = select(_log).where(_log.c.call_id == bindparam("call_key")).order_by(_log.c.number)

Row = dict[str, Any]


def waiting_by_queue(connection: Connection, node: str) -> dict[int, tuple[int, float]]:
    """By the queue's id: how many wait on this node or are offered, and when the first of them arrived."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(WAITING_BY_QUEUE, {"node_name": node})}


def line(connection: Connection, queue_id: int, *, ageing_points_per_minute: float = 0.0) -> list[Row]:
    """Who waits in a queue or is offered, in the order in which they are served."""
    parameters = {"queue_key": queue_id, "ageing": ageing_points_per_minute / 60}
    return [dict(row) for row in connection.execute(LINE, parameters).mappings()]


def live_calls(connection: Connection, node: str) -> list[Row]:
    """The calls of this node that have not ended, with the names of queue and agent, the oldest first."""
    return [dict(row) for row in connection.execute(CALLS_OF_NOW, {"node_name": node}).mappings()]


def latest_calls(connection: Connection, most: int) -> list[Row]:
    """The calls that arrived last, whatever became of them, the latest first."""
    parameters = {"most": most, "since": 0.0}
    return [dict(row) for row in connection.execute(LATEST_CALLS, parameters).mappings()]


def calls_beginning(connection: Connection, prefix: str) -> list[Row]:
    """The calls whose id begins so, two at most; `prefix` is of hexadecimal digits."""
    bounds = {"first": prefix, "beyond": prefix + "g"}
    return [dict(row) for row in connection.execute(BY_PREFIX, bounds).mappings()]


def events_of_call(connection: Connection, call_id: str) -> list[Row]:
    """All that was logged of a call, in order."""
    return [dict(row) for row in connection.execute(EVENTS_OF_CALL, {"call_key": call_id}).mappings()]
