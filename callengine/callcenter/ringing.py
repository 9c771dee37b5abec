"""Ringing: an agent's phones ring for a call that leads to nobody else, until one of them has answered."""

from __future__ import annotations

from loguru import logger

from callengine import greenlets
from callengine.callcenter.calls import Call, Leg, Offer
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.legs import Legs
from callengine.clock import Clock
from callengine.errors import HungUp, ProtocolError
from callengine.vocabulary import OfferState

_NOT_ACCEPTABLE = 488
_BUSY = frozenset([486, 600])
_UNREACHABLE = frozenset([404, 408, 410, 480, 503])


class Ringing:
    """Waits beside phones that were sent an INVITE."""

    def __init__(self, *, legs: Legs, clearing: Clearing, clock: Clock) -> None:
        self._legs = legs
        self._clearing = clearing
        self._clock = clock

    def first_answer(self, call: Call, offer: Offer, *, seconds: float) -> Leg | None:
        """The phone that answers first; None when all have refused, or none has answered for `seconds`.

        Raises `HungUp` if the caller leaves meanwhile.
        """
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


def result_of(offer: Offer) -> tuple[OfferState, int | None]:
    """What the offer came to, by the best answer of its phones (RFC 3261 16.7: 6xx, then the lowest)."""
    statuses = [leg.outgoing.refused[0] for leg in offer.legs if leg.outgoing.refused is not None]
    statuses += [_NOT_ACCEPTABLE] * len(offer.unusable)
    if len(statuses) < len(offer.legs):
        return OfferState.NO_ANSWER, None
    status = min(statuses, key=lambda code: (code < 600, code))
    if status in _BUSY:
        return OfferState.BUSY, status
    return (OfferState.UNREACHABLE if status in _UNREACHABLE else OfferState.REJECTED), status
