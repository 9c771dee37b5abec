"""The statements that move the stored times of what is alive, when the machine's clock was set."""

from sqlalchemy import BindParameter, Table, bindparam, select, update

from callengine.db.base import table_of
from callengine.db.models import Agent, Binding, Call, Leg, Offer, QueueEntry
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.vocabulary import LIVE_CALLS, LIVE_ENTRIES, LIVE_LEGS, LIVE_OFFERS

_calls, _entries, _legs = table_of(Call), table_of(QueueEntry), table_of(Leg)
_offers, _agents, _bindings = table_of(Offer), table_of(Agent), table_of(Binding)
_by: BindParameter[float] = bindparam("seconds")


def _moved(table: Table, *columns: str) -> dict[str, object]:
    return {name: table.c[name] + _by for name in columns}


OF_NODE = tuple(
    update(table)
    .where(table.c.node == bindparam("node_name"), table.c.state.in_(alive))
    .values(_moved(table, *columns))
    for table, alive, columns in (
        (
            _calls,
            LIVE_CALLS,
            ("arrived_at", "queued_at", "answered_at", "connected_at"),
        ),
        (
            _entries,
            LIVE_ENTRIES,
            ("first_arrived_at", "joined_at", "expires_at", "preferred_until"),
        ),
        (
            _legs,
            LIVE_LEGS,
            ("created_at", "answered_at"),
        ),
    )
)
OF_OFFERS = (
    update(_offers)
    .where(
        _offers.c.agent_id.in_(select(_agents.c.id)),
        _offers.c.state.in_(LIVE_OFFERS),
    )
    .values(_moved(_offers, "offered_at", "deadline_at", "answered_at"))
)
OF_AGENTS = (
    update(_agents)
    .where(_agents.c.removed_at.is_(None))
    .values(_moved(_agents, "state_since", "available_since", "wrap_up_until", "delayed_until"))
)
OF_BINDINGS = update(_bindings).values(_moved(_bindings, "registered_at", "expires_at"))


def shift(tx: Transaction, *, node: str, seconds: float, reason: str) -> None:
    """Add `seconds` to the times of the calls of `node` that are alive, and of all agents and their phones.

    It is told as a repair, for `reason`.
    """
    for statement in OF_NODE:
        tx.change(statement, {"node_name": node, "seconds": seconds})
    for statement in (OF_OFFERS, OF_AGENTS, OF_BINDINGS):
        tx.change(statement, {"seconds": seconds})
    tx.add_event(EventType.STATE_REPAIRED, reason=reason, key=node, seconds=seconds)
