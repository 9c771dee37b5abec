"""The statements that remove what is long over: calls with all that belongs to them, and events."""

from typing import Any

from sqlalchemy import Delete, and_, bindparam, delete, func, or_, select

from callengine.db.base import Base, table_of
from callengine.db.models import Call, Leg, LoggedEvent, Offer, QueueEntry
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.vocabulary import CallState

_calls = table_of(Call)
_legs = table_of(Leg)
_log = table_of(LoggedEvent)

_is_old = and_(
    _calls.c.arrived_at < bindparam("before"),
    _calls.c.state == CallState.ENDED,
    _calls.c.ended_at < bindparam("before"),
    ~select(_legs.c.id).where(_legs.c.call_id == _calls.c.id, _legs.c.ended_at.is_(None)).exists(),
)
"""Over long since, and its phones are quiet: a leg that is ending holds its agent, after a restart too."""
OLD_CALLS = (
    select(_calls.c.id, _calls.c.arrived_at)
    .where(_calls.c.arrived_at > bindparam("after"), _is_old)
    .order_by(_calls.c.arrived_at)
    .limit(bindparam("most", type_=_log.c.number.type))
)
NEXT_EVENTS = (
    select(_log.c.number, _log.c.at)
    .where(_log.c.number > bindparam("after"))
    .order_by(_log.c.number)
    .limit(bindparam("most", type_=_log.c.number.type))
)
KEPT = (EventType.AGENT_ADDED, EventType.AGENT_CHANGED, EventType.AGENT_REMOVED)
"""Few, and without them nobody could tell of a later call who served its queue."""
OLD_EVENTS = delete(_log).where(
    _log.c.number > bindparam("after"),
    _log.c.number <= bindparam("through"),
    _log.c.type.not_in(KEPT),
    or_(
        _log.c.call_id.is_(None),
        ~select(_calls.c.id).where(_calls.c.id == _log.c.call_id).exists(),
    ),
)


def _of_call(model: type[Base]) -> Delete:
    table = table_of(model)
    return delete(table).where(table.c.call_id == bindparam("call_key"))


LEGS_OF_CALL, OFFERS_OF_CALL, ENTRIES_OF_CALL = map(_of_call, (Leg, Offer, QueueEntry))
EVENTS_OF_CALL = delete(_log).where(_log.c.call_id == bindparam("call_key"))
CALL = delete(_calls).where(_calls.c.id == bindparam("call_key"))
ALL_OF_A_CALL = (LEGS_OF_CALL, OFFERS_OF_CALL, ENTRIES_OF_CALL, EVENTS_OF_CALL, CALL)
COUNT_OLD = select(func.count()).select_from(_calls).where(_is_old)


def prune_calls(tx: Transaction, *, after: float, before: float, most: int) -> tuple[int, float]:
    """Remove `most` calls that arrived later than `after` and ended earlier than `before`, the oldest first.

    How many there were, and when the last of them arrived. Times are seconds since the epoch.
    """
    found = tx.fetch(OLD_CALLS, {"after": after, "before": before, "most": most})
    for call_id, _arrived_at in found:
        for statement in ALL_OF_A_CALL:
            tx.change(statement, {"call_key": call_id})
    return len(found), found[-1][1] if found else after


def prune_events(tx: Transaction, *, after: int, before: float, most: int) -> tuple[int, int]:
    """Of the `most` events behind the number `after` remove those older than `before` whose call is gone.

    Who works here and what they can be chosen for stays (`KEPT`).

    How many were removed, and up to which number it has looked; that is `after` when there are no more.
    """
    looked_at: list[tuple[Any, ...]] = tx.fetch(NEXT_EVENTS, {"after": after, "most": most})
    through = after
    for number, at in looked_at:
        if at >= before:
            break
        through = number
    if through == after:
        return 0, after
    return tx.change(OLD_EVENTS, {"after": after, "through": through}), through
