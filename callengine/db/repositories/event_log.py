"""The event log as it is read: by number, by time, by call, and what was last said of an agent."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, select

from callengine.db.base import table_of
from callengine.db.models import LoggedEvent, LogHead
from callengine.events.types import Event, EventType

_log = table_of(LoggedEvent)
_head = table_of(LogHead)

_of_type = (_log.c.agent == bindparam("agent_name"), _log.c.type == bindparam("event_type"))

HEAD = select(_head.c.last).where(_head.c.id == 1)
NEXT = (
    select(_log)
    .where(_log.c.number > bindparam("after"), _log.c.number <= bindparam("through"))
    .order_by(_log.c.number)
    .limit(bindparam("most", type_=Integer))
)
FIRST_FROM = (
    select(_log.c.number, _log.c.at)
    .where(_log.c.number >= bindparam("number_from"))
    .order_by(_log.c.number)
    .limit(1)
)
LAST_BEFORE = (
    select(_log).where(*_of_type, _log.c.number < bindparam("before")).order_by(_log.c.number.desc()).limit(1)
)
FIRST_SINCE = (
    select(_log).where(*_of_type, _log.c.number >= bindparam("before")).order_by(_log.c.number).limit(1)
)
ALL_BEFORE = select(_log).where(*_of_type, _log.c.number < bindparam("before")).order_by(_log.c.number)
LATEST_BEFORE = (
    select(_log)
    .where(*_of_type, _log.c.number < bindparam("before"))
    .order_by(_log.c.number.desc())
    .limit(bindparam("most", type_=Integer))
)
OF_CALL = select(_log).where(_log.c.call_id == bindparam("call_key")).order_by(_log.c.number)

_KNOWN = frozenset(EventType)

NO_END = 2**62
"""Higher than any number that will be given."""


def head(connection: Connection) -> int:
    """The last number that was given; 0 if there was no event yet."""
    return int(connection.execute(HEAD).scalar_one())


def after(
    connection: Connection, number: int, *, through: int = NO_END, most: int
) -> list[tuple[int, Event | None]]:
    """At most `most` events behind `number`, up to the number `through`, each with its number.

    None stands for an event whose type this version does not know.
    """
    rows = connection.execute(NEXT, {"after": number, "through": through, "most": most})
    return [(row.number, _event(row) if row.type in _KNOWN else None) for row in rows]


def first_number_since(connection: Connection, at: float) -> int:
    """The number with which the time `at` (seconds since the epoch) begins; one behind the last if none does.

    Found by halving, since `at` rises with the number. Where the clock was set back it does not; then the
    number found is one at which the time `at` was passed, and there may be others.
    """
    low, high = 1, head(connection) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(FIRST_FROM, {"number_from": middle}).one_or_none()
        if row is None or row.at >= at:
            high = middle
        else:
            low = row.number + 1
    return low


def of_call(connection: Connection, call_id: str) -> list[Event]:
    """All that was logged of a call."""
    return _events(connection.execute(OF_CALL, {"call_key": call_id}))


def last_before(connection: Connection, agent: str, kind: EventType, number: int) -> Event | None:
    """The last event of that type and agent with a smaller number than `number`."""
    return _one(connection, LAST_BEFORE, agent, kind, number)


def first_since(connection: Connection, agent: str, kind: EventType, number: int) -> Event | None:
    """The first event of that type and agent with the number `number` or a higher one."""
    return _one(connection, FIRST_SINCE, agent, kind, number)


def all_before(connection: Connection, agent: str, kinds: Collection[EventType], number: int) -> list[Event]:
    """The events of those types and that agent with smaller numbers than `number`, in their order."""
    found: list[Event] = []
    for kind in kinds:
        found += _events(connection.execute(ALL_BEFORE, _parameters(agent, kind, number)))
    return sorted(found, key=lambda event: event.number)


def latest_before(
    connection: Connection, agent: str, kinds: Collection[EventType], number: int, *, most: int = 20
) -> list[Event]:
    """Like `all_before`, but of each type the last `most` alone."""
    found: list[Event] = []
    for kind in kinds:
        parameters = _parameters(agent, kind, number) | {"most": most}
        found += _events(connection.execute(LATEST_BEFORE, parameters))
    return sorted(found, key=lambda event: event.number)


def _one(connection: Connection, statement: Any, agent: str, kind: EventType, number: int) -> Event | None:
    found = _events(connection.execute(statement, _parameters(agent, kind, number)))
    return found[0] if found else None


def _parameters(agent: str, kind: EventType, number: int) -> dict[str, Any]:
    return {"agent_name": agent, "event_type": kind.value, "before": number}


def _events(rows: Iterable[Row[Any]]) -> list[Event]:
    return [_event(row) for row in rows if row.type in _KNOWN]


def _event(row: Row[Any]) -> Event:
    return Event(row.number, row.at, EventType(row.type), row.call_id, row.queue, row.agent, row.payload)
