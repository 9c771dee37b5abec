"""A call to one agent by name, told from top to bottom: by another agent, or by a customer's number.

It has no queue. The agent is claimed as for any other call, its phones ring, and the caller, who is not
answered before, hears ringing. If the agent cannot take it the caller is told so; nobody else is tried, and
it is no missed offer. An agent who calls is busy with it like the one who is called.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from callengine.callcenter import agents, leg_rows, own_calls
from callengine.callcenter.answering import ANSWERED, RINGING, tell
from callengine.callcenter.arrivals import Arrivals
from callengine.callcenter.calls import Call, Leg, Offer, new_id
from callengine.callcenter.clearing import TOLD_ELSEWHERE, Clearing, Outcome
from callengine.callcenter.legs import Legs
from callengine.callcenter.presence import Presence
from callengine.callcenter.ringing import Ringing, result_of
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.talking import Talking
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.repositories import calls, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFree, CallCenterError, GuardFailed, NotAllowed
from callengine.events.types import EventType
from callengine.sip.server_transaction import ServerTransaction
from callengine.vocabulary import (
    COMPLETED_ELSEWHERE,
    CallState,
    Disposition,
    OfferState,
    Party,
)

_LISTEN_SECONDS = 5.0
"""How long an offer that is taken up goes on at least: time for a phone to repeat its answer."""

_BUSY_HERE, _DECLINE, _UNAVAILABLE = 486, 603, 480
_ENGAGED = (CallState.OFFERED, CallState.CONNECTED)


class Outbound:
    """Rings one agent. `ring_seconds` is how long its phones ring at most."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        roster: Roster,
        presence: Presence,
        legs: Legs,
        talking: Talking,
        clearing: Clearing,
        committer: Committer,
        clock: Clock,
        ring_seconds: float = 45.0,
    ) -> None:
        self._arrivals = arrivals
        self._roster = roster
        self._presence = presence
        self._legs = legs
        self._talking = talking
        self._clearing = clearing
        self._committer = committer
        self._clock = clock
        self._ring_seconds = ring_seconds
        self._ringing = Ringing(legs=legs, clearing=clearing, clock=clock)

    def admit(self, transaction: ServerTransaction, dialled: str, name: str, made_by: Agent | None) -> Call:
        """Claim the agent of this name and store the call.

        Raises `AgentNotFound`; `NotAllowed` if the caller may not call, or calls itself; `AgentNotFree`.
        """
        called = self._roster.find(name)
        if called is made_by:
            raise NotAllowed(f"agent {name} calls itself")
        caller = self._legs.incoming(transaction, play=None)
        caller.status = RINGING
        call = self._arrivals.call_of(caller, dialled=dialled, at=self._clock.now())
        offer = Offer(new_id(), called.id, called.name, wrap_up_seconds=0.0, is_direct=True)
        try:
            self._claim(call, offer, called, made_by)
        except CallCenterError as error:
            self._legs.discard([caller, *offer.legs])
            if isinstance(error, AgentNotFree):
                self._committer.commit(partial(self._store_refusal, call, called, made_by))
            raise
        call.offers = [offer]
        return call

    def live_through(self, call: Call) -> Outcome:
        """Ring until somebody answers, talk, part. Raises `HungUp` if the caller leaves before.

        A call made of its rows is taken up where it stands.
        """
        if call.connected_at is None and (refusal := self._ring(call)):
            return refusal
        parting = self._talking.talk(call)
        return Outcome(Disposition.ANSWERED, parting.cause, parting.by)

    def _claim(self, call: Call, offer: Offer, called: Agent, made_by: Agent | None) -> None:
        """Dispatch chooses neither while this is decided."""
        if called.held or called.load >= called.max_concurrent_calls:
            raise _not_free(f"agent {called.name} is engaged", _BUSY_HERE if made_by else _UNAVAILABLE)
        held = [agent for agent in (called, made_by) if agent is not None and not agent.held]
        for agent in held:
            self._roster.hold(agent)
        try:
            for binding in self._presence.bindings_of(called.name):
                offer.legs.append(self._legs.outgoing(call, called.name, binding))
            if not offer.legs:
                raise AgentNotFree(f"agent {called.name} has no phone that could ring")
            self._committer.commit(partial(self._store_claim, call, offer, made_by))
        except GuardFailed as error:
            raise AgentNotFree(str(error)) from error
        finally:
            for agent in held:
                self._roster.let_go(agent)

    def _store_claim(self, call: Call, offer: Offer, made_by: Agent | None, tx: Transaction) -> None:
        self._arrivals.store(tx, call, state=CallState.OFFERED, made_by=made_by)
        holds = {offer.agent_id: agents.claim}
        if made_by is not None:
            holds[made_by.id] = own_calls.begin
            call.caller.made_by = made_by.id
        for agent_id in sorted(holds):
            holds[agent_id](tx, agent_id, call_id=call.id)
        offer.offered_at, offer.deadline_at = tx.now, tx.now + self._ring_seconds
        legs.insert_legs(tx, [self._arrivals.caller_row(call, now=tx.now)])
        offers.insert_offer(
            tx,
            {
                "id": offer.id,
                "entry_id": None,
                "call_id": call.id,
                "agent_id": offer.agent_id,
                "state": OfferState.RINGING,
                "offered_at": offer.offered_at,
                "deadline_at": offer.deadline_at,
            },
        )
        owner = self._arrivals.owner
        phones = [
            leg_rows.row_of_phone(leg, owner=owner, call_id=call.id, offer_id=offer.id, now=tx.now)
            for leg in offer.legs
        ]
        legs.insert_legs(tx, phones)
        tx.add_event(
            EventType.CALL_OFFERED,
            call_id=call.id,
            agent=offer.agent_name,
            offer_id=offer.id,
            phones=len(offer.legs),
        )

    def _store_refusal(self, call: Call, called: Agent, made_by: Agent | None, tx: Transaction) -> None:
        """A call that is over before it began has a record, and nothing else."""
        told: dict[str, Any] = {
            "disposition": Disposition.REJECTED,
            "cause": "agent_not_free",
            "hung_up_by": Party.SYSTEM,
            "wait_seconds": 0.0,
        }
        self._arrivals.store(tx, call, state=CallState.ENDED, made_by=made_by, ended_at=tx.now, **told)
        tx.add_event(
            EventType.CALL_ENDED, call_id=call.id, agent=called.name, talk_seconds=None, depth=None, **told
        )

    def _ring(self, call: Call) -> Outcome | None:
        """Until a phone has answered (None); else how the call ends."""
        (offer,) = call.offers
        tell(call.caller)
        for leg in offer.legs:
            if not leg.outgoing.is_sent:
                leg.outgoing.send()
        least = min(_LISTEN_SECONDS, self._ring_seconds)
        seconds = max(least, offer.deadline_at - self._clock.now())
        answered = self._ringing.first_answer(call, offer, seconds=seconds)
        if answered is None:
            return _refused(offer)
        self._connect(call, offer, answered)
        return None

    def _connect(self, call: Call, offer: Offer, answered: Leg) -> None:
        others = [leg for leg in offer.legs if leg is not answered]
        now = self._committer.commit(partial(self._store_connect, call, offer, answered))
        answered.outgoing.acknowledge()
        offer.answered, call.caller.status = answered, ANSWERED
        call.connected_at = now
        if others:
            self._clearing.clear_in_background(call.id, others, reason=TOLD_ELSEWHERE)

    def _store_connect(self, call: Call, offer: Offer, answered: Leg, tx: Transaction) -> float:
        waited = max(0.0, tx.now - call.arrived_at)
        rang = max(0.0, tx.now - offer.offered_at)
        offers.connect(tx, offer.id, ring_seconds=rang)
        calls.connect(tx, call.id, agent_id=offer.agent_id, wait_seconds=waited, ring_seconds=rang)
        agents.connect(tx, offer.agent_id, call_id=call.id)
        legs.connect(tx, answered.id, leg_rows.answered(answered, answered.outgoing.facts, call.caller))
        legs.connect(tx, call.caller.id, {"peer_leg_id": answered.id, "last_status": 200})
        for leg in offer.legs:
            if leg is not answered:
                legs.ending(tx, leg.id, COMPLETED_ELSEWHERE)
        tx.add_event(
            EventType.CALL_CONNECTED,
            call_id=call.id,
            agent=offer.agent_name,
            wait_seconds=waited,
            ring_seconds=rang,
            depth=None,
        )
        return tx.now


def _refused(offer: Offer) -> Outcome:
    """What the caller hears: who is busy is busy (486), who declines declines (603), else 480."""
    result, status = result_of(offer)
    told = {OfferState.BUSY: _BUSY_HERE}.get(result, _DECLINE if status == _DECLINE else _UNAVAILABLE)
    by = Party.SYSTEM if result is OfferState.NO_ANSWER else Party.AGENT
    return Outcome(Disposition.REJECTED, result, by, status=told, offer_result=result, offer_status=status)


def _not_free(reason: str, status: int) -> AgentNotFree:
    error = AgentNotFree(reason)
    error.sip_status = status
    return error
