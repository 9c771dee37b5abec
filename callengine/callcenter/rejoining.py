"""Rejoining: the calls go on with a media process that took the place of another; what is lost ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from loguru import logger

from callengine import greenlets
from callengine.callcenter.calls import Call, Calls, Leg
from callengine.callcenter.clearing import Clearing
from callengine.db.committer import Committer
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError, SessionError
from callengine.events.types import EventType
from callengine.log import call_context
from callengine.media.steady import Restored

NO_MEDIA = "no_media"
"""The cause of a call that ended because its audio was gone."""

_REASON = 'SIP;cause=500;text="Audio lost"'


class Rejoining:
    """Told when the legs of the live calls were opened again.

    `ask_if_silent` is told those whose phones have answered: the new process has never heard them, so it
    cannot say that one of them has fallen silent.
    """

    def __init__(
        self,
        *,
        live: Calls,
        clearing: Clearing,
        committer: Committer,
        ask_if_silent: Callable[[Call, Leg], None],
    ) -> None:
        self._live = live
        self._clearing = clearing
        self._committer = committer
        self._ask_if_silent = ask_if_silent

    def note(self, restored: Restored) -> None:
        """Log it as an event, and end the calls whose legs could not be opened again."""
        logger.warning(
            "another media process has taken over: {} legs go on, {} are lost",
            len(restored.reopened),
            len(restored.lost),
        )
        try:
            self._committer.commit(partial(_store, restored))
        except DatabaseError as error:
            logger.error("the change of the media process could not be stored: {}", error)
        lost, reopened = set(restored.lost), set(restored.reopened)
        for call in self._live.going_on():
            self._end_what_is_lost(call, lost)
            for leg in call.legs:
                if leg.id in reopened and leg.has_agreed:
                    self._ask_if_silent(call, leg)

    def _end_what_is_lost(self, call: Call, lost: set[str]) -> None:
        answered = call.answered_by
        if call.caller.id in lost or (answered is not None and answered.id in lost):
            call.told_to_end = NO_MEDIA
            with call_context(call.id):
                greenlets.spawn("hang_up", _hang_up, call.caller)
            return
        for leg in call.phones if answered is None else ():
            if leg.id in lost:
                self._clearing.hang_up_at_once(leg)


def _hang_up(leg: Leg) -> None:
    try:
        leg.session.hang_up(reason=_REASON)
    except SessionError as error:
        logger.info("the caller's phone could not be hung up: {}", error)


def _store(restored: Restored, tx: Transaction) -> None:
    tx.add_event(
        EventType.MEDIA_RESTARTED, legs_reopened=len(restored.reopened), legs_lost=len(restored.lost)
    )
