"""What is stored when a call arrives, whoever makes it and wherever it leads."""

from __future__ import annotations

from typing import Any

from callengine.callcenter import own_calls
from callengine.callcenter.addresses import caller_of
from callengine.callcenter.answering import columns_of
from callengine.callcenter.calls import Call, Entry, Leg, new_id
from callengine.callcenter.leg_rows import Owner, row_of
from callengine.callcenter.roster import Agent
from callengine.db.repositories import calls
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.vocabulary import CallKind, CallState, LegDirection


class Arrivals:
    """Makes calls of INVITEs and stores them for this node."""

    def __init__(self, *, owner: Owner, tenant_id: int) -> None:
        self.owner = owner
        self._tenant_id = tenant_id

    def call_of(self, caller: Leg, *, dialled: str, at: float, place: Entry | None = None) -> Call:
        """The call that begins with the INVITE of `caller`."""
        number, name = caller_of(caller.incoming.invite)
        return Call(new_id(), place, caller, number, name, dialled, at)

    def store(
        self, tx: Transaction, call: Call, *, state: CallState, made_by: Agent | None, **more: Any
    ) -> None:
        """The call and that it has arrived; `more` has further columns of its row."""
        calls.insert_call(
            tx,
            {
                "id": call.id,
                "tenant_id": self._tenant_id,
                **self.owner,
                "state": state,
                "kind": CallKind.AGENT if made_by else CallKind.CUSTOMER,
                "from_agent_id": made_by.id if made_by else None,
                "caller_number": call.caller_number,
                "caller_name": call.caller_name,
                "dialled": call.dialled,
                "arrived_at": call.arrived_at,
                **more,
            },
        )
        tx.add_event(
            EventType.CALL_ARRIVED,
            call_id=call.id,
            dialled=call.dialled,
            caller_number=call.caller_number,
            caller_name=call.caller_name,
            kind=CallKind.AGENT if made_by else CallKind.CUSTOMER,
            from_agent=made_by.name if made_by else None,
        )

    def hold(self, tx: Transaction, call: Call, agent: Agent) -> None:
        """The agent who makes the call is busy with it. Raises `NotAllowed` if it may not."""
        own_calls.begin(tx, agent.id, call_id=call.id)
        call.caller.made_by = agent.id

    def caller_row(self, call: Call, *, now: float) -> dict[str, Any]:
        """The caller's leg as it is once the answer that is stored with it has gone out."""
        return row_of(
            call.caller,
            call.caller.incoming.facts,
            **self.owner,
            call_id=call.id,
            offer_id=None,
            direction=LegDirection.INCOMING,
            created_at=now,
            **columns_of(call.caller.status, now),
        )
