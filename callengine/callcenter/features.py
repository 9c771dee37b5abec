"""A feature number, told from top to bottom: an agent dials it, hears whether it was done, and is hung up.

Two rising tones say that it was done, a low one that it was not; why not stands in the log. While the call
lasts the agent is busy with it, so what was ordered shows when it is over.
"""

from __future__ import annotations

from functools import partial

from gevent.event import Event
from loguru import logger

from callengine import greenlets
from callengine.callcenter import staff
from callengine.callcenter.answering import tell
from callengine.callcenter.arrivals import Arrivals
from callengine.callcenter.calls import Call
from callengine.callcenter.clearing import Outcome
from callengine.callcenter.legs import Legs
from callengine.callcenter.numbers import Feature, Numbers, ToFeature
from callengine.callcenter.roster import Agent, Roster
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.repositories import agent_states, legs
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, DatabaseError, NotAllowed
from callengine.media.engine import DONE, REFUSED, MediaEngine
from callengine.media.tones import SIGNAL_SECONDS
from callengine.sip.answered_session import AnsweredSession
from callengine.sip.server_transaction import ServerTransaction
from callengine.vocabulary import CallState, Disposition, Party

CAUSE = "feature"
"""The cause in the record of such a call, and in the event of what it changed."""

_REASONS = {
    True: 'SIP;cause=200;text="Feature done"',
    False: 'SIP;cause=403;text="Feature refused"',
}
"""What the agent's phone is told at the end (RFC 3326)."""

_LISTEN_SECONDS = 6.0
"""How long a phone that an earlier process has answered is listened to: it may lack the 200 until then."""

_AFTERWARDS_SECONDS = 0.2
"""Time for the last of the tone to be heard."""


class Features:
    """Does what agents dial for, by the functions of `staff`."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        numbers: Numbers,
        roster: Roster,
        legs: Legs,
        media: MediaEngine,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._arrivals = arrivals
        self._numbers = numbers
        self._roster = roster
        self._legs = legs
        self._media = media
        self._committer = committer
        self._clock = clock

    def admit(self, transaction: ServerTransaction, dialled: str, made_by: Agent | None) -> Call:
        """Store the call. Raises `NotAllowed` for a customer, and for an agent who has no room for a call."""
        if made_by is None:
            raise NotAllowed(f"{dialled!r} is for agents alone")
        caller = self._legs.incoming(transaction, play=None)
        call = self._arrivals.call_of(caller, dialled=dialled, at=self._clock.now())
        try:
            self._committer.commit(partial(self._store, call, made_by))
        except CallCenterError:
            self._legs.discard([caller])
            raise
        return call

    def live_through(self, call: Call) -> Outcome:
        """Do it, and let it be heard. Raises `HungUp` if the agent does not wait for that.

        A call made of its rows has it done once more, which changes nothing if it was done.
        """
        is_done = self._do(call)
        tell(call.caller)
        session = call.caller.session
        if isinstance(session, AnsweredSession):
            greenlets.wait_for_any(session.settled, session.ended, timeout=_LISTEN_SECONDS)
        session.wait(session.confirmed)
        self._media.play(call.caller.id, DONE if is_done else REFUSED, loop=False)
        session.wait(Event(), timeout=SIGNAL_SECONDS + _AFTERWARDS_SECONDS)
        disposition = Disposition.ANSWERED if is_done else Disposition.REJECTED
        return Outcome(disposition, CAUSE, Party.SYSTEM, _REASONS[is_done])

    def _store(self, call: Call, made_by: Agent, tx: Transaction) -> None:
        self._arrivals.store(tx, call, state=CallState.ARRIVED, made_by=made_by, answered_at=tx.now)
        self._arrivals.hold(tx, call, made_by)
        row = self._arrivals.caller_row(call, now=tx.now)
        legs.insert_legs(tx, [row])

    def _do(self, call: Call) -> bool:
        """Whether it could be done."""
        try:
            wanted = self._numbers.find(call.dialled)
            if not isinstance(wanted, ToFeature) or call.caller.made_by is None:
                raise NotAllowed(f"{call.dialled!r} is no feature any more")
            name = self._roster.by_id(call.caller.made_by).name
            self._committer.commit(partial(_do, wanted, name))
        except DatabaseError:
            raise
        except CallCenterError as error:
            logger.info("{} is refused: {}", call.dialled, error)
            return False
        logger.info("{} has had {} done", name, wanted.feature)
        return True


def _resume(tx: Transaction, name: str) -> None:
    """While the call lasts a pause is one that is ordered; who is not paused has nothing to end."""
    if agent_states.read_for_change(tx, staff.id_of(tx, name)).pause_next_reason is not None:
        staff.resume(tx, name, by=name, cause=CAUSE)


def _do(wanted: ToFeature, name: str, tx: Transaction) -> None:
    match wanted.feature:
        case Feature.SIGN_ON:
            staff.sign_on(tx, name, by=name, cause=CAUSE)
        case Feature.SIGN_OFF:
            staff.sign_off(tx, name, by=name, cause=CAUSE)
        case Feature.PAUSE:
            staff.pause(tx, name, reason=wanted.reason, by=name, cause=CAUSE, after_call=True)
        case Feature.RESUME:
            _resume(tx, name)
