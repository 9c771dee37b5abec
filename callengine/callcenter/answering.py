"""Answering: what the phone of a caller who waits is told: 200 and music, 183 and music, or 180 alone.

What it is told is stored first, as the status of the caller's leg. That only ever goes up; 200 comes with an
agent's answer at the latest.
"""

from __future__ import annotations

from collections.abc import Mapping

from loguru import logger

from callengine.callcenter.calls import Call, Leg
from callengine.db.repositories import calls, legs
from callengine.db.transaction import Transaction
from callengine.errors import MediaError
from callengine.media.engine import MUSIC, MediaEngine
from callengine.sip.incoming_session import IncomingSession
from callengine.vocabulary import AnswerMode, LegState

RINGING = 180
PROGRESS = 183
ANSWERED = 200

_STATUSES: Mapping[str, int] = {
    AnswerMode.IMMEDIATELY: ANSWERED,
    AnswerMode.EARLY_MEDIA: PROGRESS,
    AnswerMode.WITH_AGENT: RINGING,
}


def status_of(mode: str) -> int:
    """What the phone of a caller who waits is told in a queue of this answer mode."""
    return _STATUSES[mode]


def due(caller: Leg, mode: str) -> int | None:
    """What a caller who has to wait on is to be told now; None if its phone has been told as much."""
    status = status_of(mode)
    return status if status > caller.status else None


def columns_of(status: int, now: float) -> dict[str, object]:
    """The columns of a caller's leg which is told so, when it is stored first."""
    is_answered = status == ANSWERED
    return {
        "state": LegState.CONNECTED if is_answered else LegState.INVITING,
        "last_status": status,
        "answered_at": now if is_answered else None,
    }


def store_told(tx: Transaction, call: Call, status: int) -> None:
    """The phone is told more than before; an event that goes with it is the caller's to add."""
    if status == ANSWERED:
        legs.connect(tx, call.caller.id, {"last_status": status})
        calls.answer(tx, call.id)
    else:
        legs.change(tx, call.caller.id, {"last_status": status})


def tell(caller: Leg) -> None:
    """Tell the phone what is stored; harmless if it has heard that it is answered.

    A provisional answer of an earlier process is given once more. Raises `HungUp` if the caller gave up.
    """
    session = caller.session
    if not isinstance(session, IncomingSession) or session.is_answered:
        return
    body = caller.local_sdp.serialise()
    if caller.status == ANSWERED:
        session.answer(body)
    elif session.told == caller.status:
        session.ring_again()
    else:
        session.ring(body if caller.status == PROGRESS else b"")


class Answering:
    """Tells callers that they have to wait on, and has them hear music."""

    def __init__(self, media: MediaEngine) -> None:
        self._media = media

    def wait_on(self, call: Call, status: int) -> None:
        """Tell a caller, whose phone has only rung so far, what has been stored by `store_told`.

        Raises `HungUp` if the caller gave up.
        """
        call.caller.status = status
        if call.hears_music:
            self.play(call)
        tell(call.caller)

    def play(self, call: Call) -> None:
        """Begin the music; a caller for whom that is not possible waits in silence."""
        try:
            self._media.play(call.caller.id, MUSIC)
        except MediaError as error:
            logger.warning("the caller hears no music: {}", error)
