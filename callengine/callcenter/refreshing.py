"""Refreshing: what is asked of phones after a restart, where nobody knows whether they still have the call.

A phone that does not speak any more is offered once more what was agreed: who knows no such call says so. A
caller whose 200 may never have gone out is given it again, until it shows that it has it.
"""

from __future__ import annotations

from loguru import logger

from callengine import greenlets
from callengine.callcenter.calls import Call, Leg
from callengine.callcenter.legs import Legs
from callengine.callcenter.rejoining import NO_MEDIA
from callengine.errors import CallCenterError, HungUp, MediaError, RequestTimedOut, SessionError
from callengine.log import call_context
from callengine.media.engine import LegStatistics, MediaEngine
from callengine.sip.answered_session import AnsweredSession

LISTEN_SECONDS = 5.0
"""How long a phone may be silent before it is asked: one that is heard needs no question."""

_AGAIN_SECONDS = 30.0
_ATTEMPTS = 3
"""How often a phone that cannot be reached is asked: over TCP it comes back when it registers again."""

_LOOK_SECONDS = 1.0
"""How often it is looked whether there is audio from a phone which is given its 200 again."""


class Refreshing:
    """Offers silent phones once more what was agreed (RFC 3261 14.1), and repeats a 200 that may be lost."""

    def __init__(self, *, legs: Legs, media: MediaEngine, listen_seconds: float = LISTEN_SECONDS) -> None:
        self._legs = legs
        self._media = media
        self._listen_seconds = listen_seconds

    def watch(self, call: Call, leg: Leg, *, is_reopened: bool) -> None:
        """See to it that a phone which has answered has the call. Never waits.

        `is_reopened` says that its media leg was gone: then no audio of before is known. Of a phone that has
        never sent any audio nothing is expected.
        """
        with call_context(call.id):
            greenlets.spawn("refresh", self._see_to, call, leg, is_reopened)

    def _see_to(self, call: Call, leg: Leg, is_reopened: bool) -> None:
        has_spoken = self._has_spoken(leg)
        is_in_question, pause = has_spoken or is_reopened, self._listen_seconds
        if isinstance(leg.session, AnsweredSession) and not has_spoken:
            self._give_again(leg, leg.session)
            is_in_question, pause = is_reopened or not leg.session.is_heard, 0.0
        if is_in_question:
            self._ask_if_silent(call, leg, pause)

    def _give_again(self, leg: Leg, session: AnsweredSession) -> None:
        """Repeat the 200 until the phone shows that it has it, or that has been tried for long enough.

        At first we listen: who has it may be about to repeat a BYE, which SIPp forgets over a repeated 200.
        """
        is_clear = greenlets.wait_for_any(session.settled, session.ended, timeout=self._listen_seconds)
        if not is_clear and not self._has_spoken(leg):
            session.repeat_answer()
        while not greenlets.wait_for_any(session.settled, session.ended, timeout=_LOOK_SECONDS):
            if self._has_spoken(leg):
                session.note_heard()

    def _ask_if_silent(self, call: Call, leg: Leg, pause: float) -> None:
        """Ask it after `pause` seconds, unless it speaks by then; and again if it cannot be reached."""
        for _ in range(_ATTEMPTS):
            if greenlets.wait_for_any(leg.session.ended, timeout=pause) or self._speaks(leg):
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

    def _has_spoken(self, leg: Leg) -> bool:
        """Whether there has been audio from it since its media leg was opened."""
        return self._statistics(leg).last_packet_seconds is not None

    def _speaks(self, leg: Leg) -> bool:
        """Whether there was audio from it while we listened."""
        before = self._statistics(leg).last_packet_seconds
        return before is not None and before < self._listen_seconds

    def _statistics(self, leg: Leg) -> LegStatistics:
        try:
            return self._media.statistics(leg.id)
        except MediaError:
            return LegStatistics(leg.id, leg.media_port)

    def _end(self, call: Call, leg: Leg) -> None:
        logger.info("the phone at {} is gone", leg.session.flow)
        call.told_to_end = NO_MEDIA
        leg.session.hang_up(attempts=1)
