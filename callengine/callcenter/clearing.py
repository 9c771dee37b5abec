"""Clearing: the record is completed, the phones are hung up, and what they held is given back.

A leg that is still up when its call or offer ends is stored as `ending` in the transaction that ends it, so
that a process which comes after this one knows that a BYE or CANCEL is due. When the phone has confirmed, one
more transaction closes the leg and, with the last leg of an offer, releases the agent: an agent is free only
when its phones are quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import gevent
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.callcenter import agents, own_calls
from callengine.callcenter.calls import Call, Calls, Leg, Offer
from callengine.callcenter.missed import MissedRules
from callengine.callcenter.queues import Queues
from callengine.db.committer import Committer
from callengine.db.repositories import calls, entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, DatabaseError, MediaError
from callengine.events.types import EventType
from callengine.media.engine import MediaEngine
from callengine.sip.incoming_session import IncomingSession
from callengine.vocabulary import COMPLETED_ELSEWHERE, Disposition, EntryState, OfferState, Party

TOLD_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""Why phones stop ringing when another has answered (RFC 3326)."""

STOPPED_UNTOLD = "stopped"
"""The end of a session whose endpoint was closed before its phone was told."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    disposition: Disposition
    cause: str
    hung_up_by: Party
    reason: str | None = None
    """The Reason header (RFC 3326) of the BYE or refusal that tells the caller."""
    status: int = 480
    """What a caller who was not answered is refused with."""
    withdrawn_by: str | None = None
    """The operator who sent away a caller that waited."""
    offer_result: OfferState = OfferState.WITHDRAWN
    """What an offer comes to that rings still."""
    offer_status: int | None = None
    """The answer of its phones, if they gave one."""


_ENTRY_STATES = {
    Disposition.ABANDONED: EntryState.ABANDONED,
    Disposition.SHORT_ABANDONED: EntryState.ABANDONED,
    Disposition.TIMED_OUT: EntryState.TIMED_OUT,
}


class Clearing:
    """Ends calls. Times in seconds; the limits of a BYE are those of behaviour: `general.bye_*`."""

    def __init__(
        self,
        *,
        live: Calls,
        queues: Queues,
        media: MediaEngine,
        committer: Committer,
        bye_timeout_seconds: float = 15.0,
        bye_retry_attempts: int = 3,
        bye_race_delay_seconds: float = 0.1,
        missed_rules: MissedRules = agents.NOTHING_FOLLOWS,
    ) -> None:
        """`missed_rules` say what follows an offer that its agent has missed."""
        self._live = live
        self._queues = queues
        self._media = media
        self._committer = committer
        self._bye_timeout_seconds = bye_timeout_seconds
        self._bye_retry_attempts = bye_retry_attempts
        self._bye_race_delay_seconds = bye_race_delay_seconds
        self._missed_rules = missed_rules
        self._group = Group()
        self._in_hand: dict[str, Leg] = {}

    @property
    def in_hand(self) -> Mapping[str, Leg]:
        """The legs that are being hung up, by their ids."""
        return self._in_hand

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is being cleared in the background; False if `timeout` seconds were too few."""
        self._group.join(timeout=timeout)
        return not len(self._group)

    def end(self, call: Call, outcome: Outcome) -> None:
        """Complete the record of a call and hang up whatever is left of it."""
        try:
            self._committer.commit(partial(self._store_end, call, outcome))
        except DatabaseError as error:
            logger.error("the record of this call could not be completed: {}", error)
        call.is_over = True
        if isinstance(call.caller.session, IncomingSession):
            call.caller.session.refuse_with = outcome.status
        both_up = call.connected_at is not None
        if both_up:
            gevent.sleep(self._bye_race_delay_seconds)
        cause = outcome.cause if both_up else OfferState.WITHDRAWN
        self._clear_both_sides(call, cause, outcome.reason)
        self._live.remove(call)

    def _clear_both_sides(self, call: Call, cause: str, reason: str | None) -> None:
        """Side by side: no agent is to wait for a phone of somebody else's that does not answer."""
        caller, offers = [call.caller], call.offers
        if not offers:
            self.clear(call.id, caller, cause=cause, reason=reason)
        elif len(offers) == 1 and call.caller.session.ended.is_set():
            self.clear(call.id, call.legs, offer=offers[0], cause=cause, reason=reason)
        else:
            self.clear_in_background(call.id, caller, cause=cause, reason=reason)
            for other in offers[1:]:
                self.clear_in_background(call.id, other.legs, offer=other, cause=cause, reason=reason)
            self.clear(call.id, offers[0].legs, offer=offers[0], cause=cause, reason=reason)
            greenlets.wait_for_any(call.caller.session.ended)

    def hang_up_at_once(self, leg: Leg) -> None:
        """Begin to hang up one phone of an offer that goes on; `clear` does the rest in its time."""
        greenlets.spawn("clearing", self._hang_up, leg, None, owner=self._group)

    def end_in_background(self, call: Call, outcome: Outcome) -> None:
        """`end` while the service goes on."""
        greenlets.spawn("clearing", self.end, call, outcome, owner=self._group)

    def clear_in_background(
        self,
        call_id: str,
        ending: Sequence[Leg],
        *,
        offer: Offer | None = None,
        cause: str = COMPLETED_ELSEWHERE,
        reason: str | None = None,
    ) -> None:
        """`clear` while the call goes on."""
        clear = partial(self.clear, call_id, ending, offer=offer, cause=cause, reason=reason)
        greenlets.spawn("clearing", clear, owner=self._group)

    def clear(
        self,
        call_id: str,
        ending: Sequence[Leg],
        *,
        offer: Offer | None = None,
        cause: str,
        reason: str | None = None,
    ) -> None:
        """Hang up these legs, close them, and release the agent of `offer`.

        Legs whose phones could not be told before the service stopped stay as they are stored: `ending`.
        """
        self._in_hand.update((leg.id, leg) for leg in ending)
        try:
            self._clear(call_id, ending, offer, cause, reason)
        finally:
            for leg in ending:
                self._in_hand.pop(leg.id, None)

    def _clear(
        self, call_id: str, ending: Sequence[Leg], offer: Offer | None, cause: str, reason: str | None
    ) -> None:
        unconfirmed = self._hang_up_all(ending, reason)
        if any(leg.session.end_cause == STOPPED_UNTOLD for leg in ending):
            logger.info("{} phones are to be hung up at the next start", len(ending))
        else:
            self._store(partial(self.store_cleared, call_id, ending, unconfirmed, offer, cause))
        try:
            self._media.close(*(leg.id for leg in ending))
        except MediaError as error:
            logger.info("the media of {} legs could not be closed: {}", len(ending), error)

    def store_cleared(
        self,
        call_id: str,
        ending: Sequence[Leg],
        unconfirmed: Sequence[Leg],
        offer: Offer | None,
        cause: str,
        tx: Transaction,
    ) -> None:
        """Close legs whose phones are quiet; release the agent of `offer`, and the one who made the call."""
        for leg in ending:
            legs.end(tx, leg.id, leg.session.end_cause or cause)
            kind = EventType.LEG_CLOSED_UNCONFIRMED if leg in unconfirmed else EventType.LEG_CLOSED
            tx.add_event(kind, call_id=call_id, leg_id=leg.id, role=leg.role, cause=cause)
            if leg.made_by is not None:
                own_calls.end(tx, leg.made_by, call_id=call_id)
        if offer is not None:
            was_connected = offer.answered is not None
            result = OfferState.WITHDRAWN if offer.is_direct and not was_connected else cause
            agents.release(
                tx,
                offer.agent_id,
                call_id=call_id,
                cause=result,
                was_connected=was_connected,
                wrap_up_seconds=offer.wrap_up_seconds,
                keeps_idle_time=result == OfferState.WITHDRAWN,
                missed_rules=self._missed_rules,
            )

    def _store(self, unit: Callable[[Transaction], None]) -> None:
        try:
            self._committer.commit(unit)
        except DatabaseError as error:
            logger.error("the end of some legs could not be stored: {}", error)

    def _hang_up_all(self, ending: Sequence[Leg], reason: str | None) -> list[Leg]:
        """Hang up at the same time; returns the legs whose phones never confirmed."""
        up = [leg for leg in ending if not leg.session.ended.is_set()]
        if len(up) == 1:
            return [] if self._hang_up(up[0], reason) else up
        hanging_up = [greenlets.spawn("clearing", self._hang_up, leg, reason) for leg in up]
        gevent.joinall(hanging_up)
        return [leg for leg, greenlet in zip(up, hanging_up, strict=True) if greenlet.value is not True]

    def _hang_up(self, leg: Leg, reason: str | None) -> bool:
        try:
            return leg.session.hang_up(
                reason=reason, timeout=self._bye_timeout_seconds, attempts=1 + self._bye_retry_attempts
            )
        except CallCenterError as error:
            logger.warning("the phone at {} could not be hung up: {}", leg.session.flow, error)
            return False

    def _store_end(self, call: Call, outcome: Outcome, tx: Transaction) -> None:
        queue = None if call.place is None else self._queues.by_id(call.place.queue_id).name
        talk_seconds = None if call.connected_at is None else max(0.0, tx.now - call.connected_at)
        depth = _end_entry_and_offers(tx, call, outcome, talk_seconds)
        began = call.arrived_at if call.place is None else call.place.joined_at
        waited = max(0.0, (call.connected_at or tx.now) - began)
        if outcome.withdrawn_by is not None:
            tx.add_event(EventType.CALL_WITHDRAWN, call_id=call.id, queue=queue, by=outcome.withdrawn_by)
        calls.end(
            tx,
            call.id,
            disposition=outcome.disposition,
            cause=outcome.cause,
            hung_up_by=outcome.hung_up_by,
            wait_seconds=max(0.0, (call.connected_at or tx.now) - call.arrived_at),
            talk_seconds=talk_seconds,
        )
        for leg in call.legs:
            legs.ending(tx, leg.id, outcome.cause)
        tx.add_event(
            EventType.CALL_ENDED,
            call_id=call.id,
            queue=queue,
            agent=call.offers[0].agent_name if len(call.offers) == 1 else None,
            disposition=outcome.disposition,
            cause=outcome.cause,
            hung_up_by=outcome.hung_up_by,
            wait_seconds=waited,
            talk_seconds=talk_seconds,
            depth=depth,
            withdrawn=_withdrawn(call, outcome),
        )


def _end_entry_and_offers(
    tx: Transaction, call: Call, outcome: Outcome, talk_seconds: float | None
) -> int | None:
    """End what the call still holds of its queue and agents; the depth, if the entry ended now."""
    if talk_seconds is not None:
        for offer in call.offers:
            offers.end(tx, offer.id, talk_seconds=talk_seconds)
        return None
    depth = None
    if call.place is not None:
        depth = entries.leave(
            tx,
            call.place.id,
            queue_id=call.place.queue_id,
            present=EntryState.OFFERED if call.offers else EntryState.WAITING,
            state=_ENTRY_STATES.get(outcome.disposition, EntryState.REJECTED),
        )
    end_ringing(tx, call.offers, outcome.offer_result, outcome.offer_status)
    return depth


def withdraw(tx: Transaction, withdrawn: Iterable[Offer]) -> None:
    """End offers that ring, through no doing of their agents."""
    end_ringing(tx, withdrawn, OfferState.WITHDRAWN, None)


def end_ringing(tx: Transaction, ringing: Iterable[Offer], result: OfferState, status: int | None) -> None:
    """End offers that ring, with `status` as the answer of their phones."""
    for offer in ringing:
        ring_seconds = tx.now - offer.offered_at
        offers.fail(tx, offer.id, result, sip_status=status, ring_seconds=ring_seconds)


def _withdrawn(call: Call, outcome: Outcome) -> list[str]:
    """The agents whose phones ring no more through no doing of theirs."""
    is_withdrawn = call.connected_at is None and outcome.offer_result is OfferState.WITHDRAWN
    return [offer.agent_name for offer in call.offers] if is_withdrawn else []
