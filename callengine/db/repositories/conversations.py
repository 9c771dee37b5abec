"""The statements on an agent's conversation in a call: the offer that it answered, and its wrap-up."""

from dataclasses import dataclass

from sqlalchemy import Double, bindparam, func, select, update

from callengine.db.base import table_of
from callengine.db.models import Offer, Queue, QueueEntry
from callengine.db.transaction import Transaction

_offers, _entries, _queues = table_of(Offer), table_of(QueueEntry), table_of(Queue)

LATEST = (
    select(
        _offers.c.id,
        _offers.c.call_id,
        _offers.c.wrap_up_code,
        _queues.c.name,
        _queues.c.wrap_up_codes,
        _queues.c.wrap_up_code_required,
    )
    .select_from(
        _offers.outerjoin(_entries, _offers.c.entry_id == _entries.c.id).outerjoin(
            _queues, _entries.c.queue_id == _queues.c.id
        )
    )
    .where(
        _offers.c.call_id == bindparam("call_key"),
        _offers.c.agent_id == bindparam("agent_key"),
        _offers.c.answered_at.is_not(None),
    )
    .order_by(_offers.c.answered_at.desc())
    .limit(1)
)
TALKED = (
    select(_offers.c.talk_seconds)
    .where(
        _offers.c.call_id == bindparam("call_key"),
        _offers.c.agent_id == bindparam("agent_key"),
        _offers.c.answered_at.is_not(None),
    )
    .order_by(_offers.c.answered_at.desc())
    .limit(1)
)
WRAPPED_UP = (
    update(_offers)
    .where(_offers.c.id == bindparam("offer_key"))
    .values(wrap_up_seconds=func.coalesce(_offers.c.wrap_up_seconds, 0.0) + bindparam("took", type_=Double))
)
CODE = update(_offers).where(_offers.c.id == bindparam("offer_key")).values(wrap_up_code=bindparam("code"))


@dataclass(frozen=True)
class Conversation:
    """What an agent talked about in a call, and which codes the queue of the call has for it."""

    offer_id: str
    call_id: str
    code: str | None
    queue: str | None
    """None if the call came through no queue."""
    codes: tuple[str, ...]
    """Empty: any word will do."""
    is_code_required: bool


def latest(tx: Transaction, *, call_id: str | None, agent_id: int) -> Conversation | None:
    """The agent's last conversation in that call; None if the call or its record is gone."""
    row = tx.execute(LATEST, {"call_key": call_id, "agent_key": agent_id}).one_or_none()
    if row is None:
        return None
    codes = tuple(row.wrap_up_codes or ())
    required = bool(row.wrap_up_code_required)
    return Conversation(row.id, row.call_id, row.wrap_up_code, row.name, codes, required)


def talk_seconds(tx: Transaction, *, call_id: str, agent_id: int) -> float:
    """How long the agent's last conversation in that call took; 0 if it is not over."""
    found = tx.fetch(TALKED, {"call_key": call_id, "agent_key": agent_id})
    return float(found[0][0] or 0.0) if found else 0.0


def wrapped_up(tx: Transaction, offer_id: str, *, seconds: float) -> None:
    """Add to how long the wrap-up after the conversation took; a call of the agent's own interrupts it."""
    tx.change(WRAPPED_UP, {"offer_key": offer_id, "took": max(0.0, seconds)})


def set_code(tx: Transaction, offer_id: str, code: str) -> None:
    """Note what the conversation was about."""
    tx.change(CODE, {"offer_key": offer_id, "code": code})
