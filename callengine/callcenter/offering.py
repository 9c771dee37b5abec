"""Offering: one call is offered to one agent; all its phones ring, the first that answers has the call."""

from __future__ import annotations

from functools import partial

from loguru import logger

from callengine import greenlets
from callengine.callcenter import agents, leg_rows
from callengine.callcenter.calls import Call, Leg, Offer, new_id
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.legs import Legs
from callengine.callcenter.presence import Presence
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.repositories import calls, entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, HungUp, ProtocolError, SessionError
from callengine.events.types import EventType
from callengine.vocabulary import (
    COMPLETED_ELSEWHERE,
    CallState,
    EntryState,
    LegDirection,
    LegState,
    OfferState,
)

_TOLD_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""Why the agent's other phones stop ringing (RFC 3326)."""

_LISTEN_SECONDS = 5.0
"""How long an offer that is taken up goes on at least: time for a phone to repeat its answer."""

_NOT_ACCEPTABLE = 488
_BUSY = frozenset([486, 600])
_UNREACHABLE = frozenset([404, 408, 410, 480, 503])


class Offering:
    """Claims agents and rings their phones."""

    def __init__(
        self,
        *,
        queues: Queues,
        legs: Legs,
        owner: Owner,
        presence: Presence,
        dispatch: Dispatch,
        clearing: Clearing,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._queues = queues
        self._legs = legs
        self._owner = owner
        self._presence = presence
        self._dispatch = dispatch
        self._clearing = clearing
        self._committer = committer
        self._clock = clock

    def offer(self, call: Call, agent: Agent) -> None:
        """Claim the agent, which dispatch holds for this call, and ring it.

        Afterwards the call is connected (`connected_at` is set), or the caller is back in line. Raises
        `HungUp` if the caller leaves meanwhile; then `call.offer` tells whom to stop ringing.
        """
        queue = self._queues.by_id(call.entry.queue_id)
        offer = Offer(new_id(), agent.id, agent.name, queue.rules.wrap_up_seconds)
        try:
            self._claim(call, offer, queue)
        except CallCenterError as error:
            logger.info("{} could not be offered the call: {}", agent.name, error)
            self._legs.discard(offer.legs)
            self._dispatch.missed(call.entry, agent.id)
            return
        finally:
            self._dispatch.decided(agent)
        self._ring(call, offer, queue)

    def _claim(self, call: Call, offer: Offer, queue: Queue) -> None:
        for binding in self._presence.bindings_of(offer.agent_name):
            offer.legs.append(self._legs.outgoing(call, offer.agent_name, binding))
        if not offer.legs:
            raise SessionError("no phone is registered")
        offer.offered_at = self._committer.commit(partial(self._store_claim, call, offer, queue))
        call.offer = offer

    def _store_claim(self, call: Call, offer: Offer, queue: Queue, tx: Transaction) -> float:
        entries.offer(tx, call.entry.id)
        agents.claim(tx, offer.agent_id, call_id=call.id)
        calls.change_state(tx, call.id, CallState.QUEUED, CallState.OFFERED)
        entries.point_to(tx, queue.id, offer.agent_id)
        offers.insert_offer(
            tx,
            {
                "id": offer.id,
                "entry_id": call.entry.id,
                "call_id": call.id,
                "agent_id": offer.agent_id,
                "state": OfferState.RINGING,
                "offered_at": tx.now,
                "deadline_at": tx.now + queue.rules.ring_timeout_seconds,
            },
        )
        legs.insert_legs(tx, [self._leg_row(leg, call, offer, tx.now) for leg in offer.legs])
        tx.add_event(
            EventType.CALL_OFFERED,
            call_id=call.id,
            queue=queue.name,
            agent=offer.agent_name,
            offer_id=offer.id,
            phones=len(offer.legs),
            decision=call.entry.decision,
        )
        return tx.now

    def _leg_row(self, leg: Leg, call: Call, offer: Offer, now: float) -> dict[str, object]:
        return leg_rows.row_of(
            leg,
            leg.outgoing.facts,
            **self._owner,
            call_id=call.id,
            offer_id=offer.id,
            direction=LegDirection.OUTGOING,
            state=LegState.INVITING,
            created_at=now,
            answered_at=None,
        )

    def _ring(self, call: Call, offer: Offer, queue: Queue) -> None:
        for leg in offer.legs:
            leg.outgoing.send()
        self._await_answer(call, offer, queue, seconds=queue.rules.ring_timeout_seconds)

    def take_up(self, call: Call) -> None:
        """Go on with an offer of an earlier process: its phones ring, or have answered meanwhile.

        Ends like `offer`. A phone that answered while nobody listened repeats that, at least every T2 = 4 s.
        """
        assert call.offer is not None
        queue = self._queues.by_id(call.entry.queue_id)
        seconds = max(_LISTEN_SECONDS, call.offer.deadline_at - self._clock.now())
        self._await_answer(call, call.offer, queue, seconds=seconds)

    def _await_answer(self, call: Call, offer: Offer, queue: Queue, *, seconds: float) -> None:
        answered = self._first_answer(call, offer, seconds=seconds)
        if answered is not None:
            self._connect(call, offer, answered, queue)
            return
        self._dispatch.missed(call.entry, offer.agent_id)
        self._fail(call, offer, queue)

    def _first_answer(self, call: Call, offer: Offer, *, seconds: float) -> Leg | None:
        deadline = self._clock.monotonic() + seconds
        caller = call.caller.session
        ringing = list(offer.legs)
        while ringing:
            finals = [leg.outgoing.final for leg in ringing]
            left = max(0.0, deadline - self._clock.monotonic())
            if not greenlets.wait_for_any(caller.ended, *finals, timeout=left):
                return None
            if caller.ended.is_set():
                raise HungUp("the caller left while phones were ringing")
            for leg in [leg for leg in ringing if leg.outgoing.final.is_set()]:
                ringing.remove(leg)
                if leg.outgoing.answered.is_set() and self._agree(leg, offer):
                    return leg
        return None

    def _agree(self, leg: Leg, offer: Offer) -> bool:
        """Read the phone's answer; one that cannot be served is taken as a refusal, and hung up."""
        try:
            self._legs.read_answer(leg)
        except ProtocolError as error:
            logger.debug("the phone at {} answered what cannot be served: {}", leg.session.flow, error)
            offer.unusable.append(leg)
            self._clearing.hang_up_at_once(leg)
            return False
        return True

    def _connect(self, call: Call, offer: Offer, answered: Leg, queue: Queue) -> None:
        others = [leg for leg in offer.legs if leg is not answered]
        now = self._committer.commit(partial(self._store_connect, call, offer, answered, queue))
        answered.outgoing.acknowledge()
        offer.answered = answered
        call.connected_at = now
        if others:
            self._clearing.clear_in_background(call.id, others, reason=_TOLD_ELSEWHERE)

    def _store_connect(self, call: Call, offer: Offer, answered: Leg, queue: Queue, tx: Transaction) -> float:
        wait_seconds = max(0.0, tx.now - call.entry.joined_at)
        ring_seconds = max(0.0, tx.now - offer.offered_at)
        depth = entries.leave(
            tx, call.entry.id, queue_id=queue.id, present=EntryState.OFFERED, state=EntryState.CONNECTED
        )
        offers.connect(tx, offer.id, ring_seconds=ring_seconds)
        calls.connect(
            tx, call.id, agent_id=offer.agent_id, wait_seconds=wait_seconds, ring_seconds=ring_seconds
        )
        agents.connect(tx, offer.agent_id, call_id=call.id)
        legs.connect(tx, answered.id, leg_rows.answered(answered, answered.outgoing.facts, call.caller))
        legs.change(tx, call.caller.id, {"peer_leg_id": answered.id})
        for leg in offer.legs:
            if leg is not answered:
                legs.ending(tx, leg.id, COMPLETED_ELSEWHERE)
        tx.add_event(
            EventType.CALL_CONNECTED,
            call_id=call.id,
            queue=queue.name,
            agent=offer.agent_name,
            wait_seconds=wait_seconds,
            ring_seconds=ring_seconds,
            depth=depth,
        )
        return tx.now

    def _fail(self, call: Call, offer: Offer, queue: Queue) -> None:
        """Put the caller back at its place at once; the agent is free when its phones are quiet."""
        result, status = _result(offer)
        is_quiet = all(leg.session.ended.is_set() for leg in offer.legs)
        self._committer.commit(
            partial(self._store_failure, call, offer, queue, result, status, is_quiet=is_quiet)
        )
        call.offer = None
        if is_quiet:
            self._legs.discard(offer.legs)
        else:
            self._clearing.clear_in_background(call.id, offer.legs, offer=offer, cause=result)

    def _store_failure(
        self,
        call: Call,
        offer: Offer,
        queue: Queue,
        result: OfferState,
        status: int | None,
        tx: Transaction,
        *,
        is_quiet: bool,
    ) -> None:
        """The offer is over; if no phone rings any more, so is all that it held."""
        ring_seconds = max(0.0, tx.now - offer.offered_at)
        offers.fail(tx, offer.id, result, sip_status=status, ring_seconds=ring_seconds)
        entries.return_to_line(tx, call.entry.id)
        calls.change_state(tx, call.id, CallState.OFFERED, CallState.QUEUED)
        for leg in offer.legs:
            store = legs.end if leg.session.ended.is_set() else legs.ending
            store(tx, leg.id, leg.session.end_cause or result)
        tx.add_event(
            EventType.CALL_OFFER_FAILED,
            call_id=call.id,
            queue=queue.name,
            agent=offer.agent_name,
            result=result,
            sip_status=status,
            ring_seconds=ring_seconds,
        )
        if is_quiet:
            self._clearing.store_cleared(call.id, offer.legs, (), offer, result, tx)


def _result(offer: Offer) -> tuple[OfferState, int | None]:
    """What the offer came to, by the best answer of its phones (RFC 3261 16.7: 6xx, then the lowest)."""
    statuses = [leg.outgoing.refused[0] for leg in offer.legs if leg.outgoing.refused is not None]
    statuses += [_NOT_ACCEPTABLE] * len(offer.unusable)
    if len(statuses) < len(offer.legs):
        return OfferState.NO_ANSWER, None
    status = min(statuses, key=lambda code: (code < 600, code))
    if status in _BUSY:
        return OfferState.BUSY, status
    return (OfferState.UNREACHABLE if status in _UNREACHABLE else OfferState.REJECTED), status
