"""How the service ends: for good, with time for the calls that are here and a BYE for whoever is left; or by
handing everything over to the process that comes next, which finds all of it in the database.
"""

from __future__ import annotations

import math
from functools import partial

import gevent
from gevent.event import Event
from loguru import logger

from callengine import greenlets
from callengine.assembly import Parts
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.session import Session

STOPPED = 'SIP;cause=503;text="Service stops"'
"""Why phones are hung up when the service is told to stop (RFC 3326)."""

_RESTART_SECONDS = 5
"""What a service needs at most to be started again: Retry-After for those who come meanwhile."""

_LAST_SECONDS = 5.0
"""How long the end waits for the phones to confirm."""

_AFTER_COMMIT_SECONDS = 0.05
"""Time for the stories whose commit was the last to send what follows from it."""

LONGEST_END_SECONDS = 4 * _LAST_SECONDS
"""What the end takes at most beyond the time that calls have to finish: its four waits for phones."""


def drain(parts: Parts, seconds: float, hurry: Event) -> None:
    """Refuse new calls, and wait until those that are here are over, at most `seconds` or until `hurry`.

    Callers who wait are still offered to agents, and phones may still register.
    """
    parts.inbound.close("the service ends", retry_after_seconds=math.ceil(seconds) + _RESTART_SECONDS)
    parts.inbound.settle(_LAST_SECONDS)
    count = len(parts.people.live.going_on())
    if not count:
        return
    logger.info("the service drains: {} calls may go on for {:g} s, new ones are refused", count, seconds)
    over = Event()
    greenlets.spawn("drain", _wait_until_over, parts, seconds, over)
    greenlets.wait_for_any(over, hurry, timeout=seconds)


def hang_up_all(parts: Parts) -> None:
    """Nobody is offered a call any more, and every phone is told, all at the same time."""
    parts.inbound.close("the service ends", retry_after_seconds=_RESTART_SECONDS)
    parts.inbound.settle(_LAST_SECONDS)
    parts.people.dispatch.stop()
    left = list(parts.people.live)
    if left:
        logger.info("{} calls are hung up, since the service ends", len(left))
    for call in left:
        for leg in call.legs:
            greenlets.spawn("clearing", _hang_up, leg.session)
    stories_over = parts.inbound.wait(_LAST_SECONDS)
    if not parts.clearing.wait(_LAST_SECONDS) or not stories_over:
        logger.warning("not every phone has confirmed that its call is over")


def hand_over(parts: Parts) -> None:
    """Leave every call as it stands in the database to the next process, and tell no phone.

    Nothing new is received, the commit that is under way is finished, and what follows from it is sent; then
    nothing changes any more, and the process is to exit at once. All of it is on the disk then: nobody would
    bring it there until the next process does.
    """
    parts.base.endpoint.deafen()
    count = len(parts.people.live.going_on())
    handed_over = partial(_store_hand_over, count, parts.base.owner["incarnation"])
    parts.base.committer.submit(handed_over).wait(_LAST_SECONDS / 2)
    if not parts.base.committer.pause(_LAST_SECONDS):
        logger.warning("the database did not finish a commit in time: the next process will find out")
    greenlets.spawn("sync", parts.base.checkpointer.sync).join(_LAST_SECONDS)
    gevent.sleep(_AFTER_COMMIT_SECONDS)
    logger.info("callengine hands over {} calls", count)


def _store_hand_over(count: int, incarnation: str, tx: Transaction) -> None:
    """By this the next process knows that ours was not cut short."""
    tx.add_event(EventType.SERVICE_HANDED_OVER, calls=count, incarnation=incarnation)


def _wait_until_over(parts: Parts, seconds: float, over: Event) -> None:
    if parts.inbound.wait(seconds):
        over.set()


def _hang_up(session: Session) -> None:
    if isinstance(session, IncomingSession):
        session.refuse_with = 503
    session.hang_up(reason=STOPPED, timeout=_LAST_SECONDS / 2, attempts=1)
