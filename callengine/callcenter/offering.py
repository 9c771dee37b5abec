"""Offering: a round of offers rings the phones of one agent or several; who answers first has the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from loguru import logger

from callengine.callcenter.answering import ANSWERED, Answering, due
from callengine.callcenter.calls import Call, Leg, Offer, new_id
from callengine.callcenter.clearing import TOLD_ELSEWHERE, Clearing
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.legs import Legs
from callengine.callcenter.offer_units import Failure, store_claim, store_connect, store_failures
from callengine.callcenter.presence import Presence
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.ringing import Ringing, result_of
from callengine.callcenter.roster import Agent
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError
from callengine.vocabulary import OfferState

Unit = Callable[[Transaction], None]
"""What is stored in the transaction that it is given."""

_LISTEN_SECONDS = 5.0
"""How long an offer that is taken up goes on at least: time for a phone to repeat its answer."""


class Offering:
    """Claims agents and rings their phones."""

    def __init__(
        self,
        *,
        queues: Queues,
        legs: Legs,
        answering: Answering,
        owner: Owner,
        presence: Presence,
        dispatch: Dispatch,
        clearing: Clearing,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._queues = queues
        self._legs = legs
        self._answering = answering
        self._owner = owner
        self._presence = presence
        self._dispatch = dispatch
        self._clearing = clearing
        self._committer = committer
        self._clock = clock
        self._ringing = Ringing(legs=legs, clearing=clearing, clock=clock)

    def claim(self, call: Call, chosen: Sequence[Agent], arrival: Unit | None = None) -> None:
        """Claim the agents, which dispatch holds for this call; those that could be are in `call.offers`.

        Without any the caller stays in line. `arrival` stores the call first, in the same transaction, or not
        at all.
        """
        queue = self._queues.by_id(call.entry.queue_id)
        wrap_up_seconds = queue.rules.wrap_up_seconds
        in_order = sorted(chosen, key=attrgetter("id"))
        wanted = [Offer(new_id(), agent.id, agent.name, wrap_up_seconds) for agent in in_order]
        try:
            ready = [offer for offer in wanted if self._make_legs(call, offer)]
            claimed = self._claim(call, ready, queue, arrival)
            self._give_up(call, [offer for offer in wanted if offer not in claimed])
        finally:
            for agent in chosen:
                self._dispatch.decided(agent)

    def _make_legs(self, call: Call, offer: Offer) -> bool:
        """Make the INVITEs to all phones of the offer's agent ready; False if that is not possible."""
        try:
            for binding in self._presence.bindings_of(offer.agent_name):
                offer.legs.append(self._legs.outgoing(call, offer.agent_name, binding))
        except CallCenterError as error:
            logger.info("no INVITE to {} can be made: {}", offer.agent_name, error)
            return False
        return bool(offer.legs)

    def _claim(
        self, call: Call, ready: Sequence[Offer], queue: Queue, arrival: Unit | None
    ) -> Sequence[Offer]:
        if not ready:
            return ()
        try:
            now, claimed = self._committer.commit(partial(self._store_claim, call, ready, queue, arrival))
        except CallCenterError as error:
            logger.info("the call could not be offered: {}", error)
            return ()
        for offer in claimed:
            offer.offered_at, offer.deadline_at = now, now + queue.rules.ring_timeout_seconds
        call.offers = claimed
        call.entry.rounds += 1
        return claimed

    def _store_claim(
        self, call: Call, ready: Sequence[Offer], queue: Queue, arrival: Unit | None, tx: Transaction
    ) -> tuple[float, list[Offer]]:
        if arrival is not None:
            arrival(tx)
        return tx.now, store_claim(tx, call, ready, queue, self._owner)

    def _give_up(self, call: Call, left_out: Sequence[Offer]) -> None:
        """Nothing was sent to these agents."""
        for offer in left_out:
            logger.info("{} could not be offered the call", offer.agent_name)
            self._legs.discard(offer.legs)
            self._dispatch.missed(call.entry, offer.agent_id)

    def ring(self, call: Call) -> None:
        """Ring the phones of the agents that were claimed, or go on with a round of an earlier process.

        Afterwards the call is connected (`connected_at` is set), or the caller is back in line. Raises
        `HungUp` if the caller leaves meanwhile; then `call.offers` tells whom to stop ringing. A phone that
        answered while nobody listened repeats that, at least every T2 = 4 s.
        """
        queue = self._queues.by_id(call.entry.queue_id)
        unsent = [leg.outgoing for leg in call.phones if not leg.outgoing.is_sent]
        if unsent:
            seconds = queue.rules.ring_timeout_seconds
        else:
            latest = max(offer.deadline_at for offer in call.offers)
            seconds = max(_LISTEN_SECONDS, latest - self._clock.now())
        for session in unsent:
            session.send()
        self._await_answer(call, queue, seconds=seconds)

    def _await_answer(self, call: Call, queue: Queue, *, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        ringing = {leg: offer for offer in call.offers for leg in offer.legs}
        while ringing and self._ringing.wait_for_final(call, ringing, deadline):
            answered = self._ringing.take_finals(ringing)
            if answered is not None:
                self._connect(call, *answered, queue)
                return
            left = set(ringing.values())
            refused = [offer for offer in call.offers if offer not in left]
            if refused and ringing:
                self._fail(call, refused, queue)
        self._fail(call, call.offers, queue)

    def _connect(self, call: Call, answered: Leg, offer: Offer, queue: Queue) -> None:
        """The first to answer has the call; all others are told that it was completed elsewhere."""
        now = self._committer.commit(partial(_store_connect, call, offer, answered, queue))
        answered.outgoing.acknowledge()
        offer.answered, call.caller.status = answered, ANSWERED
        withdrawn = [each for each in call.offers if each is not offer]
        call.offers, call.connected_at = [offer], now
        spare = [leg for leg in offer.legs if leg is not answered]
        if spare:
            self._clearing.clear_in_background(call.id, spare, reason=TOLD_ELSEWHERE)
        for other in withdrawn:
            self._clearing.clear_in_background(
                call.id, other.legs, offer=other, cause=OfferState.WITHDRAWN, reason=TOLD_ELSEWHERE
            )

    def _fail(self, call: Call, failed: Sequence[Offer], queue: Queue) -> None:
        """These have come to nothing; without any other the caller is back at its place at once.

        An agent is free when its phones are quiet.
        """
        left = [offer for offer in call.offers if offer not in failed]
        told = None if left else due(call.caller, queue.rules.answer)
        failures = [_failure(offer) for offer in failed]
        self._committer.commit(
            partial(_store_failures, call, failures, queue, self._clearing, is_over=not left)
        )
        for offer in failed:  # not before: its second counts from the time that the record has
            self._dispatch.missed(call.entry, offer.agent_id)
        call.offers = left
        for failure in failures:
            offer = failure.offer
            if failure.is_quiet:
                self._legs.discard(offer.legs)
            else:
                self._clearing.clear_in_background(call.id, offer.legs, offer=offer, cause=failure.result)
        if told is not None:
            self._answering.wait_on(call, told)


def _store_connect(call: Call, offer: Offer, answered: Leg, queue: Queue, tx: Transaction) -> float:
    store_connect(tx, call, offer, answered, queue)
    return tx.now


def _store_failures(
    call: Call,
    failures: Sequence[Failure],
    queue: Queue,
    clearing: Clearing,
    tx: Transaction,
    *,
    is_over: bool,
) -> None:
    store_failures(tx, call, failures, queue, clearing, is_over=is_over)


def _failure(offer: Offer) -> Failure:
    result, status = result_of(offer)
    return Failure(offer, result, status, all(leg.session.ended.is_set() for leg in offer.legs))
