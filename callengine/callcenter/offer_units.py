"""What offers store: the claim of a round, the offer that came to nothing, the answer; each in one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callengine.callcenter import agents, leg_rows
from callengine.callcenter.answering import ANSWERED, due, store_told
from callengine.callcenter.calls import Call, Leg, Offer
from callengine.callcenter.clearing import Clearing, withdraw
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.queues import Queue
from callengine.db.repositories import calls, entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import GuardFailed
from callengine.events.types import EventType
from callengine.vocabulary import (
    COMPLETED_ELSEWHERE,
    CallState,
    EntryState,
    OfferState,
)


@dataclass(frozen=True)
class Failure:
    """An offer that came to nothing."""

    offer: Offer
    result: OfferState
    status: int | None
    """The best final answer of the agent's phones; None if one of them has given none."""
    is_quiet: bool
    """No phone of it rings any more: what it held is given back in the same unit."""


def store_claim(
    tx: Transaction, call: Call, wanted: Sequence[Offer], queue: Queue, owner: Owner
) -> list[Offer]:
    """The claim: first the entry, then the agents in ascending order of their ids, in which `wanted` is.

    An agent whose guard fails is left out; returns the offers that are made. Raises `GuardFailed` if the
    caller does not wait any more, or no agent could be claimed: then nothing is changed.
    """
    entries.offer(tx, call.entry.id)
    claimed = _claim_agents(tx, call, wanted)
    calls.change_state(tx, call.id, CallState.QUEUED, CallState.OFFERED)
    entries.point_to(tx, queue.id, claimed[0].agent_id)
    for offer in claimed:
        _store_offer(tx, call, offer, queue, owner)
    return claimed


def _claim_agents(tx: Transaction, call: Call, wanted: Sequence[Offer]) -> list[Offer]:
    """A claim that fails has changed nothing: its guards come before it writes."""
    claimed: list[Offer] = []
    refusal: GuardFailed | None = None
    for offer in wanted:
        try:
            agents.claim(tx, offer.agent_id, call_id=call.id)
        except GuardFailed as error:
            refusal = error
        else:
            claimed.append(offer)
    if refusal is not None and not claimed:
        raise refusal
    return claimed


def _store_offer(tx: Transaction, call: Call, offer: Offer, queue: Queue, owner: Owner) -> None:
    number = call.entry.rounds + 1
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
            "round": number,
        },
    )
    phones = [
        leg_rows.row_of_phone(leg, owner=owner, call_id=call.id, offer_id=offer.id, now=tx.now)
        for leg in offer.legs
    ]
    legs.insert_legs(tx, phones)
    tx.add_event(
        EventType.CALL_OFFERED,
        call_id=call.id,
        queue=queue.name,
        agent=offer.agent_name,
        offer_id=offer.id,
        phones=len(offer.legs),
        round=number,
        decision=call.entry.decision,
    )


def store_connect(tx: Transaction, call: Call, offer: Offer, answered: Leg, queue: Queue) -> None:
    """A phone has answered: the call is its agent's, the other offers of the round are withdrawn.

    The agent's row comes before the queue's, as in the claim: so no two transactions wait for each other.
    """
    wait_seconds = max(0.0, tx.now - call.entry.joined_at)
    ring_seconds = max(0.0, tx.now - offer.offered_at)
    agents.connect(tx, offer.agent_id, call_id=call.id)
    depth = entries.leave(
        tx, call.entry.id, queue_id=queue.id, present=EntryState.OFFERED, state=EntryState.CONNECTED
    )
    offers.connect(tx, offer.id, ring_seconds=ring_seconds)
    in_all = max(0.0, tx.now - call.arrived_at)
    calls.connect(tx, call.id, agent_id=offer.agent_id, wait_seconds=in_all, ring_seconds=ring_seconds)
    legs.connect(tx, answered.id, leg_rows.answered(answered, answered.outgoing.facts, call.caller))
    _store_caller_connected(tx, call.caller, answered)
    for leg in offer.legs:
        if leg is not answered:
            legs.ending(tx, leg.id, COMPLETED_ELSEWHERE)
    others = [each for each in call.offers if each is not offer]
    withdraw(tx, others)
    for leg in [leg for other in others for leg in other.legs]:
        legs.ending(tx, leg.id, OfferState.WITHDRAWN)
    tx.add_event(
        EventType.CALL_CONNECTED,
        call_id=call.id,
        queue=queue.name,
        agent=offer.agent_name,
        wait_seconds=wait_seconds,
        ring_seconds=ring_seconds,
        service_level_seconds=queue.rules.service_level_seconds,
        depth=depth,
        withdrawn=[other.agent_name for other in others],
    )


def _store_caller_connected(tx: Transaction, caller: Leg, answered: Leg) -> None:
    """A caller who was not answered until now is answered with the agent."""
    if caller.status == ANSWERED:
        legs.change(tx, caller.id, {"peer_leg_id": answered.id})
    else:
        legs.connect(tx, caller.id, {"peer_leg_id": answered.id, "last_status": ANSWERED})


def store_failures(
    tx: Transaction,
    call: Call,
    failures: Sequence[Failure],
    queue: Queue,
    clearing: Clearing,
    *,
    is_over: bool,
) -> None:
    """Offers came to nothing; if they were the last of their round (`is_over`) the caller is back in line.

    A caller whose phone has only rung until then is told what the queue has for those who wait.
    """
    if is_over:
        entries.return_to_line(tx, call.entry.id)
        calls.change_state(tx, call.id, CallState.OFFERED, CallState.QUEUED)
        status = due(call.caller, queue.rules.answer)
        if status is not None:
            store_told(tx, call, status)
    for failure in failures:
        _store_failure(tx, call, failure, queue, still_ringing=len(call.offers) - len(failures))
        if failure.is_quiet:
            clearing.store_cleared(call.id, failure.offer.legs, (), failure.offer, failure.result, tx)


def _store_failure(
    tx: Transaction, call: Call, failure: Failure, queue: Queue, *, still_ringing: int
) -> None:
    offer, result = failure.offer, failure.result
    ring_seconds = max(0.0, tx.now - offer.offered_at)
    offers.fail(tx, offer.id, result, sip_status=failure.status, ring_seconds=ring_seconds)
    for leg in offer.legs:
        store = legs.end if leg.session.ended.is_set() else legs.ending
        store(tx, leg.id, leg.session.end_cause or result)
    tx.add_event(
        EventType.CALL_OFFER_FAILED,
        call_id=call.id,
        queue=queue.name,
        agent=offer.agent_name,
        result=result,
        sip_status=failure.status,
        ring_seconds=ring_seconds,
        still_ringing=still_ringing,
    )
