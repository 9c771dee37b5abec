"""The statements on offers: one call offered to one agent, which is also the agent's contact record."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection

from callengine.db.base import table_of
from callengine.db.models import Offer
from callengine.db.transaction import Transaction
from callengine.vocabulary import OfferState

_offers = table_of(Offer)
_this_offer = (_offers.c.id == bindparam("offer_key"), _offers.c.state == bindparam("present"))

INSERT = insert(_offers)
CONNECT = (
    update(_offers)
    .where(*_this_offer)
    .values(
        state=OfferState.CONNECTED,
        answered_at=bindparam("answered_at"),
        ring_seconds=bindparam("ring_seconds"),
        sip_status=200,
    )
)
FAIL = (
    update(_offers)
    .where(*_this_offer)
    .values(
        state=bindparam("state"),
        ended_at=bindparam("ended_at"),
        ring_seconds=bindparam("ring_seconds"),
        sip_status=bindparam("sip_status"),
    )
)
END = (
    update(_offers)
    .where(*_this_offer)
    .values(state=OfferState.ENDED, ended_at=bindparam("ended_at"), talk_seconds=bindparam("talk_seconds"))
)
OF_CALL = (
    select(_offers).where(_offers.c.call_id == bindparam("call_key")).order_by(_offers.c.offered_at.desc())
)


def insert_offer(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Store a new offer; `row` has a value for each column that is not null."""
    tx.change(INSERT, row)


def connect(tx: Transaction, offer_id: str, *, ring_seconds: float) -> None:
    """The agent has answered, now; raises `GuardFailed` if the offer does not ring any more."""
    tx.guard(
        CONNECT,
        {
            "offer_key": offer_id,
            "present": OfferState.RINGING,
            "answered_at": tx.now,
            "ring_seconds": max(0.0, ring_seconds),
        },
        what=f"offer {offer_id} no longer rings",
    )


def fail(
    tx: Transaction, offer_id: str, state: OfferState, *, sip_status: int | None, ring_seconds: float
) -> None:
    """The offer came to nothing, now, for the reason `state`."""
    tx.guard(
        FAIL,
        {
            "offer_key": offer_id,
            "present": OfferState.RINGING,
            "state": state,
            "ended_at": tx.now,
            "ring_seconds": max(0.0, ring_seconds),
            "sip_status": sip_status,
        },
        what=f"offer {offer_id} no longer rings",
    )


def end(tx: Transaction, offer_id: str, *, talk_seconds: float) -> None:
    """The conversation is over, now."""
    tx.guard(
        END,
        {
            "offer_key": offer_id,
            "present": OfferState.CONNECTED,
            "ended_at": tx.now,
            "talk_seconds": max(0.0, talk_seconds),
        },
        what=f"offer {offer_id} is not connected",
    )


def of_call(connection: Connection, call_id: str) -> list[dict[str, Any]]:
    """The offers of a call, the latest first."""
    return [dict(row) for row in connection.execute(OF_CALL, {"call_key": call_id}).mappings()]
