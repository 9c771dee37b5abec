"""Refreshing: a phone that is silent after a restart is asked whether it still has the call."""

from __future__ import annotations

from loguru import logger

from callengine import greenlets
from callengine.callcenter.calls import Call, Leg
from callengine.callcenter.legs import Legs
from callengine.callcenter.rejoining import NO_MEDIA
from callengine.errors import CallCenterError, HungUp, MediaError, RequestTimedOut, SessionError
from callengine.log import call_context
from callengine.media.engine import MediaEngine

LISTEN_SECONDS = 5.0
"""How long a phone may be silent before it is asked: one that is heard needs no question."""

_AGAIN_SECONDS = 30.0
_ATTEMPTS = 3
"""How often a phone that cannot be reached is asked: over TCP it comes back when it registers again."""


class Refreshing:
    """Offers silent phones once more what was agreed (RFC 3261 14.1): who knows no such call says so."""

    def __init__(self, *, legs: Legs, media: MediaEngine, listen_seconds: float = LISTEN_SECONDS) -> None:
        self._legs = legs
        self._media = media
        self._listen_seconds = listen_seconds

    def watch(self, call: Call, leg: Leg) -> None:
        """Listen to a leg whose phone has answered, and ask it unless it is heard. Never waits."""
        with call_context(call.id):
            greenlets.spawn("refresh", self._ask_if_silent, call, leg)

    def _ask_if_silent(self, call: Call, leg: Leg) -> None:
        pause = self._listen_seconds
        for _ in range(_ATTEMPTS):
            if greenlets.wait_for_any(leg.session.ended, timeout=pause) or self._is_heard(leg):
                return
            try:
                self._legs.refresh(leg)
            except RequestTimedOut:
                break
            except HungUp:
                return
            except SessionError as error:
                logger.info("the phone at {} could not be asked for the call: {}", leg.session.flow, error)
                pause = _AGAIN_SECONDS
                continue
            except CallCenterError as error:
                logger.info("the phone at {} still has the call, but: {}", leg.session.flow, error)
            return
        self._end(call, leg)

    def _is_heard(self, leg: Leg) -> bool:
        try:
            return self._media.statistics(leg.id).packets_received > 0
        except MediaError:
            return False

    def _end(self, call: Call, leg: Leg) -> None:
        logger.info("the phone at {} is gone", leg.session.flow)
        call.told_to_end = NO_MEDIA
        leg.session.hang_up(attempts=1)
