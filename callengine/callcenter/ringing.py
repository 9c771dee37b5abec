"""Ringing: the phones of agents ring for a call until one has answered; what an offer came to if none has."""

from __future__ import annotations

from collections.abc import Iterable

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
        ringing = dict.fromkeys(offer.legs, offer)
        while ringing and self.wait_for_final(call, ringing, deadline):
            answered = self.take_finals(ringing)
            if answered is not None:
                return answered[0]
        return None

    def wait_for_final(self, call: Call, ringing: Iterable[Leg], deadline: float) -> bool:
        """Wait until one of the phones answers or refuses; False if none has until `deadline` (monotonic).

        Raises `HungUp` if the caller leaves meanwhile.
        """
        caller = call.caller.session
        finals = [leg.outgoing.final for leg in ringing]
        left = max(0.0, deadline - self._clock.monotonic())
        if not greenlets.wait_for_any(caller.ended, *finals, timeout=left):
            return False
        if caller.ended.is_set():
            raise HungUp("the caller left while phones were ringing")
        return True

    def take_finals(self, ringing: dict[Leg, Offer]) -> tuple[Leg, Offer] | None:
        """Take out those that have answered or refused; the first of them whose answer can be served."""
        for leg in [leg for leg in ringing if leg.outgoing.final.is_set()]:
            offer = ringing.pop(leg)
            if leg.outgoing.answered.is_set() and self._agree(leg, offer):
                return leg, offer
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
    """What the offer came to, by the best answer of its phones (RFC 3261 16.7: 6xx, then the lowest class).

    Within a class what a phone says that is there comes before what stands for one that is not.
    """
    statuses = [leg.outgoing.refused[0] for leg in offer.legs if leg.outgoing.refused is not None]
    statuses += [_NOT_ACCEPTABLE] * len(offer.unusable)
    if len(statuses) < len(offer.legs):
        return OfferState.NO_ANSWER, None
    status = min(statuses, key=_rank)
    if status in _BUSY:
        return OfferState.BUSY, status
    return (OfferState.UNREACHABLE if status in _UNREACHABLE else OfferState.REJECTED), status


def _rank(code: int) -> tuple[bool, int, bool, int]:
    return (code < 600, code // 100, code in _UNREACHABLE, code)
