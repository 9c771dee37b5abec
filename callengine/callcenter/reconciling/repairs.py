"""Repairs: sets one disagreement right: first what the rows say, with the event, then what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial

from loguru import logger
from sqlalchemy import Engine

from callengine import greenlets
from callengine.callcenter.bridge import Bridge, remote_media
from callengine.callcenter.calls import Calls, Leg
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.debts import Debts, is_wanted
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.reconciling import units
from callengine.callcenter.reconciling.looking import Looking
from callengine.callcenter.reconciling.picture import Disagreement
from callengine.callcenter.rejoining import NO_MEDIA
from callengine.callcenter.repair_reasons import MEANINGS, Reason
from callengine.callcenter.roster import Roster
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import agents, legs
from callengine.errors import CallCenterError, GuardFailed, SessionError
from callengine.log import call_context
from callengine.media.engine import MUSIC, MediaEngine
from callengine.sip.session import Session
from callengine.vocabulary import LegState

_REASON = 'SIP;cause=500;text="State repaired"'


class Repairs:
    """What can be done about each reason."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        media: MediaEngine,
        bridge: Bridge,
        live: Calls,
        clearing: Clearing,
        debts: Debts,
        dispatch: Dispatch,
        roster: Roster,
        looking: Looking,
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._media = media
        self._bridge = bridge
        self._live = live
        self._clearing = clearing
        self._debts = debts
        self._dispatch = dispatch
        self._roster = roster
        self._looking = looking
        self._afterwards: Mapping[Reason, Callable[[Disagreement], None]] = {
            Reason.CALL_WITHOUT_STORY: self._pay_what_is_owed,
            Reason.OFFER_WITHOUT_STORY: self._pay_what_is_owed,
            Reason.OFFER_WITHOUT_CALL: self._pay_what_is_owed,
            Reason.LEG_WITHOUT_DIALOG: self._pay_what_is_owed,
            Reason.LEG_PAST_ITS_LEASE: self._pay_what_is_owed,
            Reason.STORY_WITHOUT_CALL: self._end_story,
            Reason.CALL_PAST_ITS_LEASE: self._end_story,
            Reason.ENTRY_PAST_ITS_LEASE: self._end_story,
            Reason.CALLER_NOT_IN_LINE: self._stand_in_line,
            Reason.OFFER_PAST_ITS_LEASE: self._stop_ringing,
            Reason.ROSTER_DIFFERS: self._correct_roster,
            Reason.AGENT_HELD_FOR_NOBODY: self._let_agent_go,
            Reason.DIALOG_NOT_KNOWN: self._know_dialog,
            Reason.DIALOG_WITHOUT_LEG: self._hang_up_stranger,
            Reason.LEG_WITHOUT_MEDIA: self._open_media_again,
            Reason.MEDIA_WITHOUT_LEG: self._close_media,
        }

    def repair(self, found: Disagreement) -> bool:
        """Set it right and tell it; False if it is right by now. Raises `CallCenterError` if it cannot be."""
        try:
            self._committer.commit(partial(units.store, found))
        except GuardFailed as error:
            logger.info("nothing is to be repaired: {}", error)
            return False
        meaning, remedy = MEANINGS[found.reason]
        with call_context(found.call_id) if found.call_id else nullcontext():
            logger.warning("repaired {} ({}): {} {}", found.reason, found.key, meaning, remedy)
            afterwards = self._afterwards.get(found.reason)
            if afterwards is not None:
                afterwards(found)
        return True

    def _pay_what_is_owed(self, found: Disagreement) -> None:
        """Hang up the legs of the call that are ending and that nobody has in hand."""
        with reading(self._engine) as connection:
            rows = legs.of_call(connection, found.call_id or "")
        due = [row for row in rows if row["state"] == LegState.ENDING and not is_wanted(row)]
        due = [row for row in due if row["id"] not in self._clearing.in_hand]
        taken = {row["id"]: leg for row in due if (leg := self._debts.leg_of(row)) is not None}
        for owed in self._debts.of(due, taken):
            self._debts.pay(owed)

    def _end_story(self, found: Disagreement) -> None:
        call = self._live.find(found.call_id or "")
        if call is not None:
            call.told_to_end = found.reason
            self._hang_up(call.caller.session)

    def _stand_in_line(self, found: Disagreement) -> None:
        call = self._live.find(found.call_id or "")
        if call is not None:
            self._dispatch.stand_again(call.entry)

    def _stop_ringing(self, found: Disagreement) -> None:
        call = self._live.find(found.call_id or "")
        for offer in call.offers if call is not None else ():
            for leg in offer.legs if offer.id == found.key else ():
                self._clearing.hang_up_at_once(leg)

    def _correct_roster(self, found: Disagreement) -> None:
        with reading(self._engine) as connection:
            record = next((row for row in agents.read_agents(connection) if row.id == found.key), None)
        if record is not None:
            self._roster.correct(record)

    def _let_agent_go(self, found: Disagreement) -> None:
        self._dispatch.decided(self._roster.by_id(int(found.key)))

    def _know_dialog(self, found: Disagreement) -> None:
        leg = self._leg(found)
        if leg is not None and not leg.session.ended.is_set():
            leg.session.begin()

    def _hang_up_stranger(self, found: Disagreement) -> None:
        session = self._looking.strange_dialogs().get(str(found.key))
        if isinstance(session, Session):
            self._hang_up(session)

    def _open_media_again(self, found: Disagreement) -> None:
        call, leg = self._live.find(found.call_id or ""), self._leg(found)
        if call is None or leg is None:
            return
        is_to_hear_music = leg is call.caller and call.hears_music
        remote = remote_media(leg.agreement) if leg.agreement else None
        try:
            self._media.open(
                leg.id, remote=remote, play=MUSIC if is_to_hear_music else None, port=leg.media_port
            )
            if call.answered_by is not None:
                self._bridge.join(call.caller, call.answered_by)
        except CallCenterError as error:
            logger.warning("the call cannot go on without its media: {}", error)
            call.told_to_end = NO_MEDIA
            self._hang_up(call.caller.session)

    def _close_media(self, found: Disagreement) -> None:
        self._media.close(str(found.key))

    def _leg(self, found: Disagreement) -> Leg | None:
        return next((leg for leg in self._looking.legs() if leg.id == found.key), None)

    def _hang_up(self, session: Session) -> None:
        greenlets.spawn("hang_up", _hang_up, session)


def _hang_up(session: Session) -> None:
    try:
        session.hang_up(reason=_REASON)
    except SessionError as error:
        logger.info("the phone could not be hung up: {}", error)
